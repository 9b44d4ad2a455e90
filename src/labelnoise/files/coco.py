"""COCO's JSON files of objects: only what describes changed masks is written anew."""

import json
import re
from collections.abc import Container, Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

from ._label import LabelError
from ._shapes import (
    Cut,
    Size,
    check_size,
    counts_of,
    from_counts,
    from_polygons,
    packed,
    to_polygons,
    unpacked,
)

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
_MOST = 2**31 - 1  # categories and runs are smaller
_CHANGED = "segmentation", "area", "bbox", "category_id"


class Place(NamedTuple):
    """Where an annotation is told in the text, and what must be known of all of them."""

    start: int
    stop: int
    id: Any
    image: Any
    category: int
    kind: str  # "mask", "crowd" or "no mask"


class Coco:
    """The objects of a data set in COCO's format.

    Parameters
    ----------
    raw : bytes
        Content of the file.

    Attributes
    ----------
    annotations : list of Place
        All annotations, in the file's order.
    images : list of (id, list of int)
        The numbers of the annotations of each image that has some.

    Raises
    ------
    ValueError
        If it is no such file.
    """

    def __init__(self, raw: bytes) -> None:
        self.annotations: list[Place] = []
        self._sizes: dict[Any, Any] = {}
        self._rest: list[tuple[str, str]] = []  # texts of all but the annotations
        try:
            self._text = raw.decode("utf-8")
            self._scan()
        except LabelError:
            raise
        except (RecursionError, ValueError) as error:
            raise ValueError(f"is damaged JSON ({error}); copy or download it again") from error
        images: dict[Any, list[int]] = {}
        for number, place in enumerate(self.annotations):
            images.setdefault(place.image, []).append(number)
        self.images = list(images.items())

    def cut(self, number: int) -> Cut:
        """Return the mask of an annotation."""
        told = self._read(number)["segmentation"]
        size = self._sizes.get(self.annotations[number].image)
        return _mask_of(told, size)

    def rewritten(self, number: int, cut: Cut, category: int) -> tuple[str, Cut]:
        """Return the text of an annotation with another mask, in the same form, and category.

        Also return the mask that a reader finds in it.

        Raises
        ------
        ValueError
            If a reader would find another mask in it.
        """
        told = self._read(number)
        new: dict[str, Any] = {}
        if category != told["category_id"]:
            new["category_id"] = category
        size = self._sizes.get(told["image_id"])
        if not cut.same(_mask_of(told["segmentation"], size)):
            segmentation = _in_form_of(told["segmentation"], cut)
            if not cut.same(_mask_of(segmentation, size)):
                raise ValueError("has a mask that polygons cannot hold; store it as RLE")
            new |= {"segmentation": segmentation, **_measured(told, cut)}
        return self._edited(self.annotations[number], new), cut

    def encode(self, texts: Mapping[int, str | None]) -> bytes:
        """Return the file with other texts of some annotations; None removes one."""
        places = self.annotations
        if not places:
            return self._text.encode()
        kept = [number for number in range(len(places)) if texts.get(number, "") is not None]
        parts = [self._text[: places[0].start]]
        for number in kept:
            if number != kept[0]:
                parts.append(self._text[places[number - 1].stop : places[number].start])
            own = self._text[places[number].start : places[number].stop]
            parts.append(texts.get(number) or own)
        parts.append(self._text[places[-1].stop :])
        return "".join(parts).encode()

    def kept(self, removed: Container[int] = ()) -> dict[str, Any]:
        """Return all that stays beside masks and categories, without some annotations."""
        digest = sha256()
        for number, place in enumerate(self.annotations):
            if number not in removed:
                digest.update(self._edited(place, dict.fromkeys(_CHANGED)).encode())
        return {**dict(self._rest), "annotations": digest.hexdigest()}

    def _scan(self) -> None:
        """Find all annotations, and the sizes of images."""
        cursor = _Cursor(self._text, 1 if self._text.startswith("\ufeff") else 0)
        if not cursor.sees("{"):
            raise LabelError("is no COCO file of a data set, which has images and annotations")
        found = set()
        for key in cursor.members():
            start = cursor.space()
            found.add(key)
            if key == "annotations":
                self.annotations = [_place(*told) for told in cursor.elements()]
                continue
            value = cursor.value()
            self._rest.append((key, self._text[start : cursor.at]))
            if key == "images":
                self._sizes = _sizes_of(value)
        cursor.end()
        if not {"images", "annotations"} <= found:
            raise LabelError("is no COCO file of a data set, which has images and annotations")

    def _read(self, number: int) -> dict[str, Any]:
        place = self.annotations[number]
        told: dict[str, Any] = json.loads(self._text[place.start : place.stop])
        return told

    def _edited(self, place: Place, new: Mapping[str, Any]) -> str:
        """Return the text of an annotation with other values of some keys."""
        cursor = _Cursor(self._text, place.start)
        parts, done = [], place.start
        for key in cursor.members():
            start = cursor.space()
            cursor.value()
            if key in new:
                old = self._text[start : cursor.at]
                style = (", ", ": ") if ", " in old else (",", ":")
                parts += [self._text[done:start], json.dumps(new[key], separators=style)]
                done = cursor.at
        return "".join([*parts, self._text[done : place.stop]])


class _Cursor:
    """A place in the text of a JSON file."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at

    def space(self) -> int:
        """Go on to what is no space, and return where it is."""
        found = _SPACE.match(self.text, self.at)
        self.at = self.at if found is None else found.end()
        return self.at

    def sees(self, sign: str) -> bool:
        """Return whether a sign comes next."""
        return self.text.startswith(sign, self.space())

    def take(self, signs: str) -> str:
        """Return the sign that comes next, one of several."""
        at = self.space()
        if at == len(self.text) or self.text[at] not in signs:
            raise json.JSONDecodeError(f"no {' or '.join(signs)}", self.text, at)
        self.at += 1
        return self.text[at]

    def value(self) -> Any:
        """Return the value that comes next."""
        value, self.at = _DECODER.raw_decode(self.text, self.space())
        return value

    def members(self) -> Iterator[str]:
        """Yield the keys of an object; the value of each must be taken."""
        self.take("{")
        if self.sees("}"):
            self.take("}")
            return
        while True:
            key = self.value()
            if not isinstance(key, str):
                raise json.JSONDecodeError("no key", self.text, self.at)
            self.take(":")
            yield key
            if self.take(",}") == "}":
                return

    def elements(self) -> Iterator[tuple[Any, int, int]]:
        """Yield the values of a list, and where each begins and ends."""
        self.take("[")
        if self.sees("]"):
            self.take("]")
            return
        while True:
            start = self.space()
            yield self.value(), start, self.at
            if self.take(",]") == "]":
                return

    def end(self) -> None:
        """Make sure that nothing follows."""
        if self.space() < len(self.text):
            raise json.JSONDecodeError("more than one value", self.text, self.at)


def _place(told: Any, start: int, stop: int) -> Place:
    """Return what must be known of an annotation."""
    try:
        number, image, category = told["id"], told["image_id"], told["category_id"]
        hash((number, image))
        if not (isinstance(category, int) and abs(category) < _MOST):
            raise TypeError
    except (KeyError, TypeError):
        raise LabelError(
            "has an annotation without id, image_id and category_id, an integer; pass a COCO file "
            "of a data set"
        ) from None
    kind = "mask" if told.get("segmentation") else "no mask"
    return Place(start, stop, number, image, category, "crowd" if told.get("iscrowd") else kind)


def _sizes_of(images: Any) -> dict[Any, Any]:
    """Return height and width of each image, None where they are not told."""
    try:
        return {each["id"]: (each.get("height"), each.get("width")) for each in images}
    except (AttributeError, KeyError, TypeError):
        raise LabelError("has an image without an id; pass a COCO file of a data set") from None


def _mask_of(told: Any, size: Any) -> Cut:
    """Return the mask that a segmentation tells: polygons, or runs of either kind."""
    known = _known(size)
    if isinstance(told, list):
        if known is None:
            raise ValueError("has polygons in an image without height and width; add them")
        return from_polygons(told, known)
    try:
        counts, own = told["counts"], _known(told["size"])
    except (KeyError, TypeError):
        counts = own = None
    if own is None or own != (known or own):
        raise ValueError("has runs without the size of its image; mend it")
    if isinstance(counts, str):
        return from_counts(unpacked(counts), own)
    whole = isinstance(counts, list) and all(isinstance(each, int) for each in counts)
    if not whole or any(abs(each) >= _MOST for each in counts):
        raise ValueError("has damaged runs; mend it")
    return from_counts(np.array(counts, np.int64), own)


def _known(size: Any) -> Size | None:
    """Return height and width, if they are that."""
    try:
        height, width = size
        both = (int(height), int(width))
    except (TypeError, ValueError, OverflowError):
        return None
    return check_size(both) if both == (height, width) else None


def _in_form_of(told: Any, cut: Cut) -> Any:
    """Return a mask as polygons, or as runs, whichever there are."""
    if isinstance(told, list):
        return [polygon.ravel().tolist() for polygon in to_polygons(cut)]
    return {**told, "counts": packed(cut) if isinstance(told["counts"], str) else counts_of(cut)}


def _measured(told: Mapping[str, Any], cut: Cut) -> dict[str, Any]:
    """Return area and bounding box where an annotation has them, as integers if it has these."""
    tight = cut.tight()
    area = tight.area()
    height, width = tight.mask.shape
    box = [tight.left, tight.top, width, height]
    whole = isinstance(told.get("bbox"), list) and all(isinstance(x, int) for x in told["bbox"])
    new = {
        "area": area if isinstance(told.get("area"), int) else float(area),
        "bbox": box if whole else [float(each) for each in box],
    }
    return {key: value for key, value in new.items() if key in told}
