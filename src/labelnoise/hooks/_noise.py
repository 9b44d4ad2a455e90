"""What every hook does: one random stream, then the pure function, on the framework's labels."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Perturb = Callable[..., NDArray[Any]]
Labels = TypeVar("Labels", bound=Any)
_ROUNDING = 1e-3  # by how much resampling may have missed a whole number


def check_perturb(perturb: Any) -> Perturb:
    """Return a perturbation that can be called."""
    if not callable(perturb):
        raise TypeError(
            f"perturb={perturb!r}: pass a function of a mask and rng, "
            "e.g. functools.partial(labelnoise.natural, sigma=4)"
        )
    return perturb  # type: ignore[no-any-return]


def perturb_labels(perturb: Perturb, labels: Labels, rng: Any) -> Labels:
    """Return ``perturb(labels, rng=rng)`` of the type, dtype, device and metadata of `labels`.

    `labels` is an array or a tensor. Frameworks often store labels as floating-point numbers; ones
    that are whole, or nearly so after resampling, are taken for what they are.
    """
    if isinstance(labels, np.ndarray):
        noisy = perturb(_whole(labels), rng=rng)
        return noisy.astype(labels.dtype, copy=False)  # type: ignore[return-value]
    if not hasattr(labels, "detach"):
        raise TypeError(
            f"labels: {type(labels).__name__} is neither an array nor a tensor; "
            "convert it before, e.g. with numpy.asarray"
        )
    import torch

    noisy = perturb(_whole(labels.numpy(force=True)), rng=rng)
    copy = torch.empty_like(labels, requires_grad=False)
    return copy.copy_(torch.from_numpy(np.ascontiguousarray(noisy)))  # type: ignore[no-any-return]


def _whole(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels as they are, floating-point ones as integers."""
    if labels.dtype.kind != "f":
        return labels
    with np.errstate(invalid="ignore"):
        small: NDArray[Any] = labels.astype(np.uint8)
        if np.array_equal(small.astype(labels.dtype), labels):
            return small
        whole: NDArray[Any] = np.rint(labels).astype(np.int32)
        if not np.all(np.abs(whole - labels) < _ROUNDING):
            raise ValueError(
                f"labels: dtype {labels.dtype} with values that are not whole; "
                "pass label maps, not probabilities (take the argmax over classes first)"
            )
    return whole


def name_of(path: str | os.PathLike[str]) -> str:
    """Return what names a file on any machine: the last two parts of its path."""
    return "/".join(os.fspath(path).replace("\\", "/").split("/")[-2:])
