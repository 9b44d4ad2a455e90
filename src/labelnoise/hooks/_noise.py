"""What every hook does: one random stream, then the pure function, on the framework's labels."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._integers import integers_of

Perturb = Callable[..., NDArray[Any]]
Labels = TypeVar("Labels", bound=Any)


def check_perturb(perturb: Any) -> Perturb:
    """Return a perturbation that can be called."""
    if not callable(perturb):
        raise TypeError(
            f"perturb={perturb!r}: pass a labelnoise.Noise, or a function of a mask and rng"
        )
    return perturb  # type: ignore[no-any-return]


def perturb_labels(perturb: Perturb, labels: Labels, rng: Any, **options: Any) -> Labels:
    """Return ``perturb(labels, rng=rng, **options)`` of the type, dtype and device of `labels`.

    `labels` is an array or a tensor. Frameworks often store labels as floating-point numbers; ones
    that are integers, or nearly so after resampling, are taken for what they are. The perturbation
    always gets a Generator.
    """
    rng = np.random.default_rng(rng)
    if isinstance(labels, np.ndarray):
        noisy = perturb(_integers(labels, labels.dtype), rng=rng, **options)
        return noisy.astype(labels.dtype, copy=False)  # type: ignore[return-value]
    if not hasattr(labels, "detach"):
        raise TypeError(
            f"labels: {type(labels).__name__} is neither an array nor a tensor; "
            "convert it before, e.g. with numpy.asarray"
        )
    import torch

    known = labels.float() if labels.dtype == torch.bfloat16 else labels  # NumPy has no bfloat16
    noisy = perturb(_integers(known.numpy(force=True), labels.dtype), rng=rng, **options)
    copy = torch.empty_like(labels, requires_grad=False)
    return copy.copy_(torch.from_numpy(np.ascontiguousarray(noisy)))  # type: ignore[no-any-return]


def _integers(labels: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return labels as they are, floating-point ones as integers; `dtype` is the caller's."""
    if labels.dtype.kind != "f":
        return labels
    integers = integers_of(labels)
    if integers is not None and (integers.dtype == np.uint8 or not np.isnan(labels).any()):
        return integers
    if not np.all(np.abs(labels) < 2.0**63):
        raise ValueError(
            f"labels: dtype {dtype} with NaN or numbers beyond 2**63; "
            "pass label maps, e.g. with a label in place of NaN and infinity"
        )
    raise ValueError(
        f"labels: dtype {dtype} with values that are not integers; "
        "pass label maps, not probabilities (take the argmax over classes first)"
    )
