"""Objects that are missed."""

from collections.abc import Iterable
from typing import TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from .._codes import name_objects
from .._patch import Codes, Options, Patch, perturb, perturbation
from .._validate import check_number

Label = TypeVar("Label", bound=np.generic)


@perturbation
def omit(
    mask: NDArray[Label],
    rate: float,
    *,
    of: Iterable[int] | None = None,
    **options: Unpack[Options],
) -> NDArray[Label]:
    """Miss some of the objects of each label, more often small ones.

    Parameters
    ----------
    rate : float
        Share of each label's objects in each patch that are missed, from 0 to 1.
    of : sequence of int, optional
        The labels whose objects may be missed; by default all that are drawn.

    Notes
    -----
    An object is a connected part of one label; pixels are connected by edges and corners, in
    volumes by faces too. In each patch exactly ``round(rate * objects)`` objects of each label are
    missed, so a single object is missed at rates above 0.5. One object is missed before another by
    chance, and ten times as likely if it is ten times as small. A higher rate misses the same
    objects and further ones.

    A missed object is taken for what surrounds it: of the labels that are drawn earlier and the
    background, the one with which it has the longest common boundary, in volumes the largest. Only
    an object that touches none of these becomes a later label. A missed lesion becomes liver, and
    background if the liver is missed too. An object that touches only others of its own label,
    because all between them was missed, goes on as a part of these. Labels that are not listed,
    what is not `within` and the border of the array do not count: an object that touches nothing
    else is not missed. So to miss lesions, but no livers, list both in `labels`, or none, and pass
    the lesions as `of`.

    Radiologists differ in such errors: of 2,669 lesions that at least one of four radiologists
    marked as a nodule of 3 mm or more, all four marked 928 [1]_.

    References
    ----------
    .. [1] Armato, S. G., et al. (2011). The Lung Image Database Consortium (LIDC) and Image
       Database Resource Initiative (IDRI): A Completed Reference Database of Lung Nodules on CT
       Scans. Medical Physics 38(2), 915-931.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((5, 9), np.uint8)
    >>> mask[1:4, 1:4] = mask[1, 5] = mask[3, 5:8] = 1
    >>> omit(mask, 0.4, rng=0)
    array([[0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 1, 1, 1, 0, 0, 0, 0, 0],
           [0, 1, 1, 1, 0, 0, 0, 0, 0],
           [0, 1, 1, 1, 0, 1, 1, 1, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    rate = check_number("rate", rate, 0.0, 1.0)
    options["labels"], among = name_objects(mask, options.get("labels"), of)

    def miss(patch: Patch) -> Codes:
        from .._objects import find_objects

        codes, spacing = patch.volume()
        objects = find_objects(codes, patch.drawn)
        orders = []
        for layer, group in enumerate(objects.groups):
            rng = patch.rng(layer)
            chances = rng.standard_exponential(group.objects)
            patch.give_back(rng)
            sizes = objects.sizes[group.start : group.stop]
            orders.append(group.start + np.argsort(chances * sizes))
        missed = [int(orders[place][m]) for place, m in objects.due(rate, among)]
        return objects.without(codes, patch.drawn, missed, spacing)

    return perturb(mask, miss, **options)
