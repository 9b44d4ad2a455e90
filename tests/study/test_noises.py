"""Label noise as it is written, drawn and calibrated."""

import itertools
import json

import liver_study
import numpy as np
import pytest
from liver import kinds
from made import make, run

import labelnoise


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("natural", labelnoise.Noise("natural", 1.0)),
        ("bias,direction=in", labelnoise.Noise("bias", 1.0, direction="in")),
        ("wobble,length=6", labelnoise.Noise("wobble", 1.0, length=6)),
        (
            "bias:2,direction=in+choppy:0.5",
            labelnoise.Chain(
                labelnoise.Noise("bias", 2.0, direction="in"), labelnoise.Noise("choppy", 0.5)
            ),
        ),
        ("kits23-kidney", labelnoise.Annotator.load("kits23-kidney")),
    ],
)
def test_noises_are_what_is_written(word, wanted, tmp_path):
    """By name, or from a file that describes the same."""
    assert kinds.written(word) == (word, wanted.to_dict())
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(wanted.to_dict()))
    name, described = kinds.written(str(path))
    assert name.startswith("mine-")
    assert described == wanted.to_dict()


@pytest.mark.parametrize(
    "word",
    ["blur", "natural:x", "bias,direction", "bias,direction=up", "none.json", "", "omit:2", "ends"],
)
def test_others_are_named(word):
    """One sentence with the word, and where to look."""
    with pytest.raises(ValueError, match=f"^--noises {word} cannot be used .*: see --help$"):
        kinds.written(word)


@pytest.mark.parametrize("target", [0.95, 0.85])
@pytest.mark.parametrize(
    "word",
    ["natural", "choppy", "random", "bias", "bias,direction=in", "wobble", "shift", "parts",
     "kits23-kidney", "bias:1+choppy:0.5"],
)  # fmt: skip
def test_training_sets_reach_their_dice(word, target, slices):
    """The draws that are learnt are those that were calibrated; the clean labels stay."""
    clean = slices.labels.copy()
    recipe = json.dumps(kinds.written(word)[1])
    settings = run(noise=word, recipe=recipe, target=target, sample=200, size=64)
    noise, strength = liver_study.calibrated(settings, slices)
    drawn = liver_study.labels_of(liver_study.noisy(settings, slices, noise), range(len(slices)))
    assert strength > 0
    assert liver_study.mean_dice(clean > 0, drawn > 0) == pytest.approx(target, abs=0.005)
    np.testing.assert_array_equal(slices.labels, clean)


def test_noise_belongs_to_slice_repeat_and_epoch(slices):
    """The same slice gets the same noise in any company, other noise in another repeat or epoch."""
    noise = labelnoise.Noise("choppy", 2.0)

    def draw(indices=range(16), part=slices, epoch=None, **changes):
        return liver_study.labels_of(liver_study.noisy(run(**changes), part, noise, epoch), indices)

    whole = draw()
    np.testing.assert_array_equal(whole[8:], draw(range(8), slices.of(["phantom-1"]))[:8])
    np.testing.assert_array_equal(whole[[9, 2]], draw([9, 2]))
    np.testing.assert_array_equal(draw(epoch=3), draw(epoch=3))
    for other in ({"repeat": 1}, {"epoch": 0}, {"epoch": 1}, {"seed": 1}):
        assert (draw(**other) != whole).any()


def test_parts_are_nested_in_the_rate():
    """Rate 0 changes nothing, 1 misses all, more misses the same and further pixels."""
    rows, columns = np.indices((40, 40))
    disc = (np.hypot(rows - 20, columns - 20) < 15).astype(np.uint8)
    drawn = [kinds.parts(disc, rate, rng=3) for rate in (0, 0.2, 0.5, 1)]
    np.testing.assert_array_equal(drawn[0], disc)
    assert all((more <= less).all() for less, more in itertools.pairwise(drawn))
    assert drawn[-1].sum() == 0
    shares = [kinds.parts(disc, 0.3, rng=seed).sum() / disc.sum() for seed in range(300)]
    assert np.mean(shares) == pytest.approx(0.7, abs=0.03)
    np.testing.assert_array_equal(kinds.parts(disc * 0, 0.5, rng=0), disc * 0)


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    """Make slices at the quick preset's size."""
    return make(tmp_path_factory.mktemp("kept"), 16, 8, 64)
