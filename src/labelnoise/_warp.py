"""Patches put down elsewhere: each pixel takes the label of a place beside it."""

import math
from typing import Any, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._fields import lattice_of
from ._kernel import FLOAT, INDEX, SIZE, array, inline, kernel
from ._runs import trace_runs
from ._validate import LARGEST

_OVERSHOOT = 1.5  # what a cubic B-spline of unit variance can make of unit weights, along each axis


def warp(
    codes: NDArray[Any],
    drawn: int,
    sigma: float,
    length: float,
    spacing: tuple[float, ...],
    rng: np.random.Generator,
) -> NDArray[Any]:
    """Return codes (slices, rows, columns) that a smooth Gaussian field has displaced.

    The displacement along each axis has standard deviation `sigma`, and its correlation falls to
    1/e over `length`, both in the unit of spacing; all pixels have the same if that is infinite. A
    plane is displaced within itself. A place between pixels has the label of the largest share in
    it, by linear interpolation. The border is continued, and so is what lies at pixels that stay.
    """
    runs = trace_runs(codes, drawn)
    if not runs.regions:
        return codes
    boxes = np.array([region[4] for region in runs.regions])
    low, high = boxes[:, ::2].min(axis=0), boxes[:, 1::2].max(axis=0)
    steps, knots = lattice_of((high - low - 1).tolist(), (length,) * 3, spacing)
    moving = 0 if len(codes) > 1 else 1  # the first axis along which pixels move
    lattice = np.zeros((3, *knots))
    lattice[moving:] = rng.standard_normal((3 - moving, *knots))
    lattice *= sigma / np.reshape(spacing, (3, 1, 1, 1))
    np.clip(lattice, -LARGEST, LARGEST, out=lattice)
    reach = np.abs(lattice).max(axis=(1, 2, 3)) * _OVERSHOOT**3
    margins = np.ceil(np.minimum(reach, codes.shape)).astype(np.intp) + 1
    first, last = np.maximum(low - margins, 0), np.minimum(high + margins, codes.shape)
    source = codes
    if runs.mixed and codes.max() > drawn:
        from ._distance import spread

        near = np.where(codes > drawn, -1, codes.astype(np.int32))
        spread(near, spacing)
        source = near.astype(codes.dtype)
    out = codes.copy()
    _warp(source, low, high, first, last, np.array(steps), lattice, out)
    return out


@inline
@no_type_check
def _knots(place, step, count, weights):
    # The first of the knots that a place depends on; their weights, whose squares sum to one.
    if count == 1:
        weights[0], weights[1], weights[2], weights[3] = 1.0, 0.0, 0.0, 0.0
        return INDEX(0)
    place /= step
    start = math.floor(place)
    t = place - start
    s = 1.0 - t
    weights[0] = s * s * s
    weights[1] = 4.0 - 3.0 * t * t * (1.0 + s)
    weights[2] = 4.0 - 3.0 * s * s * (1.0 + t)
    weights[3] = t * t * t
    total = 0.0
    for i in range(INDEX(4)):
        total += weights[i] * weights[i]
    for i in range(INDEX(4)):
        weights[i] /= math.sqrt(total)
    return INDEX(start)


@inline
@no_type_check
def _clip(i, n):
    return INDEX(min(max(i, 0), n - 1))


@kernel(
    lambda code: types.void(
        array(code, 3, readonly=True),
        array(SIZE, readonly=True),
        array(SIZE, readonly=True),
        array(SIZE, readonly=True),
        array(SIZE, readonly=True),
        array(FLOAT, readonly=True),
        array(FLOAT, 4, readonly=True),
        array(code, 3),
    )
)
@no_type_check
def _warp(source, low, high, first, last, steps, lattice, out):
    # The lattice covers a box; beyond it, the field goes on as at its faces.
    slices, rows, cols = SIZE(source.shape[0]), SIZE(source.shape[1]), SIZE(source.shape[2])
    deep, zero = SIZE(slices > 1), INDEX(0)
    counts = SIZE(lattice.shape[1]), SIZE(lattice.shape[2]), SIZE(lattice.shape[3])
    wide = INDEX(min(counts[2], 4))
    across_z, across_r = np.zeros(4), np.zeros(4)
    width = INDEX(last[2] - first[2])
    starts, weights = np.zeros(width, np.uintp), np.zeros((width, 4))
    for i in range(width):
        place = min(max(first[2] + SIZE(i), low[2]), high[2] - 1) - low[2]
        starts[i] = _knots(FLOAT(place), steps[2], counts[2], weights[i])
    lines = np.zeros((3, lattice.shape[3]))
    shares = np.zeros(8)
    found = np.zeros(8, source.dtype)
    for z in range(first[0], last[0]):
        place = min(max(z, low[0]), high[0] - 1) - low[0]
        start_z = _knots(FLOAT(place), steps[0], counts[0], across_z)
        for r in range(first[1], last[1]):
            place = min(max(r, low[1]), high[1] - 1) - low[1]
            start_r = _knots(FLOAT(place), steps[1], counts[1], across_r)
            lines[:] = 0.0
            for axis in range(INDEX(1 - deep), INDEX(3)):
                for a in range(min(counts[0], 4)):
                    for b in range(min(counts[1], 4)):
                        weight = across_z[INDEX(a)] * across_r[INDEX(b)]
                        for k in range(INDEX(counts[2])):
                            lines[axis, k] -= (
                                weight * lattice[axis, start_z + INDEX(a), start_r + INDEX(b), k]
                            )
            zz, rr, cc, down, across, along = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(width):
                if i == 0 or wide > 1:
                    down, across, along = 0.0, 0.0, 0.0
                    for c in range(wide):
                        knot, weight = starts[i] + c, weights[i, c]
                        across += weight * lines[1, knot]
                        along += weight * lines[2, knot]
                    for c in range(wide if deep > 0 else zero):
                        down += weights[i, c] * lines[0, starts[i] + c]
                    zz, rr, cc = math.floor(down), math.floor(across), math.floor(along)
                    down, across, along = down - zz, across - rr, along - cc
                back, bottom, right = z + SIZE(zz), r + SIZE(rr), first[2] + SIZE(i) + SIZE(cc)
                front, top, left = _clip(back, slices), _clip(bottom, rows), _clip(right, cols)
                back, bottom, right = (
                    _clip(back + deep, slices),
                    _clip(bottom + 1, rows),
                    _clip(right + 1, cols),
                )
                code = source[front, top, left]
                same = (
                    code == source[front, top, right]
                    and code == source[front, bottom, left]
                    and code == source[front, bottom, right]
                )
                if same and deep > 0:
                    same = (
                        code == source[back, top, left]
                        and code == source[back, top, right]
                        and code == source[back, bottom, left]
                        and code == source[back, bottom, right]
                    )
                if not same:
                    # Of labels with equal shares, the nearest pixel's wins, or the next one's.
                    n, most = INDEX(0), 0.0
                    for corner in range(8 if deep > 0 else 4):
                        behind = (corner & 4 != 0) != (down >= 0.5)
                        below = (corner & 2 != 0) != (across >= 0.5)
                        beside = (corner & 1 != 0) != (along >= 0.5)
                        share = (across if below else 1.0 - across) * (
                            along if beside else 1.0 - along
                        )
                        if deep > 0:
                            share *= down if behind else 1.0 - down
                        label = source[
                            back if behind else front,
                            bottom if below else top,
                            right if beside else left,
                        ]
                        k = INDEX(0)
                        while k < n and found[k] != label:
                            k += INDEX(1)
                        if k == n:
                            found[k], shares[k] = label, 0.0
                            n += INDEX(1)
                        shares[k] += share
                    for k in range(n):
                        if shares[k] > most + 1e-12:
                            most, code = shares[k], found[k]
                out[INDEX(z), INDEX(r), INDEX(first[2]) + i] = code
