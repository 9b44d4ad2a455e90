"""Bad input gets one sentence: argument, value, remedy."""

import numpy as np
import pytest

import labelnoise
from labelnoise._patch import ERRORS

MASK = np.zeros((3, 8, 8), np.uint8)
MASK[:, 2:6, 2:6] = 1
MAP = np.array([[0, 1, 2, 0]], np.int8)
ALL = list(ERRORS.values())
SHIFTS = [
    getattr(labelnoise, name)
    for name in ("natural", "choppy", "wobble", "shift", "elastic", "ends")
]
RATES = [getattr(labelnoise, name) for name in ("random", "omit", "invent", "confuse")]


def calibrate(masks=MASK, target=0.9, **options):
    """Calibrate with defaults that work."""
    return labelnoise.calibrate(masks, labelnoise.random, target, **options)


def match(mask=MASK, target=0.9, **options):
    """Match with defaults that work."""
    return labelnoise.match(mask, labelnoise.random, target, **options)


CASES = [
    *((f, (MASK.astype(float), 0.1), {}, "mask: dtype float64") for f in ALL),
    *((f, (MASK[0, 0], 0.1), {}, r"mask: shape \(8,\)") for f in ALL),
    *((f, (MASK, 0.1), {"axes": (0, 0)}, r"axes=\(0, 0\): names an axis twice") for f in ALL),
    *((f, (MASK, 0.1), {"axes": (-1, 2)}, "names an axis twice") for f in ALL),
    *(
        (f, (MASK, 0.1), {"axes": axes}, "axes=.*: pass two axes")
        for f in ALL
        for axes in ((0, 3), 1, (1,), "yx", (0, 1, 2, 2))
    ),
    *(
        (f, (MASK, 0.1), {"labels": labels}, "labels=.* list different integers")
        for f in ALL
        for labels in ([0], [1, 0], [2, 2], 1, [], [1.0])
    ),
    *(
        (f, (MASK[:, :, :1], 0.1), {}, r"axes=\(-2, -1\): .* one pixel wide; .* axes=\(0, 1\)")
        for f in ALL
    ),
    *((f, ([[1, 0], [1]], 0.1), {}, "mask: rows of different lengths") for f in ALL),
    *((f, (np.eye(3), 0.1), {}, "the argmax over classes") for f in ALL),
    (labelnoise.random, (MAP, 0.1), {"prevalence": 0.1}, "a prevalence is the share of one label"),
    (labelnoise.random, (-MAP, 0.1), {"prevalence": 0.1}, "labels=None: a prevalence"),
    (labelnoise.random, (MAP, 0.1), {"prevalence": 0.1, "labels": [1, 2]}, "are several"),
    *((f, (MASK, 0.1), {"within": w}, "within: dtype") for f in ALL for w in (MASK, MASK[0] > 0)),
    *(
        (f, (MASK, 0.1), {"within": w}, "within=.* list different")
        for f in ALL
        for w in ([0], [1, 1])
    ),
    *(
        (labelnoise.Noise, ("choppy", 1.0), {"within": w}, "within: list labels; an array belongs")
        for w in (MASK > 0, [[1, 2], [3]])
    ),
    *(
        (labelnoise.Noise, ("choppy", 1.0), {"within": w}, f"within={w!r}: list labels, as in")
        for w in (1, "1")
    ),
    (labelnoise.Noise, ("bias", 1.0), {"labels": [2], "within": [1, 2]}, "labels has 2, too"),
    *((f, (MASK, 0.1), {"within": [[1, 2], [3]]}, "or list labels") for f in ALL),
    *((f, (MASK, 0.1), {"rng": rng}, "rng=") for f in ALL for rng in (-1, 0.5, "seed")),
    *((f, (MASK, s), {}, "sigma=") for f in SHIFTS for s in (-1, np.nan, np.inf, 1e10, "5", None)),
    *((f, (MASK, 1), {"spacing": s}, "spacing=") for f in SHIFTS for s in (1.0, (1, 0), (1, 2, 3))),
    *((f, (MASK, 1), {"spacing": (np.nan, 1)}, "spacing=") for f in SHIFTS),
    *((labelnoise.natural, (MASK, 1), {"knots": k}, f"knots={k}") for k in (0, 2.5, 10**9)),
    *((labelnoise.bias, (MASK, d), {}, f"distance={d}") for d in (-1, np.nan, np.inf)),
    (labelnoise.bias, (MASK, 1), {"direction": "up"}, "direction='up': pass one of 'out', 'in'"),
    *(
        (f, (MASK, 1), {"length": n}, f"length={n}")
        for f in (labelnoise.wobble, labelnoise.elastic)
        for n in (0, -1, np.nan)
    ),
    *((labelnoise.coarse, (MASK, t), {}, f"tolerance={t}: pass a number") for t in (-1, np.inf)),
    *((f, (MASK, 0.1), {"axes": (0, 1, 2), "spacing": (1, 1)}, "pass 3 positive") for f in ALL),
    (labelnoise.Noise, ("drunk", 1.0), {}, "error='drunk': pass one of .*natural"),
    (labelnoise.Noise, ("choppy", 1.0), {"knots": 5}, "knots=: choppy takes labels, within, axes"),
    (labelnoise.Noise, ("choppy", 1.0), {"rng": 5}, "rng=: choppy takes labels, within, axes"),
    (labelnoise.Noise, ("choppy", -1.0), {}, "sigma=-1.0: pass a number"),
    (labelnoise.Noise, ("natural", 1.0), {"knots": 0}, "knots=0: pass an integer from 1 to 1000"),
    (labelnoise.Chain, ("choppy",), {}, "error='choppy': pass a function of a mask"),
    *((f, (MASK, rate), {}, f"rate={rate}") for f in RATES for rate in (-0.1, 1.1, np.nan)),
    *((labelnoise.random, (MASK, 0.5), {"prevalence": p}, f"prevalence={p}") for p in (0, 1, 1.5)),
    *((f, (MASK, 10**400), {}, "pass a number") for f in ALL),
    *((f, (MASK, 1), {"spacing": (10**400, 1)}, "spacing=") for f in SHIFTS),
    *((f, (MASK, 0.1), {"axes": (1.0, 2.0)}, "pass two axes") for f in ALL),
    (labelnoise.dice, (MASK, MASK[:2]), {}, r"other: shape \(2, 8, 8\) differs"),
    (labelnoise.dice, (MASK, MASK / 2), {}, "other: dtype float64"),
    (labelnoise.iou, (MASK, 2 * MASK), {}, "other: has label 2 where the reference has 1"),
    (labelnoise.dice, (MAP, MAP), {"labels": [0]}, r"labels=\[0\]: list"),
    *(
        (f, (), {"target": t}, f"target={t}")
        for f in (calibrate, match)
        for t in (0, -1, 1.5, np.nan)
    ),
    *((f, (), {"tol": t}, f"tol={t}") for f in (calibrate, match) for t in (0, -1, np.nan)),
    *((f, (), {"upper": u}, f"upper={u}") for f in (calibrate, match) for u in (0, -1, np.nan)),
    *(
        (f, (), {"target": 0.5, "upper": 0.2}, "target=0.5: not reached")
        for f in (calibrate, match)
    ),
    (calibrate, (), {"masks": []}, "masks: an empty sequence"),
    (calibrate, (), {"masks": MASK[0]}, r"masks: shape \(8, 8\) is one mask"),
    (calibrate, (), {"masks": 3}, "masks: int is no sequence"),
    (calibrate, (), {"masks": {"a": MASK}}, "masks: dict is no sequence"),
    *(
        (f, (), {"metric": lambda *_, score=score: score}, f"metric: scores {score}")
        for f in (calibrate, match)
        for score in (np.nan, np.inf, None)
    ),
    (match, (MASK,), {"target": 0.1, "metric": lambda a, b: (a == b).mean()}, "strength 1 still"),
    (calibrate, (), {"masks": [MASK[0] / 2]}, r"masks\[0\]: dtype float64"),
    (calibrate, (), {"masks": 0 * MASK}, "masks: all 3 are empty"),
    (calibrate, (), {"labels": [2]}, r"masks: all 3 have none of labels=\[2\]"),
    (calibrate, (), {"labels": []}, r"labels=\[\]"),
    (calibrate, (), {"sample": 0}, "sample=0"),
    *((calibrate, (), {"workers": n}, f"workers={n}: pass an int") for n in (0, -1, 1.5, None)),
    (calibrate, (), {"keys": ["a"]}, "keys: 1 names for 3 masks"),
    (calibrate, (), {"reduction": "median"}, "reduction='median': pass one of 'mean', 'pooled'"),
    (calibrate, (), {"reduction": "pooled", "metric": max}, "metric=.* pass one of dice, iou"),
    (calibrate, (), {"masks": [MASK[0, 2:4, 2:4]], "target": 0.5}, "strength 1 still scores 1.0"),
    (match, (0 * MASK,), {}, "mask: is empty"),
    (match, (MASK,), {"labels": [2]}, r"mask: has none of labels=\[2\]"),
    (match, (MASK,), {"target": 0.93, "tol": 0.001}, "the score jumps from 0.9375 to 0.875"),
    (labelnoise.sample_rng, (-1, "a"), {}, "seed=-1"),
    (labelnoise.sample_rng, (0, 0.5), {}, "key=0.5"),
    (labelnoise.sample_rng, (0, "a", -1), {}, "epoch=-1"),
]


@pytest.mark.parametrize(("function", "args", "options", "message"), CASES)
def test_bad_input_is_named(function, args, options, message):
    """One line that tells argument, value and remedy."""
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        function(*args, **options)
    assert "\n" not in str(caught.value)


def test_a_perturbation_that_changes_masks_without_strength_is_refused():
    """Then no strength can reach the target from above."""

    def halve(mask, strength, *, rng):
        return mask & (np.indices(mask.shape)[-1] > 3)

    with pytest.raises(ValueError, match="strength 0 scores"):
        labelnoise.match(MASK, halve, 0.99)
