"""Training and scores: learns, repeats itself, and leaves the global random state alone."""

import itertools
from dataclasses import replace

import liver_study
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from liver.networks import NETWORKS
from made import make, run
from scipy.ndimage import binary_erosion, distance_transform_edt

import labelnoise


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    """Make a few small slices."""
    return make(tmp_path_factory.mktemp("kept"), 4, 6, 32)


def train(slices, labels=None, **changes):
    """Train; give the weights and the loss after each epoch."""
    fixed = labels or (lambda chosen, epoch: slices.labels[chosen])
    epochs = liver_study.train(run(**changes), slices, fixed, "cpu")
    return [(weights(model), loss) for model, loss in epochs]


def weights(model):
    """Flatten all weights."""
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_learns_what_can_be_seen(slices):
    """A few steps find all of a bright liver and little else, whatever the batch that looks."""
    rng = np.random.default_rng(0)
    images = 2.0 * slices.labels - 1 + rng.normal(0, 0.2, slices.labels.shape)
    slices = replace(slices, images=images.astype(np.float16))
    settings = run(steps=60, batch=12, filters=4, rate="constant")
    labels = slices.labels
    [(model, _)] = liver_study.train(settings, slices, lambda chosen, _: labels[chosen], "cpu")
    masks = liver_study.predict(settings, model, slices, "cpu")
    assert masks[labels > 0].all()
    assert liver_study.mean_dice(labels > 0, masks) > 0.5
    np.testing.assert_array_equal(masks, liver_study.predict(run(batch=7), model, slices, "cpu"))
    assert model.training


@pytest.mark.parametrize("name", NETWORKS)
def test_same_seed_same_network(slices, name):
    """Seed and repeat decide weights, order, dropout and pixels; the global state stays."""
    torch.manual_seed(5)
    before = torch.get_rng_state()
    settings = {"model": name, "steps": 3, "hidden": 8 if name == "fcn32" else 0}
    one, same, seed, repeat = (
        train(slices, **settings | more)[0][0] for more in ({}, {}, {"seed": 1}, {"repeat": 1})
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, seed)
    assert not torch.equal(one, repeat)
    assert torch.equal(before, torch.get_rng_state())


def test_each_slice_comes_before_any_comes_again(slices):
    """24 slices in batches of 4: each once in six steps."""
    seen = []

    def labels(chosen, epoch):
        seen.append((epoch, chosen))
        return slices.labels[chosen]

    losses = [loss for _, loss in train(slices, labels, epochs=3, steps=2)]
    assert [epoch for epoch, _ in seen] == [0, 1, 2]
    assert sorted(np.concatenate([chosen for _, chosen in seen])) == list(range(24))
    assert losses[2] < losses[0] < 2


def test_falling_rate_ends_at_rest(slices):
    """The first half of the steps is as without a fall, the last ones hardly move."""
    seen = [
        [weights for weights, _ in train(slices, epochs=10, rate=rate)]
        for rate in ("constant", "linear")
    ]
    assert all(torch.equal(*pair) for pair in list(zip(*seen, strict=True))[:6])
    moves = [float((b - a).abs().max()) for a, b in itertools.pairwise(seen[1])]
    assert moves[-1] < 0.5 * moves[3]


def test_half_precision_learns_alike(slices):
    """Convolutions in bfloat16 leave nearly the same loss."""
    precisions = "float32", "bfloat16"
    one, other = (train(slices, steps=10, precision=each)[0][1] for each in precisions)
    assert one != other
    assert one == pytest.approx(other, rel=0.02)


@pytest.mark.parametrize("weigh", ["classes", "pixels"])
def test_classes_or_pixels_weigh_the_same(slices, monkeypatch, weigh):
    """Constant scores that tell how rare the liver is among what counts stay so."""
    share = 0.5 if weigh == "classes" else slices.labels.mean()

    class Constant(torch.nn.Module):
        def __init__(self, filters):
            super().__init__()
            self.scores = torch.nn.Parameter(torch.tensor([1 - share, share]).log())

        def forward(self, x):
            return self.scores.view(1, 2, 1, 1).expand(len(x), 2, *x.shape[2:])

    monkeypatch.setitem(liver_study.NETWORKS, "unet", Constant)
    scores = train(slices, steps=300, batch=24, rate="constant", weigh=weigh)[0][0]
    assert torch.softmax(scores, 0)[1].item() == pytest.approx(share, abs=0.02)


def hd95(one, other):
    """Measure as the definition says, with distance maps."""
    edges = [mask & ~binary_erosion(mask) for mask in (one, other)]
    maps = [distance_transform_edt(~edge) for edge in edges]
    return max(np.percentile(maps[0][edges[1]], 95), np.percentile(maps[1][edges[0]], 95))


@given(st.integers(0, 999), st.integers(1, 4))
def test_scores_are_those_of_others(seed, depth):
    """Dice as the library's, HD95 as distance maps have it, in planes and volumes."""
    rng = np.random.default_rng(seed)
    one, other = rng.random((2, depth, 9, 7)) < rng.uniform(0.1, 0.6, (2, 1, 1, 1))
    for pair in ((one, other), (one[0], other[0])):
        found = liver_study.overlap(*pair)
        assert found["dice"] == pytest.approx(labelnoise.dice(*pair))
        assert (found["predicted"], found["true"]) == tuple(mask.sum() for mask in pair)
        if pair[0].any() and pair[1].any():
            assert found["precision"] == pytest.approx(pair[1][pair[0]].mean())
            assert found["recall"] == pytest.approx(pair[0][pair[1]].mean())
            assert found["hd95"] == pytest.approx(hd95(*pair))


def test_empty_masks_have_scores():
    """Nothing of nothing is perfect; nothing of something has no precision and no HD95."""
    empty, full = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    for pair, dice, far in (
        ((empty, empty), 1, 0),
        ((empty, full), 0, None),
        ((full, empty), 0, None),
    ):
        found = liver_study.columns([liver_study.overlap(*pair)])
        assert (found["dice"], found["precision"], found["hd95"]) == ([dice], [0], [far])
