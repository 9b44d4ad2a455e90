"""How each package is asked to make a mask wrong, by its documented interface.

Masks are arrays (512, 512) of uint8. What a package wants instead, a tensor say, is made before the
clock starts, and so are the objects that its interface makes once.

Not here: HABIT (`habitat-analysis`), the only one that moves end slices, wants numba before 0.68;
gpssi's geodesic distances do not build with NumPy 2; MIRP takes images and has no such strength.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import cv2
import numpy as np
import plain
import speed
from numpy.typing import NDArray

import labelnoise
from labelnoise.noise import strength_name

TARGET = 0.90
TOL = 0.005
JUMPS = (labelnoise.coarse, labelnoise.shift)  # the score of a small mask does


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
    yield from _at_strength(speed.BOUNDARIES)
    for noise in speed.BOUNDARIES:
        if noise in JUMPS:
            continue

        def matched(_: float, seed: int, noise: Any = noise) -> Any:
            rng = np.random.default_rng(seed)
            return lambda mask: labelnoise.match(mask, noise, TARGET, tol=TOL, rng=rng)

        yield Method(
            f"labelnoise match, {noise.__name__}", matched, restore=lambda found: found.mask
        )
    for noise in speed.BOUNDARIES:
        if noise in (*JUMPS, labelnoise.bias):  # needs less of a jump than `match`
            continue

        def calibrated(_: float, seed: int, noise: Any = noise) -> Any:
            rng = np.random.default_rng(seed)
            return lambda masks: labelnoise.calibrate(masks, noise, TARGET, tol=TOL, rng=rng)

        yield Method(
            f"labelnoise calibrate, {noise.__name__}",
            calibrated,
            prepare=lambda mask: mask[None],
            restore=lambda found: found.score,
        )


def library_objects() -> Iterator[Method]:
    """Yield labelnoise's errors in objects."""
    yield from _at_strength(speed.OBJECTS)


def description() -> Iterator[Method]:
    """Yield the paper's description in plain Python."""
    for noise in labelnoise.natural, labelnoise.choppy, labelnoise.random:

        def at_strength(strength: float, seed: int, name: str = noise.__name__) -> Any:
            rng = np.random.default_rng(seed)
            return lambda mask: getattr(plain, name)(mask, strength, rng)

        yield Method(f"plain Python {noise.__name__}", at_strength, strength_name(noise))


def opencv() -> Iterator[Method]:
    """Yield OpenCV's shift by a whole transform, and its polygons with few corners."""

    def moved(strength: float, seed: int) -> Any:
        rng = np.random.default_rng(seed)

        def shift(mask: NDArray[np.uint8]) -> Any:
            matrix = np.column_stack([np.eye(2), strength * rng.standard_normal(2)])
            return cv2.warpAffine(
                mask, matrix, mask.shape, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
            )

        return shift

    yield Method("OpenCV warpAffine, shift", moved, "sigma")
    yield Method("OpenCV approxPolyDP, coarse", _polygons(cv2.approxPolyDP, True), "epsilon")


def shapely() -> Iterator[Method]:
    """Yield shapely's polygons with few corners, filled by OpenCV, as COCO-N does."""
    from shapely.geometry import Polygon

    def simplify(contour: Any, tolerance: float) -> Any:
        if len(contour) < 4:
            return contour
        ring = Polygon(contour[:, 0]).simplify(tolerance, preserve_topology=True).exterior
        return np.int32(ring.coords)

    yield Method("shapely simplify, coarse", _polygons(simplify), "tolerance")


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


def roottrait_objects() -> Iterator[Method]:
    """Yield discs that are added, and thin branches that are lost."""
    from roottrait import DEGRADATIONS

    for name in ("blob", "thin_dropout"):

        def at_strength(strength: float, seed: int, name: str = name) -> Any:
            rng = np.random.default_rng(seed)
            return lambda mask: DEGRADATIONS[name][0](mask, strength, rng)

        yield Method(f"roottrait {name}", at_strength, "severity", lambda mask: mask.astype(bool))


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

    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform

    def bent(strength: float, seed: int) -> Any:
        _seed_globally(seed)
        transform = SpatialTransform(
            (512, 512),
            0,
            False,
            p_elastic_deform=1,
            elastic_deform_scale=(0.06, 0.06),
            elastic_deform_magnitude=(strength, strength),
        )
        return lambda label: transform(image=label.float(), segmentation=label)["segmentation"]

    yield Method(
        "batchgeneratorsv2 SpatialTransform, image and mask",
        bent,
        "magnitude",
        lambda mask: torch.from_numpy(mask)[None].short(),
        lambda label: label[0].numpy().astype(np.uint8),
    )


def batchgeneratorsv2_objects() -> Iterator[Method]:
    """Yield one object of some labels removed, or given another label."""
    import torch
    from batchgeneratorsv2.transforms.nnunet.remove_connected_components import (
        RemoveRandomConnectedComponentFromOneHotEncodingTransform as Remove,
    )

    for name, other in (("omission", 0.0), ("confusion", 1.0)):

        def build(strength: float, seed: int, other: float = other) -> Any:
            _seed_globally(seed)
            remove = Remove([0, 1, 2], other, p_per_label=strength)
            return lambda image: remove(image=image.clone())["image"]  # it works in place

        yield Method(
            f"batchgeneratorsv2 RemoveRandomConnectedComponent, {name}",
            build,
            "p_per_label",
            lambda mask: torch.from_numpy(np.stack([mask == label for label in (1, 2, 3)])).byte(),
            lambda image: np.tensordot(np.uint8([1, 2, 3]), image.numpy(), 1),
        )


def monai() -> Iterator[Method]:
    """Yield a smooth deformation of the label, resampled to the nearest pixel."""
    import torch
    from monai.transforms import Rand2DElastic, RandAffine, RandSmoothDeform

    def build(strength: float, seed: int) -> Any:
        deform = RandSmoothDeform(
            (512, 512), (6, 6), field_mode="bicubic", prob=1.0, def_range=strength
        )
        return deform.set_random_state(seed)

    def bent(strength: float, seed: int) -> Any:
        elastic = Rand2DElastic(30, (strength, strength), prob=1.0, mode="nearest")
        return elastic.set_random_state(seed)

    def moved(strength: float, seed: int) -> Any:
        affine = RandAffine(prob=1.0, translate_range=(strength, strength), mode="nearest")
        return affine.set_random_state(seed)

    for name, method, setting in (
        ("RandSmoothDeform", build, "def_range"),
        ("Rand2DElastic", bent, "magnitude"),
        ("RandAffine, shift", moved, "translate_range"),
    ):
        yield Method(
            f"MONAI {name}",
            method,
            setting,
            lambda mask: torch.from_numpy(mask)[None],
            lambda image: image[0].numpy().round().astype(np.uint8),
        )


def torchio() -> Iterator[Method]:
    """Yield an elastic deformation and a shift of a label map of one slice."""
    import torch
    import torchio

    def moved(strength: float, seed: int) -> Any:
        _seed_globally(seed)
        reach = (-strength, strength)
        return torchio.RandomAffine(0, 0, translation=(*reach, *reach, 0, 0))

    def build(strength: float, seed: int) -> Any:
        _seed_globally(seed)
        return torchio.RandomElasticDeformation(max_displacement=(strength, strength, 0))

    for name, method, setting in (
        ("RandomElasticDeformation", build, "max_displacement"),
        ("RandomAffine, shift", moved, "translation"),
    ):
        yield Method(
            f"TorchIO {name}",
            method,
            setting,
            lambda mask: torchio.LabelMap(tensor=torch.from_numpy(mask)[None, ..., None]),
            lambda label: label.data[0, ..., 0].numpy().astype(np.uint8),
        )


def albumentations() -> Iterator[Method]:
    """Yield an elastic deformation and a shift of a mask."""
    import albumentations

    yield _composed(
        "ElasticTransform, image and mask",
        lambda alpha: albumentations.ElasticTransform(alpha=alpha, sigma=50, p=1),
        "alpha",
    )
    yield _composed(
        "Affine, shift of image and mask",
        lambda reach: albumentations.Affine(
            translate_percent=(-reach, reach), scale=1, rotate=0, shear=0, p=1
        ),
        "translate_percent",
    )


def albumentations_objects() -> Iterator[Method]:
    """Yield objects that are dropped."""
    import albumentations

    yield _composed(
        "MaskDropout, omission, image and mask",
        lambda most: albumentations.MaskDropout(max_objects=int(most), p=1),
        "max_objects",
        whole=True,
    )


def cornucopia() -> Iterator[Method]:
    """Yield erosion and dilation by a radius that varies smoothly, and an elastic deformation."""
    import torch
    from cornucopia import ElasticTransform, SmoothMorphoLabelTransform

    def build(strength: float, seed: int) -> Any:
        _seed_globally(seed)
        return SmoothMorphoLabelTransform(1, -strength, strength)

    def bent(strength: float, seed: int) -> Any:
        _seed_globally(seed)
        return ElasticTransform(strength, "vox", 17)

    for name, method, setting in (
        ("SmoothMorphoLabelTransform", build, "max_radius"),
        ("ElasticTransform", bent, "dmax"),
    ):
        yield Method(
            f"cornucopia {name}",
            method,
            setting,
            lambda mask: torch.from_numpy(mask)[None].long(),
            lambda label: label[0].numpy().astype(np.uint8),
        )


def images() -> Iterator[Method]:
    """Yield dilation, by a cross repeatedly and by a radius, shifts and polygons."""
    from scipy.ndimage import binary_dilation, shift
    from skimage.draw import polygon2mask
    from skimage.measure import approximate_polygon, find_contours
    from skimage.morphology import isotropic_dilation

    for order in (0, 1):

        def moved(strength: float, seed: int, order: int = order) -> Any:
            rng = np.random.default_rng(seed)

            def call(mask: NDArray[Any]) -> Any:
                steps = strength * rng.standard_normal(2)
                noisy = shift(mask, steps, order=order, mode="nearest")
                return noisy > 0.5 if order else noisy

            return call

        yield Method(
            f"scipy shift, order {order}",
            moved,
            "sigma",
            lambda mask, order=order: mask.astype(np.float32) if order else mask,
        )

    def clicked(strength: float, _: int) -> Any:
        def call(mask: NDArray[np.uint8]) -> Any:
            noisy = np.zeros(mask.shape, bool)
            for contour in find_contours(mask, 0.5):  # a hole lies within, and inverts
                noisy ^= polygon2mask(mask.shape, approximate_polygon(contour, strength))
            return noisy

        return call

    yield Method("scikit-image approximate_polygon, coarse", clicked, "tolerance")

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
    "opencv-python-headless": lambda: (*description(), *opencv()),
    "roottrait": roottrait,
    "batchgeneratorsv2": batchgeneratorsv2,
    "monai": monai,
    "torchio": torchio,
    "albumentations": albumentations,
    "cornucopia": cornucopia,
    "scikit-image": images,
    "shapely": shapely,
}
OBJECTS = {  # on maps of three labels
    "labelnoise": library_objects,
    "albumentations": albumentations_objects,
    "batchgeneratorsv2 with acvl-utils": batchgeneratorsv2_objects,
}
ADDITIONS = {  # on their foreground
    "labelnoise": lambda: _at_strength((labelnoise.omit, labelnoise.invent), ", one label"),
    "roottrait": roottrait_objects,
}


def _at_strength(noises: Iterable[Any], what: str = "") -> Iterator[Method]:
    for noise in noises:

        def at_strength(strength: float, seed: int, noise: Any = noise) -> Any:
            rng = np.random.default_rng(seed)
            return lambda mask: noise(mask, strength, rng=rng)

        yield Method(f"labelnoise {noise.__name__}{what}", at_strength, strength_name(noise))


def _composed(name: str, transform: Any, setting: str, whole: bool = False) -> Method:
    """Return a transform of Albumentations, which asks for an image."""
    import albumentations

    def build(strength: float, seed: int) -> Any:
        compose = albumentations.Compose([transform(strength)], seed=seed)
        return lambda mask: compose(image=mask, mask=mask)["mask"]

    return Method(f"Albumentations {name}", build, setting, whole=whole)


def _polygons(simplify: Callable[..., Any], *more: Any) -> Callable[[float, int], Any]:
    """Return what simplifies contours by a tolerance and fills them."""

    def build(strength: float, _: int) -> Any:
        def call(mask: NDArray[np.uint8]) -> Any:
            contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
            drawn = [simplify(contour, strength, *more) for contour in contours]
            return cv2.fillPoly(np.zeros_like(mask), drawn, 1)

        return call

    return build


def _seed_globally(seed: int) -> None:
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - some packages draw from it
    torch.manual_seed(seed)
