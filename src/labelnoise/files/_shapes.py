"""Objects of images as masks, runs and polygons."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]  # height and width of an image
_LARGEST = 2**31  # pixels of an image


class Cut(NamedTuple):
    """The mask of one object, cut out of its image.

    Attributes
    ----------
    mask : array of bool
        The mask, in a box that holds all of it.
    top, left : int
        First row and column of the box.
    size : tuple of int
        Height and width of the image.
    """

    mask: NDArray[np.bool_]
    top: int
    left: int
    size: Size

    def area(self) -> int:
        """Return the number of pixels."""
        return int(np.count_nonzero(self.mask))

    def same(self, other: "Cut") -> bool:
        """Return whether another object has the same pixels."""
        one, two = self.tight(), other.tight()
        return one[1:] == two[1:] and np.array_equal(one.mask, two.mask)

    def tight(self) -> "Cut":
        """Return the same in the smallest box, an empty one at the corner without pixels."""
        rows, columns = (np.flatnonzero(self.mask.any(axis)) for axis in (1, 0))
        if not rows.size:
            return Cut(np.zeros((0, 0), np.bool_), 0, 0, self.size)
        (top, bottom), (left, right) = rows[[0, -1]].tolist(), columns[[0, -1]].tolist()
        inner = self.mask[top : bottom + 1, left : right + 1]
        return Cut(inner, self.top + top, self.left + left, self.size)

    def grown(self, margin: int) -> "Cut":
        """Return the same in a box that is larger by a margin, within the image."""
        bottom, right = self.top + self.mask.shape[0], self.left + self.mask.shape[1]
        top, left = max(self.top - margin, 0), max(self.left - margin, 0)
        below = min(bottom + margin, self.size[0]) - bottom
        beside = min(right + margin, self.size[1]) - right
        mask = np.pad(self.mask, ((self.top - top, below), (self.left - left, beside)))
        return Cut(mask, top, left, self.size)

    def is_whole(self) -> bool:
        """Return whether the box is the image."""
        return self.mask.shape == self.size

    def touches(self) -> bool:
        """Return whether the mask touches a side of its box that is none of the image's."""
        bottom, right = self.top + self.mask.shape[0], self.left + self.mask.shape[1]
        sides = (
            (self.top > 0, self.mask[:1]),
            (bottom < self.size[0], self.mask[-1:]),
            (self.left > 0, self.mask[:, :1]),
            (right < self.size[1], self.mask[:, -1:]),
        )
        return any(inside and bool(line.any()) for inside, line in sides)

    def overlap(self, other: "Cut") -> tuple[int, int, int]:
        """Return the numbers of pixels of both, of this one and of the other."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        inner = [
            each.mask[max(top - each.top, 0) :, max(left - each.left, 0) :]
            for each in (self, other)
        ]
        rows, columns = (min(each.shape[axis] for each in inner) for axis in (0, 1))
        both = inner[0][:rows, :columns] & inner[1][:rows, :columns]
        return int(both.sum()), self.area(), other.area()


def from_counts(counts: NDArray[np.int64], size: Size) -> Cut:
    """Return the mask of which runs are told: background, object, and so on, down the columns."""
    height, width = check_size(size)
    if (counts < 0).any() or counts.sum() != height * width:
        raise ValueError(f"has runs that do not make up its {width} x {height} pixels; mend it")
    stops = np.cumsum(counts)[1::2]
    starts = stops - counts[1::2]
    starts, lasts = starts[stops > starts], stops[stops > starts] - 1
    if not starts.size:
        return Cut(np.zeros((0, 0), np.bool_), 0, 0, size)
    left, right = int(starts[0] // height), int(lasts[-1] // height) + 1
    top, bottom = int((starts % height).min()), int((lasts % height).max()) + 1
    if (starts // height != lasts // height).any():  # a run goes on at the top of the next column
        top, bottom = 0, height
    tall = bottom - top
    steps = np.zeros(tall * (right - left) + 1, np.int8)
    np.add.at(steps, (starts // height - left) * tall + starts % height - top, 1)
    np.add.at(steps, (lasts // height - left) * tall + lasts % height - top + 1, -1)
    filled = np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_)
    return Cut(filled.reshape(right - left, tall).T, top, left, size)


def counts_of(cut: Cut) -> list[int]:
    """Return the runs of a mask, as `from_counts` takes them."""
    height, width = cut.size
    columns = np.pad(cut.mask.T.view(np.int8), ((0, 0), (1, 1)))
    steps = np.diff(columns, axis=1)
    starts, stops = (
        (column + cut.left) * height + row + cut.top
        for column, row in (np.nonzero(steps == step) for step in (1, -1))
    )
    apart = starts[1:] != stops[:-1]  # a run may go on at the top of the next column
    ends = np.stack([starts[np.append(True, apart)], stops[np.append(apart, True)]], axis=1)
    counts = np.diff(ends.ravel(), prepend=0, append=height * width).tolist()
    return [int(count) for count in counts[: -1 if counts[-1] == 0 else None]]


def unpacked(text: str) -> NDArray[np.int64]:
    """Return the runs that COCO's compressed text tells."""
    codes = np.frombuffer(text.encode("ascii", "replace"), np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero((codes & 32) == 0)
    lengths = np.diff(ends, prepend=-1)
    whole = codes.size == 0 or (ends.size and ends[-1] == codes.size - 1 and lengths.max() < 9)
    if not whole or (codes < 0).any() or (codes > 63).any():
        raise ValueError("has damaged runs; mend it")
    if not codes.size:
        return codes
    places = np.arange(codes.size) - np.repeat(ends - lengths + 1, lengths)
    values = np.add.reduceat((codes & 31) << (5 * places), ends - lengths + 1)
    values -= np.where(codes[ends] & 16, np.int64(1) << (5 * lengths), 0)
    values[1::2] = np.cumsum(values[1::2])  # from the third on, steps from the last but one
    values[2::2] = np.cumsum(values[2::2])
    return values


def packed(cut: Cut) -> str:
    """Return the runs of a mask as COCO's compressed text."""
    height, width = cut.size
    made = _pycocotools().frPyObjects(
        {"size": [height, width], "counts": counts_of(cut)}, *cut.size
    )
    return str(made["counts"].decode("ascii"))


def from_polygons(polygons: Sequence[Any], size: Size) -> Cut:
    """Return the pixels that lie in polygons x, y, x, y, ..., by the rule of pycocotools."""
    height, width = check_size(size)
    whole = []
    for polygon in polygons:
        try:
            points = np.asarray(polygon, np.float64)
        except (TypeError, ValueError):
            points = np.empty((0, 0))
        if points.ndim != 1 or points.size % 2:
            raise ValueError("has a polygon that is no list of pairs of numbers; mend it")
        far = 10 * (height + width)
        if not (np.abs(points) <= far).all():
            raise ValueError(
                f"has a polygon that lies far outside its {width} x {height} pixels; mend it"
            )
        if points.size >= 6:
            whole.append(points.tolist())
    mask = _pycocotools()
    runs = mask.merge(mask.frPyObjects(whole, height, width)) if whole else None
    if runs is None:
        return Cut(np.zeros((0, 0), np.bool_), 0, 0, size)
    return from_counts(unpacked(runs["counts"].decode("ascii")), size)


def to_polygons(cut: Cut) -> list[NDArray[np.float64]]:
    """Return polygons (n, 2) of x and y round the parts of a mask, half way between pixels.

    A hole is cut open: a line of no width leads to it and back, so it lies outside its polygon.
    """
    import cv2

    from .._contours import trace_contours
    from .._runs import trace_runs

    mask = np.ascontiguousarray(cut.mask).view(np.uint8)
    table = trace_runs(mask[np.newaxis], 1).table
    contours = trace_contours(mask[np.newaxis], 1, table)
    _, parts = cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_32S)
    stops = contours.stops.astype(np.intp)
    outer: dict[int, NDArray[np.float64]] = {}
    holes: list[tuple[int, NDArray[np.float64]]] = []
    for start, stop, area in zip(
        np.append(0, stops[:-1]).tolist(), stops.tolist(), contours._areas().tolist(), strict=True
    ):
        points = contours.points[start:stop]
        part = int(parts[int(points[0, 0]), int(points[0, 1] + 0.5)])
        ways = np.diff(points, axis=0, append=points[:1])
        corners = points[(ways != np.roll(ways, 1, axis=0)).any(axis=1)]
        polygon = corners[:, ::-1] + (cut.left + 0.5, cut.top + 0.5)
        if area > 0:
            outer[part] = polygon
        else:
            holes.append((part, polygon))
    for part, hole in holes:
        outer[part] = joined([outer[part], hole])
    return list(outer.values())


def joined(polygons: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return one polygon of several, with lines of no width between them."""
    from scipy.spatial import cKDTree

    first, *others = polygons
    for other in others:
        distances, places = cKDTree(first).query(other)
        here = int(distances.argmin())
        there = int(places[here])
        way = np.concatenate([other[here:], other[: here + 1]])
        first = np.concatenate([first[: there + 1], way, first[there:]])
    return first


def check_size(size: Size) -> Size:
    """Return the size of an image that can be."""
    if not (min(size) > 0 and size[0] * size[1] < _LARGEST):
        raise ValueError(f"has an image of {size[1]} x {size[0]} pixels; mend its size")
    return size


def _pycocotools() -> Any:
    try:
        from pycocotools import mask
    except ImportError as error:
        raise ImportError("polygons need pycocotools; pip install labelnoise[coco]") from error
    return mask
