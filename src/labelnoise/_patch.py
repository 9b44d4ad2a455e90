"""The patch, what an annotator labels in one go, and the only loop over the patches of a mask."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

from ._codes import decode, encode, refill, without
from ._streams import Streams
from ._validate import check_axes, check_labels, check_mask, check_spacing, check_within

Rng = int | np.random.SeedSequence | np.random.BitGenerator | np.random.Generator | None
Codes = NDArray[Any]  # of uint8, uint16 or uint32
Function = TypeVar("Function", bound=Callable[..., NDArray[Any]])


class Options(TypedDict, total=False):
    """The options that every error takes; see `perturb`."""

    labels: Iterable[int] | None
    within: NDArray[np.bool_] | Iterable[int] | None
    axes: tuple[int, ...]
    spacing: tuple[float, ...] | None
    rng: Rng


@dataclass(frozen=True, slots=True)
class Patch:
    """What an annotator labels in one go: a plane or a volume.

    Attributes
    ----------
    codes : array of uint8, uint16 or uint32
        0 for the background, 1 to `drawn` for the labels in drawing order, ``drawn + 1`` for
        everything that stays. To be read only.
    spacing : tuple of float
        Distance of neighbouring pixels along each axis.
    drawn : int
        Number of labels that are drawn; some may be absent.

    Examples
    --------
    >>> import numpy as np
    >>> import labelnoise
    >>> def show(patch):
    ...     print(patch.codes.tolist(), patch.labels(), patch.drawn)
    ...     return patch.codes
    >>> _ = labelnoise.perturb(np.array([[0, 7], [5, 9]]), show, labels=[7, 3, 5])
    [[0, 1], [3, 4]] [1, 3] 3
    """

    codes: Codes
    spacing: tuple[float, ...]
    drawn: int
    _streams: Streams
    _index: int

    def labels(self) -> list[int]:
        """Return the codes of the labels that are drawn and that the patch has."""
        present = np.unique(self.codes).tolist()
        return [code for code in present if 0 < code <= self.drawn]

    def volume(self) -> tuple[Codes, tuple[float, ...]]:
        """Return codes and spacing with three axes; a plane has one slice."""
        if self.codes.ndim == 3:
            return self.codes, self.spacing
        return self.codes[np.newaxis], (1.0, *self.spacing)

    def rng(self, layer: int = 0) -> np.random.Generator:
        """Return a generator of the patch's own; those of different layers are independent."""
        return self._streams.at(self._index, layer)

    def give_back(self, rng: np.random.Generator) -> None:
        """Take back a generator that nobody uses any more, so that many layers share it."""
        self._streams.give_back(rng)


def perturb(
    mask: Any,
    error: Callable[[Patch], Codes],
    *,
    labels: Iterable[int] | None = None,
    within: Any = None,
    axes: tuple[int, ...] = (-2, -1),
    spacing: tuple[float, ...] | None = None,
    rng: Rng = None,
) -> NDArray[Any]:
    """Apply an error to each patch of a mask.

    Parameters
    ----------
    mask : array of bool or int
        Mask or label map.
    error : callable
        ``error(patch)`` returns new codes, of the shape of ``patch.codes``. What stays is restored.
    labels, within, axes, spacing, rng
        As for `labelnoise.natural`.

    Returns
    -------
    array
        New array of the shape and dtype of `mask`.

    Raises
    ------
    TypeError
        If `mask` is neither bool nor integer.
    ValueError
        If an option is out of its range.

    Examples
    --------
    An annotator who mirrors every patch:

    >>> import numpy as np
    >>> perturb(np.array([[0, 0, 7], [0, 7, 7]]), lambda patch: patch.codes[:, ::-1])
    array([[7, 0, 0],
           [7, 7, 0]])
    """
    mask = check_mask(mask)
    order, back = check_axes(axes, mask.shape)
    steps = check_spacing(spacing, axes)
    streams = Streams(rng)
    moved = mask.transpose(order)
    region = None if within is None else check_within(within, mask.shape)
    values = drawn = np.ascontiguousarray(moved)
    outside = None
    if isinstance(region, list):
        outside, drawn = values == 0, without(values, region)
    elif region is not None:
        outside = ~region.transpose(order)
    coded = encode(drawn, check_labels(labels), outside)
    if mask.size == 0:
        return np.array(mask)
    patches = coded.codes.reshape(-1, *moved.shape[-len(steps) :])
    out = np.empty_like(patches) if len(patches) > 1 else None
    for index, codes in enumerate(patches):
        new = error(Patch(codes, steps, coded.drawn, streams, index)).reshape(codes.shape)
        streams.recycle()
        if out is not None:
            out[index] = new
    if out is None:
        out = np.array(new, patches.dtype, copy=np.may_share_memory(new, patches) or None)
    if coded.stays:
        np.copyto(out.reshape(patches.shape), patches, where=patches > coded.drawn)
    result = decode(coded, out.reshape(moved.shape), drawn)
    if isinstance(region, list):
        refill(result, values, drawn, region, steps)
    return result.transpose(back)


def perturbation(function: Function) -> Function:
    """Register an error by its name; show and explain the options that it passes on.

    Parameters
    ----------
    function : callable
        ``function(mask, strength, *, ..., **options)``, where the options are those of `perturb`.
        The name of the strength is "rate" for a share, which may not be above 1.

    Returns
    -------
    callable
        The function itself. Its signature and docstring show the options, and `Noise` knows it by
        its name wherever its module has been imported.

    Examples
    --------
    >>> import inspect
    >>> import labelnoise
    >>> @labelnoise.perturbation
    ... def nothing(mask, strength, **options):
    ...     return labelnoise.perturb(mask, lambda patch: patch.codes, **options)
    >>> list(inspect.signature(nothing).parameters)
    ['mask', 'strength', 'labels', 'within', 'axes', 'spacing', 'rng']
    >>> labelnoise.Noise("nothing", 1.0).to_dict()
    {'error': 'nothing', 'strength': 1.0}
    """
    signature = inspect.signature(function)
    own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
    shared = inspect.signature(perturb).parameters
    options = [shared[name] for name in Options.__annotations__]
    full = signature.replace(parameters=[*own, *options])
    function.__signature__ = full  # type: ignore[attr-defined]
    summary, title, described = inspect.cleandoc(function.__doc__ or "").partition(_TITLE)
    if title:
        parameters, _, rest = described.partition("\n\n")
        function.__doc__ = "".join((summary, title, _MASK, parameters, _SHARED, rest))
    ERRORS[function.__name__] = function
    return function


ERRORS: dict[str, Callable[..., NDArray[Any]]] = {}
_TITLE = """Parameters
----------
"""
_MASK = """mask : array of bool or int, at least two axes
    Mask or label map; 0 is the background.
"""
_SHARED = """
labels : sequence of int, optional
    The labels that are drawn, in this order; by default all that the mask has, ascending. They
    describe the data set: those that this mask lacks are ignored. Other labels never change,
    except those of `within`.
within : array of bool or sequence of int, optional
    Region outside which nothing changes: an array of the mask's shape, or labels of the mask. These
    labels take the place of the background of those that are drawn: ``labels=[2], within=[1]``
    moves lesions (2) inside the liver (1), and what they lose is liver.
axes : tuple of int, optional
    The axes of what an annotator labels in one go, a patch: (row, column), and each plane along
    the other axes is perturbed on its own, or (slice, row, column), and each volume is. In
    NIfTI's (x, y, z) order, planes are ``axes=(1, 0)`` and volumes ``axes=(2, 1, 0)``.
spacing : tuple of float, optional
    Distance of neighbouring pixels along each of `axes`, e.g. in mm; by default 1 pixel.
rng : None, int, SeedSequence or Generator, optional
    Source of randomness (SPEC 7). The noise of a patch depends on it and on the index of the
    patch alone.

Returns
-------
array
    New array of the shape and dtype of `mask`, with no label that `mask` does not have.

Raises
------
TypeError
    If `mask` is neither bool nor integer.
ValueError
    If another argument is out of its range.

"""
