"""Time what each hook adds to the library's own call, and 3D patches.

    python benchmarks/hooks.py

One thread, warm. For each installed framework: the hook's time for one 512 x 512 label (a disc)
less that of the perturbation alone, the median of 200 pairs of calls. Then patches of
(1, 96, 96, 96), and how long a worker that starts anew waits for its first label. Takes about half
a minute.
"""

import warnings
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from speed import BOUNDARIES
from torch.utils.data import DataLoader

import labelnoise
from labelnoise.hooks.dataset import NoisyLabels

warnings.simplefilter("ignore")
NOISE = labelnoise.Noise("choppy", 4)


def disc(*shape: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Draw a disc, or a stack of equal ones."""
    rows, columns = np.indices(shape[-2:])
    plane = np.hypot(rows - shape[-2] / 2, columns - shape[-1] / 2) < shape[-1] / 4
    return np.broadcast_to(plane, shape).astype(np.uint8)


def hooks(noise: Any, label: torch.Tensor) -> dict[str, tuple[Callable[[], object], Any]]:
    """Return a call of each hook on a label (1, 512, 512), with the array that it works on."""
    array = label.numpy()
    wrapper = NoisyLabels([(None, label)], noise, 0)
    resampled = NoisyLabels([(None, label)], noise, None)
    calls: dict[str, tuple[Callable[[], object], Any]] = {
        "NoisyLabels, fixed": (lambda: wrapper[0], array),
        "NoisyLabels, resampled": (lambda: resampled[0], array),
    }
    try:
        from monai.data import MetaTensor

        from labelnoise.hooks.monai import LabelNoised, RandLabelNoised

        meta = MetaTensor(label, affine=torch.eye(4), meta={"filename_or_obj": "case/label.nii.gz"})
        fixed, random = LabelNoised("label", noise, 0), RandLabelNoised("label", noise)
        calls["MONAI LabelNoised"] = (lambda: fixed({"label": meta}), array)
        calls["MONAI RandLabelNoised"] = (lambda: random({"label": meta}), array)
        loaded = MetaTensor(label.float(), affine=torch.eye(4))
        calls["MONAI RandLabelNoised, float32"] = (lambda: random({"label": loaded}), array)
    except ImportError:
        pass
    try:
        import torchio

        from labelnoise.hooks.torchio import LabelNoise

        image = torchio.LabelMap(tensor=label[..., None])
        subject = torchio.Subject(organ=image)
        plane = partial(noise, axes=(-3, -2))
        transform = LabelNoise(plane, {"organ": 0}, copy=False)
        calls["TorchIO LabelNoise"] = (
            lambda: (image.set_data(label[..., None]), transform.apply_transform(subject)),
            array,
        )
    except ImportError:
        pass
    try:
        from labelnoise.hooks.batchgenerators import LabelNoiseTransform

        nnunet = LabelNoiseTransform(noise)
        short = label.to(torch.int16)
        calls["nnU-Net LabelNoiseTransform"] = (lambda: nnunet(segmentation=short), short.numpy())
    except ImportError:
        pass
    try:
        from labelnoise.hooks.albumentations import LabelNoise as MaskNoise

        masks = MaskNoise(noise, p=1)
        calls["Albumentations LabelNoise"] = (
            lambda: masks.apply_to_mask(array[0], **masks.get_params()),
            array,
        )
    except ImportError:
        pass
    return calls


def extra(call: Callable[[], object], base: Callable[[], object]) -> tuple[float, float]:
    """Return the median milliseconds of `base`, and by how much `call` takes longer."""
    times: tuple[list[float], list[float]] = [], []
    for _ in range(205):
        for function, seconds in zip((base, call), times, strict=True):
            start = perf_counter()
            function()
            seconds.append(perf_counter() - start)
    own, hook = (1000 * median(seconds[5:]) for seconds in times)
    return own, hook - own


def main() -> None:
    """Print one line for each hook and each perturbation of a patch."""
    label = torch.from_numpy(disc(1, 512, 512))
    print("one 512 x 512 label, choppy        own ms   added ms")
    for name, (call, array) in hooks(NOISE, label).items():
        own, added = extra(call, partial(NOISE, array, rng=0))
        print(f"{name:32} {own:8.3f} {added:10.3f}")
    patch = torch.from_numpy(disc(1, 96, 96, 96))
    print("\na patch of (1, 96, 96, 96)             ms")
    for error in BOUNDARIES:
        name = error.__name__
        noise = labelnoise.Noise(name, 0.1 if name == "random" else 4.0)
        wrapper = NoisyLabels([(None, patch)], noise, 0)
        times = []
        for _ in range(30):
            start = perf_counter()
            wrapper[0]
            times.append(perf_counter() - start)
        print(f"{name:32} {1000 * median(times):8.2f}")
    print("\nan epoch of 8 labels, 2 workers         s  (natural; as many clean ones take)")
    clean = [(0, label)] * 8
    noisy = NoisyLabels(clean, labelnoise.Noise("natural", 4), 0)
    for method, persistent in ("fork", False), ("spawn", False), ("spawn", True):
        found = []
        for dataset in clean, noisy:
            loader = DataLoader(
                dataset,
                num_workers=2,
                multiprocessing_context=method,
                persistent_workers=persistent,
            )
            times = []
            for _ in range(3):
                start = perf_counter()
                for _ in loader:
                    pass
                times.append(perf_counter() - start)
            found.append(median(times))
        name = f"{method}, workers {'kept' if persistent else 'started anew'}"
        print(f"{name:32} {found[1]:8.2f}  ({found[0]:.2f})")


if __name__ == "__main__":
    main()
