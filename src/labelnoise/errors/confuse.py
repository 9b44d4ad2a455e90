"""Objects that are taken for others."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from .._codes import holds, places
from .._patch import Codes, Options, Patch, perturb, perturbation
from .._validate import check_into, check_labels, check_mask, check_number, refuse_label

Label = TypeVar("Label", bound=np.generic)
Into = Mapping[int, int | Mapping[int, float]] | Sequence[Sequence[float]] | NDArray[Any]


@perturbation
def confuse(
    mask: NDArray[Label],
    rate: float,
    *,
    into: Into | None = None,
    **options: Unpack[Options],
) -> NDArray[Label]:
    """Give some of the objects of each label another label.

    Parameters
    ----------
    rate : float
        Share of each label's objects in each patch that get another label, from 0 to 1.
    into : mapping or matrix, optional
        What is taken for what; by default any label of the patch for any other, equally often. A
        mapping gives the other label of each, ``{1: 2}``, or several with the share of each, ``{1:
        {2: 0.8, 3: 0.2}}``; labels that it does not name are not confused. A matrix has a row and a
        column for each of `labels`, in their order, as confusion matrices do: the share of the
        row's objects that get the column's label at rate 1. Its diagonal is not read. The shares of
        one label sum to at most 1.

    Notes
    -----
    An object is a connected part of one label; pixels are connected by edges and corners, in
    volumes by faces too. In each patch exactly ``round(rate * share * objects)`` objects of each
    label, picked uniformly, get another one, `share` being the sum of its shares. Of two other
    labels each gets its part of them to the rounding, of more each gets it within three objects,
    and on average every one gets it exactly. A higher rate confuses the same objects and further
    ones.

    A label that `into` names may appear in a patch, and in a mask, that did not have it.

    Counts that are exact, instead of independent draws, are those of noisy labels in [1]_.

    References
    ----------
    .. [1] Northcutt, C. G., Jiang, L., Chuang, I. L. (2021). Confident Learning: Estimating
       Uncertainty in Dataset Labels. Journal of Artificial Intelligence Research 70, 1373-1411.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.array([[1, 0, 1, 0, 1, 0, 1], [0, 0, 0, 0, 0, 0, 0], [2, 0, 2, 0, 2, 0, 2]])
    >>> confuse(mask, 0.5, rng=0)
    array([[1, 0, 2, 0, 2, 0, 1],
           [0, 0, 0, 0, 0, 0, 0],
           [2, 0, 2, 0, 1, 0, 1]])
    >>> confuse(mask, 0.5, into={1: 2}, rng=0)
    array([[1, 0, 2, 0, 2, 0, 1],
           [0, 0, 0, 0, 0, 0, 0],
           [2, 0, 2, 0, 2, 0, 2]])
    """
    rate = check_number("rate", rate, 0.0, 1.0)
    shares: dict[int, dict[int, float]] | None = None
    if into is not None:
        values = check_mask(mask)
        listed = check_labels(options.get("labels"))
        named = check_into(into, listed)
        others = {other for row in named.values() for other in row}
        for other in others if values.size else ():
            if not holds(values.dtype, other):
                refuse_label(into, other, values.dtype)
        options["labels"], code = places(values, listed, {*named, *others})
        shares = {
            code[label]: {code.get(other, 0): share for other, share in row.items()}
            for label, row in named.items()
            if label in code
        }

    def take(patch: Patch) -> Codes:
        from .._objects import find_objects

        codes, _ = patch.volume()
        objects = find_objects(codes, patch.drawn)
        present = [group.label for group in objects.groups]
        labels = list(objects.labels)
        for layer, group in enumerate(objects.groups):
            rng = patch.rng(layer)
            order = rng.permutation(group.objects).tolist()
            if shares is None:
                share, others = _in_turn(present, layer, rng)
            else:
                share, others = _by_share(shares.get(group.label, {}), rng)
            for number in order[: round(rate * share * group.objects)]:
                labels[group.start + number] = next(others)
            patch.give_back(rng)
        return objects.painted(codes, labels)

    return perturb(mask, take, **options)


def _in_turn(
    labels: list[int], place: int, rng: np.random.Generator
) -> tuple[float, Iterator[int]]:
    """Return 1, if there are other labels than one, and these in turn from a random one on."""
    others = len(labels) - 1
    if not others:
        return 0.0, iter(())
    turns = count(int(rng.integers(others)))
    return 1.0, (labels[(place + 1 + turn % others) % len(labels)] for turn in turns)


def _by_share(shares: dict[int, float], rng: np.random.Generator) -> tuple[float, Iterator[int]]:
    """Return the sum of shares, and labels, of which the first n have their shares for every n.

    Each label in turn gets its part of the numbers that those before it left, evenly spaced from a
    random one on.
    """
    labels = sorted(shares)
    phases = rng.random(len(labels))

    def draw() -> Iterator[int]:
        counts = [0] * len(labels)
        while True:
            for place, label in enumerate(labels):
                part = shares[label] / math.fsum(shares[each] for each in labels[place:])
                before = math.floor(counts[place] * part + phases[place])
                counts[place] += 1
                if math.floor(counts[place] * part + phases[place]) > before or label == labels[-1]:
                    yield label
                    break

    return math.fsum(shares.values()), draw()
