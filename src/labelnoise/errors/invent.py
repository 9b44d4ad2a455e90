"""Objects that are not there."""

from collections.abc import Iterable
from typing import TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from .._codes import name_objects
from .._patch import Codes, Options, Patch, perturb, perturbation
from .._validate import check_number

Label = TypeVar("Label", bound=np.generic)


@perturbation
def invent(
    mask: NDArray[Label],
    rate: float,
    *,
    of: Iterable[int] | None = None,
    **options: Unpack[Options],
) -> NDArray[Label]:
    """Add objects that are not there, with the shapes and sizes of those that are.

    Parameters
    ----------
    rate : float
        Number of invented objects of each label in each patch, as a share of its objects, from 0 to
        1.
    of : sequence of int, optional
        The labels of which objects are invented; by default all that are drawn.

    Notes
    -----
    An object is a connected part of one label; pixels are connected by edges and corners, in
    volumes by faces too. In each patch ``round(rate * objects)`` objects of each label are added.
    Each is a copy of one of the label's objects, picked uniformly, turned in its plane by a random
    angle and mirrored in half of the cases; if it falls into pieces, the largest is drawn.

    It lies at a random place on what surrounds its model, so lesions are invented in the liver: of
    the labels that are drawn earlier and the background, on the one with which the model has the
    longest common boundary. It touches no other object of its label. If it does not fit at 16
    places, a copy three quarters as large is tried, and so on, at last a single pixel. If that does
    not fit either, there are fewer objects. A higher rate adds the same objects and further ones.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((7, 9), np.uint8)
    >>> mask[1:3, 1:5] = 1
    >>> invent(mask, 1.0, rng=0)
    array([[0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 1, 1, 1, 1, 0, 0, 0, 0],
           [0, 1, 1, 1, 1, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 1, 1, 0, 0, 0, 0, 0, 0],
           [1, 1, 1, 1, 1, 0, 0, 0, 0],
           [0, 0, 1, 1, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    rate = check_number("rate", rate, 0.0, 1.0)
    options["labels"], among = name_objects(mask, options.get("labels"), of)

    def add(patch: Patch) -> Codes:
        from .._objects import find_objects, surrounding
        from .._stamps import stamp

        codes, spacing = patch.volume()
        objects = find_objects(codes, patch.drawn)
        rngs = [patch.rng(layer) for layer in range(len(objects.groups))]
        picks = [
            group.start + rng.integers(group.objects, size=group.objects)
            for group, rng in zip(objects.groups, rngs, strict=True)
        ]
        models = [(place, int(picks[place][m])) for place, m in objects.due(rate, among)]
        touched = objects.neighbours(codes, patch.drawn, [model for _, model in models], spacing)
        labels = [*objects.labels, 0]
        out = codes.copy()
        for place, model in models:
            group = objects.groups[place]
            ground = surrounding(group.label, touched[model], labels)
            if ground is not None:
                stamp(objects, group, model, labels[ground], spacing, rngs[place], out)
        return out

    return perturb(mask, add, **options)
