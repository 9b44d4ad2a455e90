"""What every hook does: one random stream, then the pure function, on the framework's labels."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Perturb = Callable[..., NDArray[Any]]
Labels = TypeVar("Labels", bound=Any)
_ROUNDING = 1e-3, 2e-6, 0.25  # errors of resampling: absolute, share of the largest label, limit


def check_perturb(perturb: Any) -> Perturb:
    """Return a perturbation that can be called."""
    if not callable(perturb):
        raise TypeError(
            f"perturb={perturb!r}: pass a labelnoise.Noise, or a function of a mask and rng"
        )
    return perturb  # type: ignore[no-any-return]


def perturb_labels(perturb: Perturb, labels: Labels, rng: Any) -> Labels:
    """Return ``perturb(labels, rng=rng)`` of the type, dtype, device and metadata of `labels`.

    `labels` is an array or a tensor. Frameworks often store labels as floating-point numbers; ones
    that are integers, or nearly so after resampling, are taken for what they are. The perturbation
    always gets a Generator.
    """
    rng = np.random.default_rng(rng)
    if isinstance(labels, np.ndarray):
        noisy = perturb(_integers(labels, labels.dtype), rng=rng)
        return noisy.astype(labels.dtype, copy=False)  # type: ignore[return-value]
    if not hasattr(labels, "detach"):
        raise TypeError(
            f"labels: {type(labels).__name__} is neither an array nor a tensor; "
            "convert it before, e.g. with numpy.asarray"
        )
    import torch

    known = labels.float() if labels.dtype == torch.bfloat16 else labels  # NumPy has no bfloat16
    noisy = perturb(_integers(known.numpy(force=True), labels.dtype), rng=rng)
    copy = torch.empty_like(labels, requires_grad=False)
    return copy.copy_(torch.from_numpy(np.ascontiguousarray(noisy)))  # type: ignore[no-any-return]


def _integers(labels: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return labels as they are, floating-point ones as integers; `dtype` is the caller's."""
    if labels.dtype.kind != "f":
        return labels
    with np.errstate(invalid="ignore"):
        small: NDArray[Any] = labels.astype(np.uint8)
        if np.array_equal(small.astype(labels.dtype), labels):
            return small
        integers: NDArray[Any] = np.rint(labels.astype(np.float64))
        if not np.all(np.abs(integers) < 2.0**63):
            raise ValueError(
                f"labels: dtype {dtype} with NaN or numbers beyond 2**63; "
                "pass label maps, e.g. with a label in place of NaN and infinity"
            )
        absolute, relative, most = _ROUNDING
        allowed = min(absolute + relative * np.max(np.abs(integers), initial=0), most)
        if not np.all(np.abs(labels - integers) < allowed):
            raise ValueError(
                f"labels: dtype {dtype} with values that are not integers; "
                "pass label maps, not probabilities (take the argmax over classes first)"
            )
    return integers.astype(np.int64)


def name_of(path: str | os.PathLike[str]) -> str:
    """Return what names a file on any machine: the last two parts of its path."""
    return "/".join(os.fspath(path).replace("\\", "/").split("/")[-2:])
