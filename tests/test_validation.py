"""Bad input gets one sentence: argument, value, remedy."""

import numpy as np
import pytest

import labelnoise

MASK = np.zeros((3, 8, 8), np.uint8)
MASK[:, 2:6, 2:6] = 1
MAP = np.array([[0, 1, 2, 0]], np.int8)
SHARE = np.arange(-100, 100).reshape(2, -1)
ALL = [labelnoise.natural, labelnoise.choppy, labelnoise.random]
SHIFTS = ALL[:2]


def calibrate(masks=MASK, target=0.9, **options):
    """Calibrate with defaults that work."""
    return labelnoise.calibrate(labelnoise.random, masks, target, **options)


def match(mask=MASK, target=0.9, **options):
    """Match with defaults that work."""
    return labelnoise.match(mask, labelnoise.random, target, **options)


CASES = [
    *((f, (MASK.astype(float), 0.1), {}, "mask: dtype float64") for f in ALL),
    *((f, (MASK[0, 0], 0.1), {}, r"mask: shape \(8,\)") for f in ALL),
    *((f, (MASK, 0.1), {"plane": (0, 0)}, r"plane=\(0, 0\): names axis 0 twice") for f in ALL),
    *((f, (MASK, 0.1), {"plane": (-1, 2)}, "names axis 2 twice") for f in ALL),
    *(
        (f, (MASK, 0.1), {"plane": plane}, "plane=")
        for f in ALL
        for plane in ((0, 3), 1, (1,), "yx")
    ),
    *(
        (f, (MASK, 0.1), {"labels": labels}, "labels=.* list different integers")
        for f in ALL
        for labels in ([0], [1, 0], [2, 2], 1, [], [1.0])
    ),
    *((f, (np.arange(256 * 9).reshape(9, -1), 0.1), {}, "mask: has more than 255") for f in ALL),
    *((f, (np.eye(3), 0.1), {}, "the argmax over classes") for f in ALL),
    (labelnoise.random, (MAP, 0.1), {"prevalence": 0.1}, "a prevalence is the share of one label"),
    (labelnoise.random, (-MAP, 0.1), {"prevalence": 0.1}, "labels=None: a prevalence"),
    (labelnoise.random, (MAP, 0.1), {"prevalence": 0.1, "labels": [1, 2]}, "are several"),
    (labelnoise.random, (np.array([[1, 2, 2, 0]]), 0.6), {}, "1 negative pixels and 2 should"),
    *((f, (MASK, 0.1), {"within": w}, "within: dtype") for f in ALL for w in (MASK, MASK[0] > 0)),
    *((f, (MASK, 0.1), {"workers": n}, f"workers={n}") for f in ALL for n in (0, -1, 1.5)),
    *((f, (MASK, 0.1), {"rng": rng}, "rng=") for f in ALL for rng in (-1, 0.5, "seed")),
    *((f, (MASK, s), {}, "sigma=") for f in SHIFTS for s in (-1, np.nan, np.inf, 1e10, "5", None)),
    *((f, (MASK, 1), {"spacing": s}, "spacing=") for f in SHIFTS for s in (1.0, (1, 0), (1, 2, 3))),
    *((f, (MASK, 1), {"spacing": (np.nan, 1)}, "spacing=") for f in SHIFTS),
    *((labelnoise.natural, (MASK, 1), {"knots": k}, f"knots={k}") for k in (0, 2.5)),
    *((labelnoise.random, (MASK, rate), {}, f"rate={rate}") for rate in (-0.1, 1.1, np.nan)),
    *((labelnoise.random, (MASK, 0.5), {"prevalence": p}, f"prevalence={p}") for p in (0, 1, 0.9)),
    (labelnoise.random, (np.ones((4, 5), bool), 0.5), {}, "0 negative pixels and 10 should flip"),
    (labelnoise.random, (MASK == 0, 0.9), {}, "pass a rate of at most 0.334,"),
    *((f, (0 * MASK, 0.1), {"labels": [300]}, "from 0 to 255") for f in ALL),
    *((f, (MASK > 1, 0.1), {"labels": [2]}, "from 0 to 1") for f in ALL),
    *((f, (MASK, 10**400), {}, "pass a number") for f in ALL),
    *((f, (MASK, 1), {"spacing": (10**400, 1)}, "spacing=") for f in SHIFTS),
    *((f, (MASK, 0.1), {"plane": (1.0, 2.0)}, "pass two axes") for f in ALL),
    (labelnoise.dice, (MASK, MASK[:2]), {}, r"other: shape \(2, 8, 8\) differs"),
    (labelnoise.dice, (MASK, MASK / 2), {}, "other: dtype float64"),
    (labelnoise.iou, (MASK, 2 * MASK), {}, "other: has label 2 where the reference has 1"),
    (labelnoise.dice, (MAP, MAP), {"labels": [0]}, r"labels=\[0\]: list"),
    (labelnoise.dice, (np.arange(600).reshape(2, -1),) * 2, {}, "reference: has more than 255"),
    (labelnoise.dice, (SHARE, SHARE + 200), {}, "other: has more than 255"),
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
    (match, (), {"metric": lambda *_: np.nan}, "metric: scores nan"),
    (
        match,
        (MASK,),
        {"target": 0.1, "metric": lambda a, b: (a == b).mean()},
        "rate=.* from 0 to 1",
    ),
    (calibrate, (), {"masks": [MASK[0] / 2]}, r"masks\[0\]: dtype float64"),
    (calibrate, (), {"masks": 0 * MASK}, "masks: all 3 are empty"),
    (calibrate, (), {"labels": [2]}, r"masks: all 3 have none of labels=\[2\]"),
    (calibrate, (), {"labels": []}, r"labels=\[\]"),
    (calibrate, (), {"sample": 0}, "sample=0"),
    (calibrate, (), {"workers": 0}, "workers=0"),
    (calibrate, (), {"reduction": "median"}, "reduction='median': pass one of 'mean', 'pooled'"),
    (calibrate, (), {"reduction": "pooled", "metric": max}, "metric=.* pass one of dice, iou"),
    (calibrate, (), {"masks": [MASK[0, 2:4, 2:4]], "target": 0.5}, "negative pixels"),
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
