"""Images among labels: by their names, and by their values."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MARKED = re.compile(r"(.+)(_(?:cp_masks|masks?|seg|segmentation|labels?|gt))", re.IGNORECASE)
_IMAGE = re.compile(
    r"(.+?)(?:_(?:im(?:g|age)|\d{4}|ct|mri?|pet|flair|t[12]\w{0,2}))?", re.IGNORECASE
)
_FOLDER = re.compile(r"(?:images?|imgs?)(?:tr|ts)?", re.IGNORECASE)
_MANY = 64  # grey values that an image has at least


def image_beside(cases: Iterable[str]) -> tuple[str, str, str] | None:
    """Return a case that seems to be an image, the label beside it, and a pattern of labels.

    Images are known by labels of the same name followed by ``_mask`` or the like, or in a folder
    beside that of the images.
    """
    cases = sorted(cases)
    marked = {found[1]: found for case in cases if (found := _MARKED.fullmatch(case))}
    folders: dict[tuple[str, ...], str] = {}
    for case in cases:
        for key, name in _folders(case):
            if not _FOLDER.fullmatch(name):
                folders.setdefault(key, name)
    for case in cases:
        found = _IMAGE.fullmatch(case)
        label = marked.get(case) or (marked.get(found[1]) if found else None)
        if label and not _MARKED.fullmatch(case):
            return case, label[0], f"*{label[2]}*"
        for key, name in _folders(case):
            if _FOLDER.fullmatch(name) and key in folders:
                other = "/".join(part or folders[key] for part in key)
                return case, other, f"{folders[key]}/*"
    return None


def without_mark(case: str) -> str:
    """Return a name without ``_mask`` or the like at its end."""
    found = _MARKED.fullmatch(case)
    return found[1] if found else case


def _folders(case: str) -> Iterable[tuple[tuple[str, ...], str]]:
    """Yield each folder on the way to a case, with the parts of the name without it."""
    parts = tuple(case.split("/"))
    for index, name in enumerate(parts[:-1]):
        yield (*parts[:index], "", *parts[index + 1 :]), name


def looks_like_image(labels: NDArray[Any]) -> bool:
    """Return whether the values of a map are those of an image, not labels.

    An image has many values, each in very many places of few pixels, without background between. An
    instance map has many values too, but each in one place or a few, or with background between.
    """
    from skimage.measure import label as components

    section = _middle(labels)[:1024, :1024]
    values, codes, counts = np.unique(section, return_inverse=True, return_counts=True)
    if len(values) <= _MANY:
        return False
    codes = codes.reshape(section.shape) + 1
    codes[codes == counts.argmax() + 1] = 0  # background, or air
    count: Any = components
    places, pixels = int(count(codes, background=0, connectivity=2).max()), (codes > 0).sum()
    steps = (codes[:, 1:] != codes[:, :-1]) & (codes[:, 1:] > 0) & (codes[:, :-1] > 0)
    return bool(places > max(10 * len(values), pixels / 4) and steps.sum() > pixels / 2)


def _middle(labels: NDArray[Any]) -> NDArray[Any]:
    """Return the section through the middle of the axis with the fewest pixels."""
    while labels.ndim > 2:
        axis = int(np.argmin(labels.shape))
        labels = labels.take(labels.shape[axis] // 2, axis)
    return labels
