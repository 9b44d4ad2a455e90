"""Training: learns, repeats itself, and leaves the global random state alone."""

import itertools
from functools import partial

import numpy as np
import pytest
import torch
from liver.models import MODELS
from liver.training import PRECISIONS, Step, batch_of, counts, scores, train
from made import make

import labelnoise

small = partial(MODELS["unet"], filters=2)


@pytest.fixture(scope="module")
def slices():
    """Make a few small slices."""
    return make(4, 6, 32)


def weights(model):
    """Flatten all weights."""
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_learns_the_liver():
    """A few steps find most of the liver of the slices seen."""
    slices = make(3, 6, 64)
    model = train(MODELS["unet"], slices, slices.labels, steps=120, batch=6, decay=True)
    assert scores(counts(model, slices))["dice"].mean() > 0.65


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


def test_labels_may_be_drawn_for_each_epoch(slices):
    """A function of an epoch's indices and number stands for the stack it indexes."""
    seen = []

    def draw(indices, epoch):
        seen.append((epoch, indices))
        return slices.labels[indices]

    drawn = train(small, slices, draw, epochs=3, steps=2, batch=4)
    fixed = train(small, slices, slices.labels, epochs=3, steps=2, batch=4)
    assert torch.equal(weights(drawn), weights(fixed))
    assert [epoch for epoch, _ in seen] == [0, 1, 2]
    # 24 slices in batches of 4: each once in six steps.
    assert sorted(np.concatenate([indices for _, indices in seen])) == list(range(24))


def test_reports_every_epoch_and_step(slices):
    """One tick a step, the mean loss of each epoch."""
    ticks, losses = [], []
    train(
        small, slices, slices.labels, epochs=2, steps=3, batch=4,
        tick=lambda: ticks.append(len(losses)), report=lambda _, loss: losses.append(loss),
    )  # fmt: skip
    assert ticks == [0, 0, 0, 1, 1, 1]
    assert len(losses) == 2
    assert 0 < losses[1] < losses[0] < 2


def test_falling_rate_ends_at_rest(slices):
    """The first half of the steps is as without decay, the last ones hardly move."""
    seen = {}
    for decay in (False, True):
        seen[decay] = []
        train(
            small, slices, slices.labels, epochs=10, steps=1, batch=4, decay=decay,
            report=lambda model, _, kept=seen[decay]: kept.append(weights(model)),
        )  # fmt: skip
    assert all(torch.equal(*pair) for pair in list(zip(*seen.values(), strict=True))[:6])
    moves = [float((b - a).abs().max()) for a, b in itertools.pairwise(seen[True])]
    assert moves[-1] < 0.5 * moves[3]


def test_half_precision_learns_alike(slices):
    """Convolutions in bfloat16 leave nearly the same loss."""
    losses = {}
    for precision in PRECISIONS:
        train(
            small, slices, slices.labels, steps=10, batch=4, precision=precision,
            report=lambda _, loss, precision=precision: losses.update({precision: loss}),
        )  # fmt: skip
    assert losses["float32"] != losses["bfloat16"]
    assert losses["float32"] == pytest.approx(losses["bfloat16"], rel=0.02)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is here")
def test_graph_learns_as_eager_steps_do(slices, monkeypatch):
    """On CUDA, the replayed graph gives what the same steps give one by one."""
    run = partial(
        train, small, slices, slices.labels, epochs=2, steps=6, batch=24, device="cuda", decay=True
    )
    replayed = weights(run())
    monkeypatch.setattr(Step, "EAGER", 1000)
    torch.testing.assert_close(replayed, weights(run()), rtol=0.05, atol=5e-3)


def test_classes_weigh_the_same(slices):
    """With constant scores the loss is that of the classes in equal shares."""

    class Constant(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scores = torch.nn.Parameter(torch.zeros(2))

        def forward(self, x):
            return self.scores.view(1, 2, 1, 1).expand(len(x), 2, *x.shape[2:])

    model = train(Constant, slices, slices.labels, epochs=1, steps=300, batch=24)
    assert torch.softmax(model.scores, 0)[1].item() == pytest.approx(0.5, abs=0.02)


def test_scores_each_slice_on_clean_labels(slices):
    """Dice as the library's, one a slice, whatever the batch, and the network stays in training."""
    model = train(small, slices, slices.labels, steps=60, batch=4, decay=True)
    found = counts(model, slices, batch=5)
    np.testing.assert_array_equal(found, counts(model, slices, batch=24))
    assert model.training
    model.eval()
    with torch.inference_mode():
        masks = model(batch_of(torch.from_numpy(slices.images))).argmax(1).numpy()
    pairs = list(zip(slices.labels > 0, masks > 0, strict=True))
    assert any(mask.any() for _, mask in pairs)
    np.testing.assert_allclose(scores(found)["dice"], [labelnoise.dice(*pair) for pair in pairs])
    np.testing.assert_allclose(scores(found)["recall"], [mask[true].mean() for true, mask in pairs])


def test_empty_slices_have_scores():
    """Nothing outlined of nothing is perfect; nothing outlined of something has no precision."""
    found = scores(np.array([[0, 0, 0], [0, 0, 5], [2, 4, 4]]))
    assert found["dice"].tolist() == [1, 0, 0.5]
    assert found["precision"].tolist() == [0, 0, 0.5]
