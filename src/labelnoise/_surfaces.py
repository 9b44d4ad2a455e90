"""Distances between the boundaries of two masks."""

from collections.abc import Container
from typing import Any

import numpy as np
from numpy.typing import NDArray

Distances = tuple[NDArray[np.float64], NDArray[np.float64]]


def distances(
    reference: NDArray[Any],
    other: NDArray[Any],
    spacing: tuple[float, ...],
    labels: Container[int],
) -> dict[int, Distances]:
    """Measure how far the boundaries of each label lie apart in two label maps.

    Parameters
    ----------
    reference, other : array of bool or int
        Label maps of one shape; 0 is the background.
    spacing : tuple of float
        Distance of neighbouring pixels along each axis.
    labels : container of int
        The labels that are measured.

    Returns
    -------
    dict of int to pair of array
        For each label that at least one map has: the distance of every boundary pixel of the
        reference to the nearest one of the other map, and the reverse. A boundary pixel has a
        neighbour of another label along an axis, or lies at the border of the array. The distance
        to a label that a map lacks is infinite.
    """
    masks = (
        mask.view(np.uint8) != 0 if mask.dtype == bool else mask for mask in (reference, other)
    )
    points, others = (_boundaries(mask, spacing) for mask in _cropped(*masks))
    nothing = np.empty((0, len(spacing)))
    found = {}
    for label in {*points, *others}:
        if label not in labels:
            continue
        here, there = points.get(label, nothing), others.get(label, nothing)
        found[label] = _nearest(here, there), _nearest(there, here)
    return found


def _cropped(*masks: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the box of all masks' foreground."""
    for axis in sorted(range(masks[0].ndim), key=lambda axis: -abs(masks[0].strides[axis])):
        others = tuple(each for each in range(masks[0].ndim) if each != axis)
        filled = np.flatnonzero(np.logical_or.reduce([mask.any(axis=others) for mask in masks]))
        box = slice(filled[0], filled[-1] + 1) if filled.size else slice(0)
        masks = tuple(mask[(slice(None),) * axis + (box,)] for mask in masks)
    return list(masks)


def _boundaries(mask: NDArray[Any], spacing: tuple[float, ...]) -> dict[int, NDArray[np.float64]]:
    """Return the places of each label's boundary pixels, one a row."""
    is_boundary = np.zeros_like(mask, bool)
    for axis in range(mask.ndim):
        row, boundary = np.moveaxis(mask, axis, 0), np.moveaxis(is_boundary, axis, 0)
        steps = row[1:] != row[:-1]
        boundary[1:] |= steps
        boundary[:-1] |= steps
        boundary[:1] = True
        boundary[-1:] = True
    is_boundary &= mask != 0
    indices = np.nonzero(is_boundary)
    labels = mask[indices]
    order = np.argsort(labels, kind="stable")
    values, starts = np.unique(labels[order], return_index=True)
    places = np.stack(
        [index[order] * step for index, step in zip(indices, spacing, strict=True)], 1
    )
    return (
        dict(zip(values.tolist(), np.split(places, starts[1:]), strict=True)) if values.size else {}
    )


def _nearest(here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance of each place to the nearest one there."""
    from scipy.spatial import KDTree

    if not len(there):
        return np.full(len(here), np.inf)
    tree = KDTree(there, balanced_tree=False, compact_nodes=False)
    nearest: NDArray[np.float64] = tree.query(here)[0]
    return nearest
