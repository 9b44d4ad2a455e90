"""Regions as outlines: closed polygons along the edges of their pixels."""

import numpy as np
from numpy.typing import NDArray


def outlines(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the corners (x, y) of each outline in turn, the first one again at its end.

    The second array tells which ones begin an outline. A corner is where an edge turns; where two
    pixels touch by corners alone there are two. Pixel (0, 0) lies between the corners (0, 0) and
    (1, 1).
    """
    turns = np.diff(np.diff(np.pad(mask, 1).astype(np.int8), axis=0), axis=1)
    rows, columns = np.nonzero(turns)
    corners = np.column_stack([columns, rows]).repeat(np.abs(turns[rows, columns]), axis=0)
    # Edges join a corner to a neighbour in its row and to one in its column.
    beside = np.arange(len(corners)) ^ 1
    down = np.argsort(corners[:, 0], kind="stable")
    below = np.empty_like(down)
    below[down] = down[beside]
    across, up, left = beside.tolist(), below.tolist(), [True] * len(corners)
    way: list[int] = []
    starts = []
    for start in range(len(corners)):
        if left[start]:
            starts.append(len(way))
            corner = start
            while left[corner]:
                opposite = up[corner]
                left[corner] = left[opposite] = False
                way += corner, opposite
                corner = across[opposite]
            way.append(start)
    begins = np.zeros(len(way), bool)
    begins[starts] = True
    return corners[way], begins
