"""Cells, losses with intervals and rank correlations, on results made by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from liver import runs
from liver.statistics import PAPER, interval, studies
from made import result


def test_cells_average_their_repeats():
    """Mean and standard deviation of the repeats, their number, the paper's value."""
    (study,) = studies([result("segnet", "control", 1.0, r, d) for r, d in enumerate((0.9, 0.8))])
    cell = study.cells["segnet", "control"]
    assert cell.dice == pytest.approx(0.85)
    assert cell.deviation == pytest.approx(np.std([0.9, 0.8], ddof=1))
    assert cell.count == 2
    assert cell.paper == 0.8993
    assert math.isnan(cell.loss)


def test_loss_is_paired_with_the_control_of_the_same_repeat():
    """Both repeats lost 0.1; a repeat without control takes no part in the loss."""
    made = [result("unet", "control", 1.0, r, dice) for r, dice in enumerate((0.9, 0.5))]
    made += [result("unet", "natural", 0.9, r, dice) for r, dice in enumerate((0.8, 0.4, 0.3))]
    (study,) = studies(made)
    cell = study.cells["unet", "natural 0.90"]
    assert cell.dice == pytest.approx(0.5)
    assert (cell.loss, cell.low, cell.high) == pytest.approx((0.1, 0.1, 0.1))


def test_interval_is_as_wide_as_patients_and_repeats_differ():
    """One patient lost 0.2, the other nothing: the ends are those, and the middle 0.1."""
    control = result("unet", "control", 1.0, 0, 0.9, patients="aabb")
    noisy = result("unet", "natural", 0.9, 0, [0.7, 0.7, 0.9, 0.9], patients="aabb")
    assert interval([noisy], [control]) == pytest.approx((0.1, 0, 0.2))
    same = result("unet", "natural", 0.9, 0, 0.8, patients="aabb")
    assert interval([same], [control]) == pytest.approx((0.1, 0.1, 0.1))


def test_one_patient_has_no_interval():
    """Nobody knows how patients differ from one of them."""
    runs = [
        result("unet", labels, 0.9, 0, dice, patients="aa")
        for labels, dice in (("natural", 0.7), ("control", 0.9))
    ]
    loss, *ends = interval(*([run] for run in runs))
    assert loss == pytest.approx(0.2)
    assert np.isnan(ends).all()


@given(st.integers(1, 4), st.lists(st.integers(0, 3), min_size=1, max_size=12), st.data())
def test_interval_against_a_loop(repeats, members, data):
    """The resamples are those of a plain loop over patients, repeats and slices."""
    dice = st.floats(0, 1, allow_subnormal=False)
    row = st.lists(dice, min_size=len(members), max_size=len(members))
    noisy, control = (
        [result("unet", labels, 0.9, r, data.draw(row), patients=members) for r in range(repeats)]
        for labels in ("natural", "control")
    )
    names = sorted(set(members))
    rng = np.random.default_rng(0)
    people = rng.multinomial(len(names), [1 / len(names)] * len(names), 50)
    times = rng.multinomial(repeats, [1 / repeats] * repeats, 50)
    means = []
    once = np.ones(len(names)), np.ones(repeats)
    for weights, often in (once, *zip(people, times, strict=True)):
        total = count = 0.0
        for r in range(repeats):
            sides = [each[r]["test_of_slices"]["dice"] for each in (control, noisy)]
            for member, clean, wrong in zip(members, *sides, strict=True):
                weight = weights[names.index(member)] * often[r]
                total, count = total + weight * (clean - wrong), count + weight
        means.append(total / count)
    loss, *ends = interval(noisy, control, resamples=50)
    assert loss == pytest.approx(means.pop(0), abs=1e-9)
    if len(names) > 1:
        np.testing.assert_allclose(ends, np.quantile(means, [0.025, 0.975]), atol=1e-9)


def test_correlation_with_the_paper():
    """1 for the paper's own numbers, -1 for their mirror image."""
    for sign in (1, -1):
        made = [
            result(model, *(labels.split() if " " in labels else ("control", 1.0)), 0, sign * dice)
            for labels, row in PAPER.items()
            for model, dice in zip(("unet", "segnet", "fcn32"), row, strict=True)
        ]
        (study,) = studies(made)
        assert study.correlation(study.models) == (pytest.approx(sign), 30)
        assert study.correlation(["unet"]) == (pytest.approx(sign), 10)
        assert study.labels == list(PAPER)


def test_other_settings_make_other_tables_that_share_their_controls():
    """Fixed and resampled noise are two tables with the same control, two sizes have their own."""
    made = [
        result("unet", "control", 1.0, 0, 0.9),
        result("unet", "natural", 0.9, 0, 0.8, draw="fixed"),
        result("unet", "natural", 0.9, 0, 0.7, draw="resampled"),
        result("unet", "control", 1.0, 0, 0.6, size=32),
    ]
    found = studies(made)
    assert sorted(len(study.results) for study in found) == [1, 2, 2]
    losses = sorted(
        study.cells["unet", "natural 0.90"].loss for study in found if len(study.results) == 2
    )
    assert losses == pytest.approx([0.1, 0.2])


def test_widths_of_fcn32_make_tables_that_share_the_other_networks():
    """Only FCN32 has hidden features."""
    made = [result("unet", "control", 1.0, 0, 0.9), result("fcn32", "control", 1.0, 0, 0.8)]
    wide = result("fcn32", "control", 1.0, 0, 0.85)
    wide["run"]["hidden"] = 16
    found = [
        (study.settings["hidden"], [cell.dice for cell in study.cells.values()])
        for study in studies([*made, wide])
    ]
    assert sorted(found) == [(8, [0.9, 0.8]), (16, [0.9, 0.85])]


COMMON = {
    "data": "d", "size": 64, "window": (-128, 128), "split": (0.1, 0.2), "draw": "resampled",
    "seed": 0, "sample": 9, "epochs": 1, "steps": 1, "batch": 2, "rate": "linear", "hidden": 8,
    "precision": "float32", "threads": 1, "device": "cpu",
}  # fmt: skip
AXES = {"models": ["unet", "fcn32"], "noises": ["natural"], "targets": [0.9, 0.8, 0.9]}


def test_grid_lists_whole_repeats_and_nothing_twice():
    """What makes no difference to a run makes no other run."""
    grid = runs.grid(COMMON, **AXES, repeats=2, fractions=(1.0, 0.5), filters=(6, 3))
    assert len(grid) == 2 * 3 * 2 * 2 * 2
    assert len({run.id for run in grid}) == len(grid)
    assert [run.repeat for run in grid] == [0] * 24 + [1] * 24
    other = runs.grid(COMMON | {"draw": "fixed", "hidden": 9}, **AXES, repeats=2)
    shared = {run.id for run in grid} & {run.id for run in other}
    assert shared == {run.id for run in other if (run.model, run.noise) == ("unet", "control")}


def test_ids_are_stable():
    """An id depends on the fields alone: results of earlier studies stay found."""
    (run, *_) = runs.grid(COMMON, **AXES, repeats=1)
    assert run.id == "unet-control-0-2e6f61b5c1"
