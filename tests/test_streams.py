"""Noise that belongs to a sample: the same in every process, thread and epoch."""

import itertools

import numpy as np
import pytest

import labelnoise
from labelnoise import _streams
from labelnoise._streams import Streams

torch = pytest.importorskip("torch")


def test_samples_have_generators_of_their_own():
    """Seed, key, type of key and epoch all count; equal arguments are equal noise."""
    arguments = [
        (seed, key, epoch)
        for seed in (0, 1, 2**80)
        for key in ("7", b"7", 7, -7, "liver_7.nii.gz", "")
        for epoch in (None, 0, 1)
    ]
    draws = {labelnoise.sample_rng(*args).random() for args in arguments}
    assert len(draws) == len(arguments)
    assert labelnoise.sample_rng(0, "7").random() == labelnoise.sample_rng(0, "7").random()


def test_the_stream_of_a_sample_never_changes():
    """A data set made with one version can be made again with the next."""
    assert labelnoise.sample_rng(3, "case_1", 2).integers(2**32) == GOLDEN_DRAW


GOLDEN_DRAW = 711987631
NAMES = [f"case {number}" for number in range(2000)]


def chosen(share, seed=0):
    """Return the names that are in a share."""
    return {name for name in NAMES if labelnoise.in_share(seed, name, share)}


def test_shares_are_nested_and_as_large_as_they_say():
    """More of the samples are the same ones and others; none and all are exact."""
    shares = [chosen(share) for share in (0, 0.1, 0.5, 0.9, 1)]
    assert [len(share) for share in shares] == pytest.approx([0, 200, 1000, 1800, 2000], abs=70)
    assert not shares[0]
    assert shares[-1] == set(NAMES)
    for small, large in itertools.pairwise(shares):
        assert small < large
    assert len(chosen(0.5) & chosen(0.5, seed=1)) == pytest.approx(500, abs=70)


def test_shares_do_not_follow_the_noise():
    """Who is chosen tells nothing about the sample's draws, in no epoch."""
    inside = [labelnoise.in_share(0, name, 0.5) for name in NAMES]
    for epoch in (None, 0, 1, 2**32):
        draws = [labelnoise.sample_rng(0, name, epoch).random() for name in NAMES]
        assert abs(np.corrcoef(inside, draws)[0, 1]) < 0.08


def test_the_members_of_a_share_never_change():
    """A data set made with one version can be made again with the next."""
    found = [number for number in range(20) if labelnoise.in_share(3, f"case_{number}", 0.3)]
    assert found == GOLDEN_MEMBERS
    assert labelnoise.in_share(3, 5, 0.5) is False


GOLDEN_MEMBERS = [0, 1, 3, 6, 7, 10, 15, 17, 18, 19]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, "a", 1.5), "share=1.5: pass a number from 0 to 1"),
        ((0, "a", float("nan")), "share=nan: pass a number from 0 to 1"),
        ((0, "a", "half"), "share='half': pass a number"),
        ((-1, "a", 0.5), "seed=-1: pass an integer of at least 0"),
        ((0, 0.5, 0.5), "key=0.5: pass a name"),
    ],
)
def test_bad_shares_are_named(arguments, message):
    """Argument, value, remedy."""
    with pytest.raises(ValueError, match=f"^{message}"):
        labelnoise.in_share(*arguments)


def test_keys_of_calls_have_no_fixed_bits():
    """Whatever the generator: each of the 128 bits is set in about half of the calls."""
    for kind in (np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64):
        keys = np.array([Streams(np.random.Generator(kind(seed)))._key for seed in range(400)])
        share = np.unpackbits(keys.view(np.uint8), axis=1).mean(axis=0)
        assert 0.35 < share.min() <= share.max() < 0.65


def test_layers_and_patches_have_streams_of_their_own():
    """Independent ones, each from its start; a nested call does not disturb them."""
    seen = []

    def error(patch):
        first, second = patch.rng(0), patch.rng(1)
        a = first.random(500)
        labelnoise.choppy(np.eye(9, dtype=bool), 1.0, rng=0)
        b, c = second.random(500), first.random(500)
        np.testing.assert_array_equal(patch.rng(0).random(1000), [*a, *c])
        seen.extend([a, b, c])
        return patch.codes

    labelnoise.perturb(np.ones((2, 4, 4), bool), error, rng=3)
    assert np.abs(np.corrcoef(seen) - np.eye(6)).max() < 0.2


class Noisy(torch.utils.data.Dataset):
    """Discs with each kind of noise, drawn as a sample is loaded."""

    epoch = None

    def __len__(self):
        return 6

    def __getitem__(self, index):
        rows, columns = np.indices((64, 64))
        disc = np.hypot(rows - 32, columns - 32) < 12 + index
        rng = labelnoise.sample_rng(0, index, self.epoch)
        noisy = [
            labelnoise.natural(disc, 3.0, rng=rng),
            labelnoise.choppy(disc, 3.0, rng=rng),
            labelnoise.random(disc, 0.1, rng=rng),
            labelnoise.wobble(disc, 1.0, rng=rng),
        ]
        return torch.from_numpy(np.stack(noisy))


@pytest.mark.parametrize("start", ["here", "fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_loaders_give_the_same_noise(start):
    """With 0 or 2 workers, however they start, in each of two epochs."""
    options = {} if start == "here" else {"num_workers": 2, "multiprocessing_context": start}
    dataset = Noisy()
    expected = torch.stack([dataset[index] for index in range(len(dataset))])
    for _ in range(2):
        loader = torch.utils.data.DataLoader(dataset, batch_size=2, **options)
        assert torch.equal(torch.cat(list(loader)), expected)
    assert len({mask.numpy().tobytes() for mask in expected}) == len(dataset)


def test_noise_can_be_drawn_anew_in_each_epoch():
    """Epochs differ, and the same epoch is the same again."""
    dataset = Noisy()
    epochs = []
    for dataset.epoch in (0, 1, 0):
        epochs.append(torch.cat(list(torch.utils.data.DataLoader(dataset, batch_size=2))))
    assert torch.equal(epochs[0], epochs[2])
    assert not torch.equal(epochs[0], epochs[1])


def test_generators_are_shared_and_not_hoarded():
    """Many labels leave few of them behind."""
    cells = np.arange(1, 145).reshape(12, 12)
    for name in labelnoise.errors.__all__:
        if name != "ends":
            getattr(labelnoise, name)(cells, 1.0, rng=0)
            assert len(_streams._FREE) <= _streams._KEPT
