"""How each package is asked to make a mask wrong, by its documented interface.

Masks are arrays (512, 512) of uint8. What a package wants instead, a tensor say, is made before the
clock starts, and so are the objects that its interface makes once.
"""

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import plain
from numpy.typing import NDArray

import labelnoise
from labelnoise._patch import ERRORS
from labelnoise.noise import strength_name

TARGET = 0.90
TOL = 0.005
NOISES = {error: strength_name(error) for error in ERRORS.values()}


class Method(NamedTuple):
    """One way to make masks wrong.

    Attributes
    ----------
    name : str
        What the table calls it.
    build : callable
        ``build(strength, seed)`` returns the function that is timed, of what `prepare` returns.
    setting : str
        What the strength is called; "" for what finds the strength of each mask itself.
    prepare : callable
        Makes what the function takes from a mask.
    restore : callable
        Makes a mask from what the function returns, or the Dice score if it returns that alone.
    whole : bool
        Whether the strength is a whole number.
    """

    name: str
    build: Callable[[float, int], Callable[[Any], Any]]
    setting: str = ""
    prepare: Callable[[NDArray[np.uint8]], Any] = np.asarray
    restore: Callable[[Any], Any] = np.asarray
    whole: bool = False


def library() -> Iterator[Method]:
    """Yield labelnoise: one strength for all masks, the strength of each, that of a set of one."""
    for noise, setting in NOISES.items():

        def at_strength(strength: float, seed: int, noise: Any = noise) -> Any:
            rng = np.random.default_rng(seed)
            return lambda mask: noise(mask, strength, rng=rng)

        yield Method(f"labelnoise {noise.__name__}", at_strength, setting)
    for noise in NOISES:

        def matched(_: float, seed: int, noise: Any = noise) -> Any:
            rng = np.random.default_rng(seed)
            return lambda mask: labelnoise.match(mask, noise, TARGET, tol=TOL, rng=rng)

        yield Method(
            f"labelnoise match, {noise.__name__}", matched, restore=lambda found: found.mask
        )
    for noise in [
        noise for noise in NOISES if noise is not labelnoise.bias
    ]:  # the score of one mask has jumps

        def calibrated(_: float, seed: int, noise: Any = noise) -> Any:
            rng = np.random.default_rng(seed)
            return lambda masks: labelnoise.calibrate(masks, noise, TARGET, tol=TOL, rng=rng)

        yield Method(
            f"labelnoise calibrate, {noise.__name__}",
            calibrated,
            prepare=lambda mask: mask[None],
            restore=lambda found: found.score,
        )


def description() -> Iterator[Method]:
    """Yield the paper's description in plain Python."""
    for noise in labelnoise.natural, labelnoise.choppy, labelnoise.random:

        def at_strength(strength: float, seed: int, name: str = noise.__name__) -> Any:
            rng = np.random.default_rng(seed)
            return lambda mask: getattr(plain, name)(mask, strength, rng)

        yield Method(f"plain Python {noise.__name__}", at_strength, NOISES[noise])


def roottrait() -> Iterator[Method]:
    """Yield degradations that liver masks can be brought to the target by, and their solver."""
    from roottrait import DEGRADATIONS, solve_severity

    largest = {"boundary_dilate": 12.0, "boundary_erode": -12.0, "speckle": 0.05, "blob": 3.0}
    for name in largest:

        def at_strength(strength: float, seed: int, name: str = name) -> Any:
            rng = np.random.default_rng(seed)
            signed = -strength if name == "boundary_erode" else strength
            return lambda mask: DEGRADATIONS[name][0](mask, signed, rng)

        yield Method(f"roottrait {name}", at_strength, "severity", lambda mask: mask.astype(bool))
    for name, bound in largest.items():

        def solved(_: float, seed: int, name: str = name, bound: float = bound) -> Any:
            degrade = DEGRADATIONS[name][0]
            return lambda mask: solve_severity(
                degrade, mask, 1 - TARGET, 0.0, bound, rng_seed=seed, tol=TOL
            )

        yield Method(
            f"roottrait solve_severity, {name}",
            solved,
            prepare=lambda mask: mask.astype(bool),
            restore=lambda solution: 1 - solution[1],
        )


def batchgeneratorsv2() -> Iterator[Method]:
    """Yield random dilation, erosion, opening or closing by a disc."""
    import torch
    from batchgeneratorsv2.transforms.nnunet.random_binary_operator import (
        ApplyRandomBinaryOperatorTransform,
    )

    def build(strength: float, seed: int) -> Any:
        _seed_globally(seed)
        transform = ApplyRandomBinaryOperatorTransform(channel_idx=0, strel_size=int(strength))
        return lambda image: transform(image=image.clone())["image"]  # it works in place

    yield Method(
        "batchgeneratorsv2 ApplyRandomBinaryOperatorTransform",
        build,
        "strel_size",
        lambda mask: torch.from_numpy(mask)[None],
        lambda image: image[0].numpy(),
        whole=True,
    )


def monai() -> Iterator[Method]:
    """Yield a smooth deformation of the label, resampled to the nearest pixel."""
    import torch
    from monai.transforms import RandSmoothDeform

    def build(strength: float, seed: int) -> Any:
        deform = RandSmoothDeform(
            (512, 512), (6, 6), field_mode="bicubic", prob=1.0, def_range=strength
        )
        return deform.set_random_state(seed)

    yield Method(
        "MONAI RandSmoothDeform",
        build,
        "def_range",
        lambda mask: torch.from_numpy(mask)[None],
        lambda image: image[0].numpy().round().astype(np.uint8),
    )


def torchio() -> Iterator[Method]:
    """Yield an elastic deformation of a label map of one slice."""
    import torch
    import torchio

    def build(strength: float, seed: int) -> Any:
        _seed_globally(seed)
        return torchio.RandomElasticDeformation(max_displacement=(strength, strength, 0))

    yield Method(
        "TorchIO RandomElasticDeformation",
        build,
        "max_displacement",
        lambda mask: torchio.LabelMap(tensor=torch.from_numpy(mask)[None, ..., None]),
        lambda label: label.data[0, ..., 0].numpy().astype(np.uint8),
    )


def albumentations() -> Iterator[Method]:
    """Yield an elastic deformation of a mask."""
    import albumentations

    def build(strength: float, seed: int) -> Any:
        elastic = albumentations.ElasticTransform(alpha=strength, sigma=50, p=1)
        compose = albumentations.Compose([elastic], seed=seed)
        return lambda mask: compose(image=mask, mask=mask)["mask"]

    yield Method("Albumentations ElasticTransform, image and mask", build, "alpha")


def cornucopia() -> Iterator[Method]:
    """Yield erosion and dilation by a radius that varies smoothly."""
    import torch
    from cornucopia import SmoothMorphoLabelTransform

    def build(strength: float, seed: int) -> Any:
        _seed_globally(seed)
        return SmoothMorphoLabelTransform(1, -strength, strength)

    yield Method(
        "cornucopia SmoothMorphoLabelTransform",
        build,
        "max_radius",
        lambda mask: torch.from_numpy(mask)[None].long(),
        lambda label: label[0].numpy().astype(np.uint8),
    )


def morphology() -> Iterator[Method]:
    """Yield dilation, by a cross repeatedly and by a radius."""
    from scipy.ndimage import binary_dilation
    from skimage.morphology import isotropic_dilation

    yield Method(
        "scipy binary_dilation",
        lambda strength, _: partial(binary_dilation, iterations=int(strength)),
        "iterations",
        whole=True,
    )
    yield Method(
        "scikit-image isotropic_dilation",
        lambda strength, _: partial(isotropic_dilation, radius=strength),
        "radius",
        whole=True,  # between whole numbers, it jumps from one sum of squares to the next
    )


PACKAGES = {
    "labelnoise": library,
    "opencv-python-headless": description,
    "roottrait": roottrait,
    "batchgeneratorsv2": batchgeneratorsv2,
    "monai": monai,
    "torchio": torchio,
    "albumentations": albumentations,
    "cornucopia": cornucopia,
    "scikit-image": morphology,
}


def _seed_globally(seed: int) -> None:
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - some packages draw from it
    torch.manual_seed(seed)
