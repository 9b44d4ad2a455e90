"""Training: learns, repeats itself, and leaves the global random state alone."""

from functools import partial

import numpy as np
import pytest
import torch
from liver import phantom
from liver.models import MODELS
from liver.training import predict, score, train

small = partial(MODELS["unet"], filters=2)


@pytest.fixture(scope="module")
def slices():
    """Make a few small slices."""
    return phantom.make(4, 6, 32)


def weights(model):
    """Flatten all weights."""
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_learns_the_liver():
    """A few steps find most of the liver of the slices seen."""
    slices = phantom.make(3, 6, 64)
    model = train(MODELS["unet"], slices, slices.labels, steps=80, batch=6)
    assert score(model, slices).mean() > 0.75


@pytest.mark.parametrize("name", MODELS)
def test_same_seed_same_network(slices, name):
    """The seed decides weights, order, dropout and pixels; the global state stays as it was."""
    build = partial(MODELS[name], filters=2, **({"hidden": 8} if name == "fcn32" else {}))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (
        weights(train(build, slices, slices.labels, steps=3, batch=4, seed=seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


def test_labels_may_be_drawn_for_each_batch(slices):
    """A function of a batch's indices and the step stands for the stack it indexes."""
    seen = []

    def draw(indices, step):
        seen.append((step, indices))
        return slices.labels[indices]

    drawn = train(small, slices, draw, steps=6, batch=4)
    fixed = train(small, slices, slices.labels, steps=6, batch=4)
    assert torch.equal(weights(drawn), weights(fixed))
    assert [step for step, _ in seen] == [1, 2, 3, 4, 5, 6]
    # 24 slices in batches of 4: each once in six steps.
    assert sorted(np.concatenate([indices for _, indices in seen])) == list(range(24))


def test_classes_weigh_the_same(slices):
    """With constant scores the loss is that of the classes in equal shares."""

    class Constant(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scores = torch.nn.Parameter(torch.zeros(2))

        def forward(self, x):
            return self.scores.view(1, 2, 1, 1).expand(len(x), 2, *x.shape[2:])

    model = train(Constant, slices, slices.labels, steps=300, batch=24)
    assert torch.softmax(model.scores, 0)[1].item() == pytest.approx(0.5, abs=0.02)


def test_scores_each_slice_on_clean_labels(slices):
    """One Dice a slice, whatever the batch, and the network stays in training mode."""
    model = train(small, slices, slices.labels, steps=2, batch=4)
    scores = score(model, slices, batch=5)
    masks = predict(model, slices, batch=24)
    assert masks.dtype == np.uint8
    assert masks.shape == slices.labels.shape
    both = (masks & slices.labels).sum((1, 2))
    sizes = masks.sum((1, 2), dtype=int) + slices.labels.sum((1, 2), dtype=int)
    np.testing.assert_allclose(scores, 2 * both / sizes)
    assert model.training
