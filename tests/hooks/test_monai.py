"""Label noise in MONAI's own pipelines."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from samples import NOISE, different, label_map, own

import labelnoise

pytest.importorskip("monai")
nibabel = pytest.importorskip("nibabel")
from monai.data import CacheDataset, DataLoader, Dataset, MetaTensor  # noqa: E402
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged, Spacingd  # noqa: E402

from labelnoise.hooks.dataset import NoisyLabels  # noqa: E402
from labelnoise.hooks.monai import LabelNoised, RandLabelNoised  # noqa: E402

AXIAL = labelnoise.Noise("choppy", 3, labels=[1, 2], axes=(-2, -3))
KEYS = ["image", "label"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Write four cases of an image and a label map (x, y, z), named alike in folders."""
    affine = np.diag([-0.7, -0.8, 5.0, 1.0])
    rng = np.random.default_rng(0)
    cases, root = [], tmp_path_factory.mktemp("data")
    for case in range(4):
        folder = root / f"case {case}"
        folder.mkdir()
        arrays = {
            "image": rng.normal(size=(40, 32, 3)).astype(np.float32),
            "label": np.stack([label_map().T] * 3, axis=-1),
        }
        for key, array in arrays.items():
            nibabel.save(nibabel.Nifti1Image(array, affine), folder / f"{key}.nii.gz")
        cases.append({key: str(folder / f"{key}.nii.gz") for key in KEYS})
    return cases


def fixed(files, noise=AXIAL, **options):
    """Return fixed noise of seed 7, for files that are called alike."""
    return LabelNoised("label", noise, 7, root=Path(files[0]["label"]).parents[1], **options)


def pipeline(*transforms, **settings):
    """Load images and labels, then transform them."""
    return Compose([LoadImaged(KEYS), EnsureChannelFirstd(KEYS), *transforms], **settings)


def labels(loader):
    """Return the labels of one epoch."""
    return [label.numpy() for batch in loader for label in batch["label"]]


def test_fixed_noise_belongs_to_the_file(files):
    """Image, affine and metadata stay; the noise is that of the file's name."""
    clean = pipeline()(files[1])
    noisy = pipeline(fixed(files))(files[1])
    assert torch.equal(noisy["image"], clean["image"])
    label = noisy["label"]
    assert isinstance(label, MetaTensor)
    assert label.dtype == clean["label"].dtype
    assert torch.equal(label.affine, clean["label"].affine)
    assert set(label.meta) == set(clean["label"].meta)
    assert label.meta["filename_or_obj"] == files[1]["label"]
    rng = labelnoise.sample_rng(7, "case 1/label")
    expected = AXIAL(clean["label"].numpy().astype(np.int16), rng=rng)
    np.testing.assert_array_equal(label.numpy(), expected)
    assert (label != clean["label"]).any()


def test_a_share_of_the_files_is_noisy(files):
    """That of the seed and the file's name, with the noise that it has anyway."""
    part, whole = (fixed(files, share=share) for share in (0.5, 1.0))
    noisy = [labelnoise.in_share(7, f"case {case}/label", 0.5) for case in range(4)]
    assert 0 < sum(noisy) < 4
    for case, chosen in zip(files, noisy, strict=True):
        clean = pipeline()(case)
        expected = whole(clean) if chosen else clean
        assert torch.equal(part(clean)["label"], expected["label"])
    with pytest.raises(ValueError, match=r"^share=2: pass a number from 0 to 1"):
        LabelNoised("label", AXIAL, 7, share=2)


def test_fixed_noise_is_cached_and_the_same_in_all_epochs_and_workers(files):
    """CacheDataset keeps it; each case has its own."""
    transform = fixed(files)
    plain = labels(DataLoader(Dataset(files, pipeline(transform)), batch_size=2, num_workers=2))
    assert different(plain) == 4
    calls = []

    def count(mask, rng):
        calls.append(mask.shape)
        return AXIAL(mask, rng=rng)

    cached = CacheDataset(files, pipeline(fixed(files, count)), num_workers=1, progress=False)
    assert len(calls) == 4
    for _ in range(2):
        np.testing.assert_array_equal(labels(DataLoader(cached, batch_size=2)), plain)
    assert len(calls) == 4


def test_resampled_noise_differs_between_epochs_and_workers(files):
    """And follows MONAI's own seeding; the cache holds clean labels."""
    transform = pipeline(RandLabelNoised("label", AXIAL))
    cached = CacheDataset(files, transform, num_workers=1, progress=False)
    both = []
    for _ in range(2):
        torch.manual_seed(4)
        transform.set_random_state(4)
        loader = DataLoader(cached, batch_size=2, num_workers=2)
        both.append(labels(loader) + labels(loader))
    assert different(both[0]) == 8
    np.testing.assert_array_equal(*both)


def test_resampled_noise_follows_set_random_state(files):
    """Twice the same draws, then others; a pickled round trip keeps the state."""
    clean = pipeline()(files[0])
    transform = RandLabelNoised("label", AXIAL).set_random_state(3)
    copied = pickle.loads(pickle.dumps(transform))
    first, second = (transform(clean)["label"] for _ in range(2))
    assert (first != second).any()
    assert torch.equal(copied(clean)["label"], first)
    assert torch.equal(copied(clean)["label"], second)


def test_probability_and_missing_keys(files):
    """As in MONAI's transforms."""
    clean = pipeline()(files[0])
    rare = RandLabelNoised("label", AXIAL, prob=0.3).set_random_state(0)
    changed = [bool((rare(clean)["label"] != clean["label"]).any()) for _ in range(100)]
    assert 15 < sum(changed) < 45
    for transform in LabelNoised, RandLabelNoised:
        seed = {"seed": 0} if transform is LabelNoised else {}
        with pytest.raises(KeyError):
            transform("mask", AXIAL, **seed)(clean)
        allowed = transform("mask", AXIAL, allow_missing_keys=True, **seed)
        assert allowed(clean).keys() == clean.keys()


def test_pending_transforms_of_a_lazy_pipeline_come_first(files):
    """A lazy resampling is carried out before the noise."""
    resample = Spacingd(KEYS, pixdim=(1.4, 1.6, 5.0), mode="nearest")
    eager, lazy = (pipeline(resample, fixed(files), lazy=lazy)(files[0]) for lazy in (False, True))
    assert eager["label"].shape[1:] != (40, 32, 3)
    assert not lazy["label"].pending_operations
    assert torch.equal(eager["label"], lazy["label"])
    assert torch.equal(eager["label"].affine, lazy["label"].affine)


def test_large_labels_that_a_lazy_resampling_blurred_are_rounded():
    """It leaves a share of them on the background, too."""
    labels = torch.zeros(1, 40, 32, 6)
    labels[:, 8:30, 8:28, 1:5] = 12175
    data = {"label": MetaTensor(labels, affine=torch.diag(torch.tensor([-0.7, -0.8, 5, 1])))}
    resample = Spacingd("label", pixdim=(1.4, 1.6, 5.0), mode="nearest")
    clean = Compose([resample], lazy=True)(data)["label"]
    assert (clean != clean.round()).any()
    assert clean.round().unique().tolist() == [0, 12175]
    noise = RandLabelNoised("label", labelnoise.Noise("choppy", 3, axes=(-2, -3)))
    noisy = Compose([resample, noise], lazy=True)(data)["label"]
    assert noisy.unique().tolist() == [0, 12175]
    assert (noisy != clean.round()).any()


def test_several_label_maps_have_noise_of_their_own(files):
    """Plain tensors and arrays serve, too, if something names them."""
    data = {key: torch.from_numpy(label_map())[None] for key in ("first", "second")}
    for transform in (
        LabelNoised(data, NOISE, 7, sample_key=lambda data, key: key),
        RandLabelNoised(data, NOISE).set_random_state(0),
    ):
        noisy = transform(data)
        assert different(noisy.values()) == 2
        assert type(noisy["first"]) is torch.Tensor
    array = LabelNoised("first", NOISE, 7, sample_key=lambda data, key: key)(
        {"first": data["first"].numpy()}
    )["first"]
    assert isinstance(array, np.ndarray)


def test_what_names_nothing_is_told(files):
    """Without a file name, and for one-hot floats."""
    with pytest.raises(ValueError, match=r"^data\['label'\]: its metadata has no filename_or_obj"):
        LabelNoised("label", NOISE, 7)({"label": torch.zeros(1, 4, 4)})
    with pytest.raises(ValueError, match="are not integers"):
        RandLabelNoised("label", NOISE)({"label": torch.full((1, 4, 4), 0.5)})


def test_a_wrapped_dataset_keeps_metadata(files):
    """MetaTensors of floats come back with affine, file name and dtype."""
    clean = Dataset(files, pipeline())
    noisy = NoisyLabels(clean, AXIAL, seed=None, label="label")[0]["label"]
    assert isinstance(noisy, MetaTensor)
    assert noisy.meta["filename_or_obj"] == files[0]["label"]
    assert torch.equal(noisy.affine, clean[0]["label"].affine)
    assert noisy.dtype == torch.float32
    assert (noisy != clean[0]["label"]).any()


def test_perturbations_get_a_generator():
    """Fixed and resampled ones."""
    data = {"label": torch.from_numpy(label_map())[None]}
    LabelNoised("label", own, 0, sample_key=lambda data, key: "a")(data)
    RandLabelNoised("label", own)(data)


def test_patches_may_lack_the_labels_of_the_data_set():
    """Also where floating-point labels hold values beyond a byte."""
    noise = labelnoise.Noise("natural", 1, labels=[17, 1006, 2006], axes=(-2, -3))
    transform = RandLabelNoised("label", noise).set_random_state(0)
    some = torch.zeros(1, 16, 16, 4)
    assert not transform({"label": some})["label"].any()
    some[:, 4:10, 4:10] = 1006
    noisy = transform({"label": some})["label"]
    assert set(noisy.unique().tolist()) == {0, 1006}
    assert (noisy != some).any()
