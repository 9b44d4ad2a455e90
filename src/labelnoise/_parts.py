"""Single objects cut out of a patch, and put together again."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._objects import Extents, move_ends, paint_runs
from ._patch import Codes

Box = tuple[int, ...]  # first and behind the last slice, row and column


class Part(NamedTuple):
    """What lies around an object.

    Attributes
    ----------
    codes : array of uint8
        1 for the object, 2 for what stays, 0 for the rest.
    runs : (n, 3) int32 array
        Runs of the object in the codes.
    low, high : list of int
        First slice, row and column of the object in the codes, and those behind its last.
    corner : list of int
        Place of the codes in the patch.
    """

    codes: NDArray[np.uint8]
    runs: NDArray[np.int32]
    low: list[int]
    high: list[int]
    corner: list[int]

    def end_elsewhere(self, shifts: NDArray[np.float64]) -> None:
        """Let the object begin and end so many slices farther out, in place."""
        extents = Extents(
            np.array([[self.low[0], self.high[0]]], np.intp), np.zeros(len(self.runs), np.int32)
        )
        mask, (front, back) = move_ends(self.codes, 1, self.runs, extents, shifts * (-1, 1))
        stays = self.codes == 2
        self.codes[~stays] = 0
        self.codes[front:back][mask & ~stays[front:back]] = 1

    def place(self, box: Any) -> Box:
        """Return where a box in the codes lies in the patch."""
        return tuple((np.reshape(box, (3, 2)) + np.reshape(self.corner, (3, 1))).ravel().tolist())

    def hull(self, box: Box) -> Box:
        """Return the smallest box that holds another one and the object."""
        low, high = np.minimum(self.low, box[::2]), np.maximum(self.high, box[1::2])
        return tuple(np.stack([low, high], axis=1).ravel().tolist())


def cut_out(codes: Codes, label: int, runs: NDArray[np.int32], margins: Any) -> Part:
    """Return what lies around an object of a label, with margins of so many pixels."""
    height = codes.shape[1]
    own = np.column_stack([runs[:, 0] // height, runs[:, 0] % height, runs[:, 1:]]).astype(np.intp)
    low, high = own[:, :3].min(axis=0), own[:, [0, 1, 3]].max(axis=0) + np.array([1, 1, 0])
    room = np.minimum(margins, codes.shape).astype(np.intp)
    first, last = np.maximum(low - room, 0), np.minimum(high + room, codes.shape)
    around = codes[tuple(map(slice, first.tolist(), last.tolist()))]
    part = np.where(around > label, np.uint8(2), np.uint8(0))
    own -= np.append(first, first[2])
    table = np.column_stack([own[:, 0] * part.shape[1] + own[:, 1], own[:, 2:]]).astype(np.int32)
    paint_runs(part, table)
    return Part(part, table, (low - first).tolist(), (high - first).tolist(), first.tolist())


def together(drawn: list[tuple[NDArray[np.bool_], Box]]) -> tuple[NDArray[np.bool_], Box]:
    """Return one mask of several, and the box that it covers."""
    boxes = np.array([box for _, box in drawn])
    low, high = boxes[:, ::2].min(axis=0), boxes[:, 1::2].max(axis=0)
    mask = np.zeros(high - low, np.bool_)
    for (each, _), box in zip(drawn, boxes - np.repeat(low, 2), strict=True):
        mask[tuple(map(slice, box[::2].tolist(), box[1::2].tolist()))] |= each
    return mask, tuple(np.stack([low, high], axis=1).ravel().tolist())
