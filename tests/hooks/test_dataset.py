"""NoisyLabels, in PyTorch's DataLoader and without."""

import multiprocessing
import pickle

import numpy as np
import pytest
import torch
from samples import NOISE, Named, Pair, Pairs, different, label_map, own
from torch.utils.data import DataLoader

import labelnoise
from labelnoise.hooks.dataset import NoisyLabels

METHODS = multiprocessing.get_all_start_methods()


def load(dataset, workers=2, method=None):
    """Return the labels of one epoch, by the index that images tell."""
    loader = DataLoader(dataset, 2, num_workers=workers, multiprocessing_context=method)
    labels = [None] * len(dataset)
    for images, masks in loader:
        for image, mask in zip(images, masks, strict=True):
            assert (image == image[0, 0, 0]).all()
            labels[int(image[0, 0, 0])] = mask.numpy()
    return labels


@pytest.mark.parametrize("method", METHODS)
def test_fixed_noise_is_the_same_in_any_worker(method):
    """Fixed noise is what `sample_rng` gives, under each start method."""
    noisy = load(NoisyLabels(Pairs(), NOISE, 5), method=method)
    for index, mask in enumerate(noisy):
        expected = NOISE(label_map(), rng=labelnoise.sample_rng(5, index))
        np.testing.assert_array_equal(mask, expected)
    assert different(noisy) == 8


@pytest.mark.parametrize("workers", [0, 1])
def test_fixed_noise_does_not_depend_on_the_number_of_workers(workers):
    """It is the same in each epoch, too."""
    dataset = NoisyLabels(Pairs(), NOISE, 5)
    first = [dataset[index][1] for index in range(8)]
    for _ in range(2):
        np.testing.assert_array_equal(load(dataset, workers), first)


@pytest.mark.parametrize("method", METHODS)
def test_resampled_noise_differs_between_epochs_and_workers(method):
    """No two label maps of two epochs with two workers are the same."""
    dataset = NoisyLabels(Pairs(), NOISE, None)
    assert different(load(dataset, method=method) + load(dataset, method=method)) == 16


def test_resampled_noise_follows_torch_manual_seed():
    """The same seed, the same epochs."""
    epochs = []
    for _ in range(2):
        torch.manual_seed(3)
        epochs.append(load(NoisyLabels(Pairs(), NOISE, None)))
    np.testing.assert_array_equal(*epochs)


def test_names_make_noise_independent_of_the_order():
    """An entry of the sample, or a sequence, names it."""
    by_entry = NoisyLabels(Named(), NOISE, 5, label="mask", key="name")
    by_list = NoisyLabels(Pairs(), NOISE, 5, key=[f"case {index}" for index in range(8)])
    for index in range(8):
        np.testing.assert_array_equal(by_entry[7 - index]["mask"], by_list[index][1])
    assert by_entry[0]["name"] == "case 7"


def test_nothing_but_the_label_changes():
    """Images are the dataset's own, containers of its type, the dataset untouched."""
    image, mask = np.zeros(3), label_map()
    for sample in (image, mask), [image, mask], Pair(image, mask):
        noisy = NoisyLabels([sample], NOISE, 0)[0]
        assert type(noisy) is type(sample)
        assert noisy[0] is image
        assert (noisy[1] != mask).any()
        assert sample[1] is mask
        np.testing.assert_array_equal(noisy[1] == -1, mask == -1)
    sample = {"image": image, "mask": mask}
    assert NoisyLabels([sample], NOISE, 0, label="mask")[0]["image"] is image
    assert sample["mask"] is mask
    np.testing.assert_array_equal(mask, label_map())


def test_an_index_from_the_end_names_the_same_sample():
    """So do a loop over the dataset and a pickled round trip."""
    dataset = NoisyLabels(Pairs(), NOISE, 0)
    np.testing.assert_array_equal(dataset[-1][1], dataset[7][1])
    copied = pickle.loads(pickle.dumps(dataset))
    for sample, index in zip(dataset, range(9), strict=False):
        np.testing.assert_array_equal(sample[1], copied[index][1])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "float32", "float64", "bool"])
def test_tensors_keep_their_dtype(dtype):
    """Whole floating-point labels are labels."""
    labels = (label_map() == 1).astype(dtype)
    noise = labelnoise.Noise("natural", 2)
    noisy = NoisyLabels([(None, torch.from_numpy(labels))], noise, 0)[0][1]
    assert noisy.dtype == torch.from_numpy(labels).dtype
    expected = noise(labels.astype(int), rng=labelnoise.sample_rng(0, 0))
    np.testing.assert_array_equal(noisy.numpy(), expected)
    array = NoisyLabels([(None, labels)], noise, 0)[0][1]
    assert array.dtype == labels.dtype
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("value", [1, 2006, 12175])
def test_labels_that_resampling_left_nearly_whole_are_rounded(value):
    """A lazy resampling in MONAI leaves errors that grow with the label."""
    labels = (label_map(np.float32) == 1) * np.float32(value)
    noise = labelnoise.Noise("choppy", 3)
    noisy = NoisyLabels([(None, labels * np.float32(1 - 1e-6))], noise, 0)[0][1]
    expected = noise(labels.astype(int), rng=labelnoise.sample_rng(0, 0))
    np.testing.assert_array_equal(noisy, expected)


def test_tensors_of_any_layout():
    """Views, expanded tensors and such that need a gradient."""
    labels = torch.from_numpy(label_map(np.float32))
    for view in labels.T, labels[::2, 3:], labels[:1].expand(9, 40):
        noisy = NoisyLabels([(None, view)], NOISE, 0)[0][1]
        expected = NOISE(view.numpy().astype(int), rng=labelnoise.sample_rng(0, 0))
        np.testing.assert_array_equal(noisy.numpy(), expected)
    assert not NoisyLabels([(0, labels.requires_grad_())], NOISE, 0)[0][1].requires_grad


@pytest.mark.parametrize("key", [None, "name", [f"case {7 - index}" for index in range(8)]])
def test_a_share_of_the_samples_is_noisy(key):
    """That of the seed and the key; the others are the dataset's, whatever the index."""
    clean = [Named()[index] for index in range(8)]
    dataset = NoisyLabels(clean, NOISE, 5, label="mask", key=key, share=0.5)
    names = range(8) if key is None else [f"case {7 - index}" for index in range(8)]
    noisy = [labelnoise.in_share(5, name, 0.5) for name in names]
    assert 0 < sum(noisy) < 8
    for index, name in enumerate(names):
        expected = clean[index]["mask"]
        if noisy[index]:
            expected = NOISE(expected, rng=labelnoise.sample_rng(5, name))
        np.testing.assert_array_equal(dataset[index]["mask"], expected)
        np.testing.assert_array_equal(dataset[index - 8]["mask"], expected)


@pytest.mark.parametrize(
    ("seed", "share", "message"),
    [
        (0, 1.5, r"share=1.5: pass a number from 0 to 1"),
        (None, -1, r"share=-1: pass a number from 0 to 1"),
        (None, 0.5, r"share=0.5: the samples of a share are chosen by a seed; pass one"),
    ],
)
def test_shares_that_cannot_be_are_told(seed, share, message):
    """When the wrapper is made."""
    with pytest.raises(ValueError, match=f"^{message}"):
        NoisyLabels(Pairs(), NOISE, seed, share=share)


def test_bad_arguments_are_told():
    """In one sentence, when the wrapper is made where that can be."""
    with pytest.raises(TypeError, match=r"^perturb='natural': pass a labelnoise.Noise"):
        NoisyLabels(Pairs(), "natural", 0)
    with pytest.raises(ValueError, match=r"^seed=-1: "):
        NoisyLabels(Pairs(), NOISE, -1)
    with pytest.raises(ValueError, match=r"^key: 1 names for 8 samples"):
        NoisyLabels(Pairs(), NOISE, 0, key=["a"])
    with pytest.raises(TypeError, match=r"^labels: str is neither an array nor a tensor"):
        NoisyLabels([("image", "mask")], NOISE, 0)[0]
    for value, message in (
        (0.5, "values that are not integers"),
        (300000.5, "values that are not integers"),
        (np.nan, "NaN or numbers beyond"),
        (np.inf, "NaN or numbers beyond"),
        (1e300, "NaN or numbers beyond"),
    ):
        with pytest.raises(ValueError, match=f"^labels: dtype float64 with {message}"):
            NoisyLabels([(None, np.full((3, 3), value))], NOISE, 0)[0]
    nan = torch.full((3, 3), torch.nan, dtype=torch.bfloat16)
    with pytest.raises(ValueError, match=r"^labels: dtype torch.bfloat16 with NaN"):
        NoisyLabels([(None, nan)], NOISE, 0)[0]
    with pytest.raises(ValueError, match=r"^label=1: a sample has the entries 'image', 'mask'"):
        NoisyLabels(Named(), NOISE, 0)[0]
    with pytest.raises(ValueError, match=r"^label=2: a sample has 2 entries"):
        NoisyLabels(Pairs(), NOISE, 0, label=2)[0]
    with pytest.raises(ValueError, match=r"^key='id': a sample has the entries 'image', 'mask'"):
        NoisyLabels(Named(), NOISE, 0, label="mask", key="id")[0]


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("seed", [0, None])
def test_samples_that_are_arrays_are_refused(convert, seed):
    """Their entry 1 is a row or a slice; the dataset stays as it is."""
    volume = convert(np.stack([label_map()] * 3))
    with pytest.raises(TypeError, match=r"^dataset: a sample is of type (ndarray|Tensor); "):
        NoisyLabels([volume], NOISE, seed)[0]
    np.testing.assert_array_equal(volume, np.stack([label_map()] * 3))


def test_entries_of_tuples_may_be_names():
    """By their position."""
    dataset = [(None, label_map(), f"case {index}") for index in range(3)]
    noisy = NoisyLabels(dataset, NOISE, 0, key=2)
    expected = NOISE(label_map(), rng=labelnoise.sample_rng(0, "case 2"))
    np.testing.assert_array_equal(noisy[2][1], expected)


@pytest.mark.parametrize("seed", [0, None])
def test_perturbations_get_a_generator(seed):
    """Fixed and resampled ones."""
    assert (NoisyLabels(Pairs(), own, seed)[0][1] != label_map()).any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("value", [1, 300, -5, 2.0**40])
def test_tensors_of_floats_hold_labels_of_any_size(dtype, value):
    """Exactly, in the dtype that came in."""
    value = min(value, torch.finfo(dtype).max)
    labels = torch.from_numpy((label_map() == 1) * 1.0).to(dtype) * value
    noisy = NoisyLabels([(None, labels)], labelnoise.Noise("choppy", 2), 0)[0][1]
    assert noisy.dtype == dtype
    assert set(noisy.unique().tolist()) == set(labels.unique().tolist())
    expected = labelnoise.choppy(label_map() == 1, 2, rng=labelnoise.sample_rng(0, 0))
    np.testing.assert_array_equal((noisy != 0).numpy(), expected)
