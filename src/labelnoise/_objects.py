"""Patches as objects: the connected pixels of one label, by edges, faces and corners."""

from bisect import bisect_left
from collections.abc import Container, Iterator
from typing import Any, NamedTuple, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import BYTE, INDEX, SIZE, array, kernel
from ._runs import trace_runs

_INT = types.int32


class Group(NamedTuple):
    """What one label has: objects from `start` up to `stop`, and a slice of the runs."""

    label: int
    start: int
    stop: int
    runs: slice

    @property
    def objects(self) -> int:
        """Number of objects."""
        return self.stop - self.start


class Objects(NamedTuple):
    """The objects of one patch, numbered in drawing order of their labels, then by first pixel.

    Attributes
    ----------
    runs : (n, 3) int32 array
        Row, first column and column behind the last of each run of pixels, label by label.
    owners : (n,) int32 array
        Object of each run.
    labels : list of int
        Label of each object.
    sizes : (k,) int64 array
        Number of pixels of each object.
    groups : list of Group
        The labels that are drawn and that the patch has.
    """

    runs: NDArray[np.int32]
    owners: NDArray[np.int32]
    labels: list[int]
    sizes: NDArray[np.int64]
    groups: list[Group]

    def group_of(self, label: int) -> Group | None:
        """Return the group of a label, if there is one."""
        place = bisect_left(self.groups, label, key=lambda group: group.label)
        found = self.groups[place : place + 1]
        return found[0] if found and found[0].label == label else None

    def due(self, rate: float, labels: Container[int] | None) -> Iterator[tuple[int, int]]:
        """Tell in which order labels get changes: ``round(rate * objects)`` for each in the end.

        Yields the place of a label in `groups`, and how many changes it has had before; only of
        some labels if they are given. A lower rate gives the beginning of the same order.
        """
        found = []
        for place, group in enumerate(self.groups):
            if labels is not None and group.label not in labels:
                continue
            count = group.objects
            found += [((m + 0.5) / count, place, m) for m in range(round(rate * count))]
        return ((place, m) for _, place, m in sorted(found))

    def without(
        self, codes: NDArray[Any], drawn: int, missed: list[int], spacing: tuple[float, ...]
    ) -> NDArray[Any]:
        """Return codes in which objects, one after the other, are taken for what surrounds them.

        What was taken for another object before goes on with it, as a part of it. One that touches
        nothing but labels that stay remains.
        """
        touched = self.neighbours(codes, drawn, missed, spacing)
        taken_for = [*range(len(self.labels)), -1]
        labels = [*self.labels, 0]

        def whole(number: int) -> int:
            while taken_for[number] != number:
                taken_for[number] = taken_for[taken_for[number]]
                number = taken_for[number]
            return number

        for number in missed:
            around: dict[int, float] = {}
            for other, length in touched[number].items():
                around[whole(other)] = around.get(whole(other), 0.0) + length
            around.pop(number, None)
            larger = surrounding(labels[number], around, labels)
            if larger is None:  # what lay between it and others of its label is a part of it now
                larger = max(around, key=lambda other: (around[other], -other), default=number)
            taken_for[number] = larger
            if larger in touched and larger != number:
                for other, length in around.items():
                    touched[larger][other] = touched[larger].get(other, 0.0) + length
        return self.painted(codes, [labels[whole(number)] for number in range(len(self.labels))])

    def painted(self, codes: NDArray[Any], labels: list[int]) -> NDArray[Any]:
        """Return codes in which each object has a new label."""
        out = codes.copy()
        new = np.array(labels, codes.dtype)[self.owners]
        changed = new != np.array(self.labels, codes.dtype)[self.owners]
        _paint(out.reshape(-1, codes.shape[-1]), self.runs[changed], new[changed])
        return out

    def neighbours(
        self, codes: NDArray[Any], drawn: int, chosen: list[int], spacing: tuple[float, ...]
    ) -> dict[int, dict[int, float]]:
        """Return, for each chosen object, the others that it touches and how much it touches them.

        The background counts as an object of number -1. How much is a length, in volumes an area.
        """
        which = np.zeros(len(self.labels), bool)
        which[chosen] = True
        owners = np.empty(codes.shape, np.int32)
        lines = owners.reshape(-1, codes.shape[-1])
        lines.fill(-1)
        _paint(lines, self.runs, self.owners)
        runs = np.flatnonzero(which[self.owners])
        size = 64 * len(runs) + 64
        while True:
            found = np.empty((size, 2), np.int64)
            n = _touch(codes, owners, drawn, self.runs[runs], self.owners[runs], found)
            if n <= size:
                break
            size = n
        base = 3 * len(self.labels) + 3  # the background has the number -1
        pairs, counts = np.unique(found[:n, 0] * base + found[:n, 1] + 3, return_counts=True)
        faces = [np.prod(spacing) / step for step in spacing]
        table: dict[int, dict[int, float]] = {number: {} for number in chosen}
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            number, other = divmod(pair, base)
            other, axis = other // 3 - 1, other % 3
            table[number][other] = table[number].get(other, 0.0) + count * faces[axis]
        return table


class Extents(NamedTuple):
    """Where the objects of a region begin and end.

    Attributes
    ----------
    slices : (k, 2) intp array
        First slice of each object, and the slice behind its last.
    owners : (n,) int32 array
        Object of each run of the region.
    """

    slices: NDArray[np.intp]
    owners: NDArray[np.int32]


def surrounding(label: int, around: dict[int, float], labels: list[int]) -> int | None:
    """Return which of the objects around one of a label it is taken for, if any.

    Those drawn earlier come first, with the background, and of their labels the one that touches
    it most, `labels` being those of all objects.
    """
    lengths: dict[int, float] = {}
    for other, length in around.items():
        if labels[other] != label:
            lengths[labels[other]] = lengths.get(labels[other], 0.0) + length
    if not lengths:
        return None
    likely = max(lengths, key=lambda each: (each < label, lengths[each], -each))
    return max(
        (other for other in around if labels[other] == likely),
        key=lambda other: (around[other], -other),
    )


def find_extents(runs: NDArray[np.int32], height: int) -> Extents:
    """Find the objects of the runs of one label, in slices of so many rows."""
    owners, (_, count) = connect(runs, [len(runs)], height)
    slices = (runs[:, 0] // height).astype(np.intp)
    _, first = np.unique(owners, return_index=True)
    last = np.zeros(count, np.intp)
    np.maximum.at(last, owners, slices + 1)
    return Extents(np.stack([slices[first], last], axis=1), owners)


def find_objects(codes: NDArray[Any], drawn: int) -> Objects:
    """Find the objects of the labels 1 to `drawn` in codes (slices, rows, columns)."""
    runs = trace_runs(codes, drawn)
    table = runs.table
    owners, ends = connect(table, [region[2] for region in runs.regions], codes.shape[1])
    groups = [
        Group(label, start, stop, slice(first, last))
        for (label, first, last, *_), start, stop in zip(
            runs.regions, ends[:-1], ends[1:], strict=True
        )
    ]
    lengths = table[:, 2] - table[:, 1]
    sizes = np.bincount(owners, lengths, ends[-1]).astype(np.int64)
    labels = [group.label for group in groups for _ in range(group.objects)]
    return Objects(table, owners, labels, sizes, groups)


def paint_runs(codes: NDArray[np.uint8], runs: NDArray[np.int32]) -> None:
    """Set the pixels of runs to 1."""
    _paint(codes.reshape(-1, codes.shape[-1]), runs, np.ones(len(runs), np.uint8))


def connect(
    runs: NDArray[np.int32], stops: list[int], height: int
) -> tuple[NDArray[np.int32], list[int]]:
    """Return the object of each run, and how many objects there are before and behind each label.

    The runs of a label end at one of `stops`, in slices of so many rows.
    """
    owners = np.arange(len(runs), dtype=np.int32)
    count = np.zeros(len(stops) + 1, np.intp)
    _connect(runs, np.array(stops, np.intp), height, owners, count)
    return owners, count.tolist()


def move_ends(
    codes: NDArray[Any],
    label: int,
    runs: NDArray[np.int32],
    extents: Extents,
    shifts: NDArray[np.float64],
) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """Return the mask of a label whose objects end elsewhere, and the slices that it covers.

    The mask has all rows and columns.
    """
    old, slices = extents.slices, len(codes)
    free = np.zeros(old.shape, np.bool_)
    _free(codes, label, runs, extents.owners, old, free.view(np.uint8))
    moved = np.clip(np.floor(np.clip(old + shifts, 0, slices) + 0.5), 0, slices)
    new = np.where(free, moved, old).astype(np.intp)
    front, back = int(min(old.min(), new.min())), int(max(old.max(), new.max()))
    mask = np.zeros((back - front, *codes.shape[1:]), np.uint8)
    _extend(runs, extents.owners, old, new, front, mask)
    return mask.view(np.bool_), (front, back)


@kernel(
    types.void(
        array(_INT, 2, readonly=True),
        array(SIZE, readonly=True),
        SIZE,
        array(_INT),
        array(SIZE),
    )
)
@no_type_check
def _connect(table, stops, height, owners, count):
    # Union-find over runs: each one is joined to those that it touches in the row above and in
    # three rows of the slice before. Runs that may touch lie behind a mark that only moves on.
    marks, offsets = np.empty(4, np.uintp), np.empty(4, np.intp)
    offsets[0], offsets[1], offsets[2], offsets[3] = 1, height + 1, height, height - 1
    first, found = INDEX(0), _INT(0)
    for g in range(INDEX(stops.size)):
        last = INDEX(stops[g])
        marks[:] = first
        for k in range(first, last):
            row, start, stop = SIZE(table[k, 0]), table[k, 1], table[k, 2]
            place = row % height
            for i in range(INDEX(4)):
                if (i < INDEX(2) and place == 0) or (i == INDEX(3) and place == height - 1):
                    continue
                above = row - offsets[i]
                m = marks[i]
                while m < k and (
                    table[m, 0] < above or (table[m, 0] == above and table[m, 2] < start)
                ):
                    m += INDEX(1)
                marks[i] = m
                while m < k and table[m, 0] == above and table[m, 1] <= stop:
                    one, other = INDEX(k), m
                    while INDEX(owners[one]) != one:
                        owners[one] = owners[INDEX(owners[one])]
                        one = INDEX(owners[one])
                    while INDEX(owners[other]) != other:
                        owners[other] = owners[INDEX(owners[other])]
                        other = INDEX(owners[other])
                    if one < other:
                        owners[other] = one
                    else:
                        owners[one] = other
                    m += INDEX(1)
        for k in range(first, last):  # the first run of each object stands for it
            if INDEX(owners[k]) == k:
                owners[k] = -1 - found
                found += _INT(1)
            else:
                owners[k] = owners[INDEX(owners[k])]
        for k in range(first, last):
            owners[k] = -1 - owners[k]
        first = last
        count[g + INDEX(1)] = found


@kernel(
    lambda code: types.void(
        array(code, 2), array(_INT, 2, readonly=True), array(code, readonly=True)
    )
)
@no_type_check
def _paint(lines, runs, values):
    for k in range(INDEX(runs.shape[0])):
        for col in range(INDEX(runs[k, 1]), INDEX(runs[k, 2])):
            lines[INDEX(runs[k, 0]), col] = values[k]


@kernel(
    lambda code: SIZE(
        array(code, 3, readonly=True),
        array(_INT, 3, readonly=True),
        SIZE,
        array(_INT, 2, readonly=True),
        array(_INT, readonly=True),
        array(types.int64, 2),
    )
)
@no_type_check
def _touch(codes, owners, drawn, runs, mine, found):
    # Lists each edge or face between an object and another one, or the background: the object, and
    # three times the other one's number plus the axis. Returns how many there are.
    slices, rows, cols = SIZE(codes.shape[0]), SIZE(codes.shape[1]), SIZE(codes.shape[2])
    capacity, n = SIZE(found.shape[0]), SIZE(0)
    for k in range(INDEX(runs.shape[0])):
        z, r = SIZE(runs[k, 0]) // rows, SIZE(runs[k, 0]) % rows
        start, stop = SIZE(runs[k, 1]), SIZE(runs[k, 2])
        for side in range(6):
            axis, step = side // 2, 2 * (side % 2) - 1
            zz, rr = z + step * (axis == 0), r + step * (axis == 1)
            if zz < 0 or rr < 0 or zz >= slices or rr >= rows:
                continue
            low, high = start, stop
            if axis == 2:
                low = start - 1 if step < 0 else stop
                high = low + 1
            for c in range(max(low, 0), min(high, cols)):
                if codes[INDEX(zz), INDEX(rr), INDEX(c)] > drawn:
                    continue
                other = owners[INDEX(zz), INDEX(rr), INDEX(c)]
                if other != mine[k]:
                    if n < capacity:
                        found[n, 0], found[n, 1] = mine[k], 3 * types.int64(other) + axis
                    n += 1
    return n


@kernel(
    lambda code: types.void(
        array(code, 3, readonly=True),
        SIZE,
        array(_INT, 2, readonly=True),
        array(_INT, readonly=True),
        array(SIZE, 2, readonly=True),
        array(BYTE, 2),
    )
)
@no_type_check
def _free(codes, label, runs, owners, slices, free):
    # An end moves if it borders on what is drawn earlier, in the next slice.
    rows = SIZE(codes.shape[1])
    for k in range(INDEX(runs.shape[0])):
        z, r, mine = SIZE(runs[k, 0]) // rows, SIZE(runs[k, 0]) % rows, INDEX(owners[k])
        for end in range(INDEX(2)):
            across = z - 1 if end == INDEX(0) else z + 1
            last = slices[mine, 0] if end == INDEX(0) else slices[mine, 1] - 1
            if z != last or across < 0 or across >= codes.shape[0]:
                continue
            for c in range(INDEX(runs[k, 1]), INDEX(runs[k, 2])):
                if codes[INDEX(across), INDEX(r), c] < label:
                    free[mine, end] = 1


@kernel(
    types.void(
        array(_INT, 2, readonly=True),
        array(_INT, readonly=True),
        array(SIZE, 2, readonly=True),
        array(SIZE, 2, readonly=True),
        SIZE,
        array(BYTE, 3),
    )
)
@no_type_check
def _extend(runs, owners, old, new, front, mask):
    rows = SIZE(mask.shape[1])
    for k in range(INDEX(runs.shape[0])):
        z, r, mine = SIZE(runs[k, 0]) // rows, SIZE(runs[k, 0]) % rows, INDEX(owners[k])
        low, high = z, z + 1
        if z == old[mine, 0]:
            low = min(low, new[mine, 0])
        if z == old[mine, 1] - 1:
            high = max(high, new[mine, 1])
        for slice_ in range(max(low, new[mine, 0]), min(high, new[mine, 1])):
            for c in range(INDEX(runs[k, 1]), INDEX(runs[k, 2])):
                mask[INDEX(slice_ - front), INDEX(r), c] = 1
