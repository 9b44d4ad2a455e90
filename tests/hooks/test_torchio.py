"""Label noise in TorchIO's own pipelines."""

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from samples import different, label_map, own
from torch.utils.data import DataLoader

import labelnoise

tio = pytest.importorskip("torchio")
nibabel = pytest.importorskip("nibabel")
from labelnoise.hooks.torchio import (  # noqa: E402
    FixedLabelNoise,
    LabelNoise,
    RandomLabelNoise,
)

AXIAL = labelnoise.Noise("choppy", 3, labels=[1, 2], axes=(-2, -3))
NATURAL = labelnoise.Noise("natural", 2, axes=(-2, -3))
VOLUME = np.stack([label_map().T] * 3, axis=-1)
AFFINE = np.diag([0.7, 0.8, 5.0, 1.0])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Write the label maps of four cases, named alike in folders."""
    paths, root = [], tmp_path_factory.mktemp("data")
    for case in range(4):
        folder = root / f"case {case}"
        folder.mkdir()
        nibabel.save(nibabel.Nifti1Image(VOLUME, AFFINE), folder / "label.nii.gz")
        paths.append(folder / "label.nii.gz")
    return paths


@pytest.fixture
def subjects(files):
    """Return subjects with an image and two label maps."""
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(1, *VOLUME.shape)))
    return [
        tio.Subject(
            image=tio.ScalarImage(tensor=image.float(), affine=AFFINE),
            organ=tio.LabelMap(path),
            other=tio.LabelMap(tensor=torch.from_numpy(VOLUME)[None], affine=AFFINE),
            name=path.parent.name,
        )
        for path in files
    ]


def fixed(files, noise=AXIAL, **options):
    """Return fixed noise of seed 7, for files that are called alike."""
    return FixedLabelNoise(noise, 7, root=files[0].parents[1], **options)


def organs(dataset, workers=2):
    """Return the label maps of one epoch."""
    loader = tio.SubjectsLoader(dataset, batch_size=2, num_workers=workers)
    return [organ.numpy() for batch in loader for organ in batch["organ"][tio.DATA]]


def test_only_label_maps_change(subjects):
    """Images bit for bit, affine, dtype, names and the subject that was passed stay."""
    subject = subjects[0]
    noisy = RandomLabelNoise(NATURAL)(subject)
    assert torch.equal(noisy["image"].data, subject["image"].data)
    for name in "organ", "other":
        assert (noisy[name].data != subject[name].data).any()
        assert noisy[name].data.dtype == subject[name].data.dtype
        np.testing.assert_array_equal(noisy[name].affine, subject[name].affine)
        assert isinstance(noisy[name], tio.LabelMap)
    assert noisy["name"] == "case 0"
    np.testing.assert_array_equal(subject["other"].data[0], VOLUME)


def test_include_exclude_and_probability(subjects):
    """As in TorchIO's transforms."""
    for choice in {"include": ["other"]}, {"exclude": ["organ"]}:
        noisy = RandomLabelNoise(AXIAL, **choice)(subjects[0])
        assert torch.equal(noisy["organ"].data, subjects[0]["organ"].data)
        assert (noisy["other"].data != subjects[0]["other"].data).any()
    assert RandomLabelNoise(AXIAL, p=0)(subjects[0]) is subjects[0]


def test_history_replays_the_noise(subjects):
    """What was drawn stands there, and gives the same again, after a pickled round trip too."""
    noisy = tio.Compose([RandomLabelNoise(AXIAL), tio.RandomFlip()])(subjects[0])
    replayed = pickle.loads(pickle.dumps(noisy.get_composed_history()))(subjects[0])
    for name in "organ", "other":
        assert torch.equal(replayed[name].data, noisy[name].data)
    assert isinstance(noisy.history[0], LabelNoise)
    seed = noisy.history[0].seed["other"]
    assert seed != noisy.history[0].seed["organ"]
    alone = LabelNoise(AXIAL, {"organ": 1, "other": seed})(subjects[0])
    np.testing.assert_array_equal(alone["other"].data[0], AXIAL(VOLUME, rng=seed))


def test_resampled_noise_follows_torch_and_differs_between_epochs_and_workers(subjects):
    """In a SubjectsDataset with two workers."""
    both = []
    for _ in range(2):
        torch.manual_seed(1)
        dataset = tio.SubjectsDataset(subjects, RandomLabelNoise(AXIAL))
        both.append(organs(dataset) + organs(dataset))
    assert different(both[0]) == 8
    np.testing.assert_array_equal(*both)


def test_fixed_noise_belongs_to_the_file(files, subjects):
    """It is the same in all epochs and for any number of workers, and stands in the history."""
    transform = fixed(files, include=["organ"])
    dataset = tio.SubjectsDataset(subjects, transform)
    expected = [
        AXIAL(VOLUME[None], rng=labelnoise.sample_rng(7, f"case {case}/label")) for case in range(4)
    ]
    for workers in 0, 2, 2:
        np.testing.assert_array_equal(organs(dataset, workers), expected)
    noisy = pickle.loads(pickle.dumps(transform))(subjects[2])
    np.testing.assert_array_equal(noisy["organ"].data, expected[2])
    replayed = noisy.get_composed_history()(subjects[2])
    assert torch.equal(replayed["organ"].data, noisy["organ"].data)


def test_several_files_have_a_name_together(files, subjects):
    """TorchIO stacks them as channels."""
    paths = [subject["organ"].path for subject in subjects[:2]]
    stacked = tio.Subject(organ=tio.LabelMap(paths))
    noisy = fixed(files)(stacked)["organ"].data
    rng = labelnoise.sample_rng(7, "case 0/label+case 1/label")
    np.testing.assert_array_equal(noisy, AXIAL(stacked["organ"].data.numpy(), rng=rng))


def test_a_share_of_the_files_is_noisy(files, subjects):
    """That of the seed and the file's name; the history gives the same again."""
    part, whole = (fixed(files, share=share, include=["organ"]) for share in (0.5, 1.0))
    noisy = [labelnoise.in_share(7, f"case {case}/label", 0.5) for case in range(4)]
    assert 0 < sum(noisy) < 4
    for subject, chosen in zip(subjects, noisy, strict=True):
        expected = whole(subject) if chosen else subject
        result = part(subject)
        assert torch.equal(result["organ"].data, expected["organ"].data)
        replayed = result.get_composed_history()(subject)
        assert torch.equal(replayed["organ"].data, expected["organ"].data)
    with pytest.raises(ValueError, match=r"^share=2: pass a number from 0 to 1"):
        FixedLabelNoise(AXIAL, 7, share=2)


def test_what_has_no_file_needs_a_name(subjects):
    """The message says so; `sample_key` gives one."""
    with pytest.raises(ValueError, match=r"^subject\['other'\]: has no path; load it"):
        FixedLabelNoise(AXIAL, 7)(subjects[0])
    by_name = FixedLabelNoise(AXIAL, 7, sample_key=lambda subject, name: subject["name"] + name)
    np.testing.assert_array_equal(
        by_name(subjects[0])["other"].data[0],
        AXIAL(VOLUME, rng=labelnoise.sample_rng(7, "case 0other")),
    )


def test_patches_of_a_queue_are_noisy(files, subjects):
    """A Queue samples patches of noisy subjects."""
    dataset = tio.SubjectsDataset(subjects, fixed(files, include=["organ"]))
    queue = tio.Queue(
        dataset, max_length=4, samples_per_volume=2, sampler=tio.UniformSampler((40, 32, 1))
    )
    patches = [organ for batch in DataLoader(queue, 2) for organ in batch["organ"][tio.DATA]]
    assert len(patches) == 8
    for patch in patches:
        assert (patch.numpy()[0, ..., 0] != VOLUME[..., 0]).any()


def test_perturbations_get_a_generator(subjects):
    """Fixed, resampled, and again from the history."""
    axial = partial(own, axes=(-2, -3))
    noisy = RandomLabelNoise(axial)(subjects[0])
    again = noisy.get_composed_history()(subjects[0])
    np.testing.assert_array_equal(noisy["organ"].data, again["organ"].data)
    FixedLabelNoise(axial, 0, sample_key=lambda subject, name: name)(subjects[0])
