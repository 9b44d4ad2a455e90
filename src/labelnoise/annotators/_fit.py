"""How annotators are found from what they drew: simulate, compare, correct."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._observe import ACROSS, ALONG, Difference, difference
from ._pairs import Drawn, Structure
from .annotator import Annotator

Numbers = dict[str, Any]  # of float
_ROUNDS = 8
_LAST = 3  # rounds whose numbers are averaged
_FEWEST, _MOST = 40, 200  # structures that are drawn in each round, if need be several times
_POINTS = 1_000_000  # contour points that are, about
_AGAIN = 50  # resamplings
_ENOUGH = 3  # cases from which a standard error is found
# How many structures or cases the defaults count for; what each contour shows needs few.
_OF_CONTOURS, _OF_CASES, _OF_SHARED = 0.5, 3.0, 10.0
_CASES = "growth", "severity", "bias", "bias_spread", "ends"
_SIGNED = "growth", "bias", "slices", "tails", "calm", "shared"  # not averaged by logarithms
_SHARED = 0.4
_GROWTH = 0.5
_LITTLE = 0.03  # pixels that are added to a standard deviation, which may be 0
_LONG = 12  # pixels from which on a radius is that of something large
_NONE = 1e-9  # standard error of what the cases tell nothing of
_STEP = 0.4  # most by which the logarithm of a number changes
_BOUNDS = {
    "severity": (0.01, 2.0),
    "growth": (0.0, 1.2),
    "slices": (0.03, 0.8),
    "smoothing": (0.1, 12.0),
    "tails": (0.0, 0.9),
    "calm": (0.0, 2.0),
    "bias_spread": (0.01, 5.0),
    "ends": (0.05, 3.0),
}


def fit_drawn(drawn: Drawn, rng: np.random.Generator) -> dict[str, Any]:
    """Return the numbers of the annotator who drew structures, with cases and spread."""
    by_case = defaultdict(list)
    for each in drawn.structures:
        by_case[each.case].append(each.seen)
    cases = list(by_case.values())
    real = _moments([each.seen for each in drawn.structures])
    found, defaults = _search(drawn.structures, real, rng), _start(real)
    weights = {
        name: _weight(len(cases), _OF_CASES)
        if name in _CASES
        else _weight(len(drawn.structures), _OF_CONTOURS)
        for name in found
    }
    numbers: dict[str, Any] = {
        name: _between(name, defaults[name], found[name], weights[name]) for name in found
    }
    numbers["missed"] = sum(drawn.missed) / (len(drawn.missed) + _OF_CASES)
    numbers["shared"] = _shared(drawn.structures)
    numbers["cases"] = len(cases)
    if len(cases) >= _ENOUGH:
        samples = []
        for _ in range(_AGAIN):
            some = rng.integers(len(cases), size=len(cases))
            moments = _moments([seen for case in some for seen in cases[case]])
            samples.append(_corrected(found, moments, real, 1.0))
        spread = {
            name: weight * float(np.std([sample[name] for sample in samples]))
            for name, weight in weights.items()
        }
        missed = numbers["missed"]
        spread["missed"] = math.sqrt(missed * (1 - missed) / len(drawn.missed))
        numbers["spread"] = {name: error for name, error in spread.items() if error > _NONE}
    return numbers


def _shared(structures: Sequence[Structure]) -> float:
    """Return which share of the severity is the same for all raters of a structure."""
    rest = _levels([each.seen for each in structures])[0]
    rest -= rest.mean()
    raters = defaultdict(list)
    for each, value in zip(structures, rest, strict=True):
        raters[each.case, each.place].append(value)
    products = [
        (sum(values) ** 2 - sum(value**2 for value in values)) / (len(values) ** 2 - len(values))
        for values in raters.values()
        if len(values) > 1
    ]
    if not products or not rest.any():
        return _SHARED
    share = min(max(float(np.mean(products) / rest.var()), 0.0), 1.0)
    return _between("shared", _SHARED, share, _weight(len(products), _OF_SHARED))


def _weight(count: int, defaults: float) -> float:
    return count / (count + defaults)


def _between(name: str, default: float, found: float, weight: float) -> float:
    if name in _SIGNED:
        return (1 - weight) * default + weight * found
    return math.exp((1 - weight) * math.log(default) + weight * math.log(found))


def _search(structures: Sequence[Structure], real: Numbers, rng: np.random.Generator) -> Numbers:
    """Return numbers with which simulated masks have the moments of the real ones."""
    numbers, found = _start(real), []
    for turn in range(_ROUNDS):
        pairs = []
        for each in _choose(structures, rng):
            drawn = _draw(numbers, each, rng)
            seen = difference(each.reference, drawn, each.spacing)
            if seen is not None:
                pairs.append((each.seen, seen))
        sample, simulated = (_moments(seen) for seen in zip(*pairs, strict=True))
        gain = 0.8 if turn < _ROUNDS - _LAST else 0.4
        numbers = _corrected(numbers, sample, simulated, gain)
        found.append(numbers)
    last = found[-_LAST:]
    return {name: float(np.mean([each[name] for each in last])) for name in numbers}


def _choose(structures: Sequence[Structure], rng: np.random.Generator) -> list[Structure]:
    """Return structures, as many as can be drawn again in a while."""
    times = math.ceil(_FEWEST / len(structures))
    order = np.concatenate([rng.permutation(len(structures)) for _ in range(times)])[:_MOST]
    total = np.cumsum([structures[place].seen.points for place in order])
    return [structures[place] for place in order[: 1 + int(np.searchsorted(total, _POINTS))]]


def _draw(numbers: Numbers, structure: Structure, rng: np.random.Generator) -> NDArray[np.bool_]:
    mask, axes = structure.reference, (-3, -2, -1)[-3 if len(structure.reference) > 1 else -2 :]
    return Annotator(**numbers)(mask, axes=axes, spacing=structure.spacing[-len(axes) :], rng=rng)


def _moments(seen: Sequence[Difference]) -> Numbers:
    """Return what the numbers of an annotator show in."""
    table = {name: np.array([getattr(each, name) for each in seen]) for name in Difference._fields}
    sd = table["sd"] + _LITTLE * table["pixel"]
    rest, growth = _levels(seen)
    moments = {
        "pixel": np.median(table["pixel"]),
        "radius": np.median(table["radius"]),
        "sd": np.median(np.log(sd)),
        "severity": _half(rest),
        "growth": growth,
        "bias": np.median(table["gain"]),
        "bias_spread": (_half(table["mean"]) + table["mean"].std()) / 2 / np.median(sd),
        "slices": np.median(table["slices"] / sd),
        "parts": np.log(np.median(table["parts"])),
        "rough": np.median(table["rough"]),
        "kurtosis": np.log(np.median(table["kurtosis"])),
        "uneven": np.log(np.median(table["uneven"]) + 0.002),
        "ends": table["ends"].mean(),
    }
    for name, lags in (("along", ALONG), ("across", ACROSS)):
        for lag, column in zip(lags, table[name].T, strict=True):
            known = column[np.isfinite(column)]
            moments[f"{name}{lag}"] = np.median(known) if known.size else 0.0
    return {name: float(moment) for name, moment in moments.items()}


def _levels(seen: Sequence[Difference]) -> tuple[NDArray[np.float64], float]:
    """Return the logarithms of standard deviations beside the radius, and their growth with it."""
    level = np.log([each.sd + _LITTLE * each.pixel for each in seen])
    size = np.log([each.radius for each in seen])
    off, few = size - size.mean(), _OF_CASES * 0.04  # the default counts for so much spread
    growth = float((off @ level + few * _GROWTH) / (off @ off + few))
    return level - growth * size, growth


def _half(values: NDArray[np.float64]) -> float:
    """Return a standard deviation that a few gross errors do not change."""
    return float(np.diff(np.percentile(values, (16, 84)))[0]) / 2


def _start(real: Numbers) -> Numbers:
    """Return the numbers that a search starts from, and that hold as far as cases are few."""
    sd, length = math.exp(real["sd"]), 1.3 * math.sqrt(real["radius"] * real["pixel"])
    return {
        "radius": real["radius"],
        "sigma": 0.95 * sd,
        "growth": _GROWTH,
        "severity": 0.25,
        "length": length,
        "depth": 0.4 * length,
        "slices": 0.2,
        "tails": 0.5,
        "hand": 0.5 * sd,
        "hand_length": 0.35 * length,
        "smoothing": 5.0,
        "calm": 0.0,
        "bias": 0.0,
        "bias_spread": 0.5,
        "ends": 0.9,
    }


def _corrected(numbers: Numbers, real: Numbers, simulated: Numbers, gain: float) -> Numbers:
    """Return numbers whose simulation differs less from the real masks."""
    off = {name: real[name] - simulated[name] for name in real}

    def ratio(name: str, floor: float = 1e-3) -> float:
        return math.log((real[name] + floor) / (simulated[name] + floor))

    if real["radius"] > _LONG * real["pixel"]:
        near, far = off["along3"], (off["along8"] + off["along20"]) / 2
        hand = 2 * near - far
    else:
        near, far = off["along1"], off["along3"]
        hand = 2 * near - 0.5 * off["parts"]
    factors = {
        "sigma": off["sd"],
        "hand": off["sd"] / 2 + 0.8 * off["parts"],
        "length": 1.5 * far,
        "hand_length": hand,
        "depth": 1.5 * (off["across1"] + off["across2"]),
        "slices": ratio("slices"),
        "smoothing": -25 * off["rough"],
        "bias_spread": ratio("bias_spread"),
        "ends": 0.7 * ratio("ends", 0.02),
    }
    squares = {  # of what adds to a variance
        "severity": 1.3 * (real["severity"] ** 2 - simulated["severity"] ** 2),
        "tails": 0.6 * off["kurtosis"],
    }
    sums = {
        "growth": 0.4 * off["growth"],
        "bias": off["bias"],
        "calm": -0.8 * min(max(off["uneven"], -0.5), 0.5),
    }
    new = {"radius": numbers["radius"]}
    for name, log in factors.items():
        new[name] = numbers[name] * math.exp(min(max(gain * log, -_STEP), _STEP))
    for name, more in squares.items():
        new[name] = math.sqrt(max(numbers[name] ** 2 + gain * more, 0.0))
    for name, more in sums.items():
        new[name] = numbers[name] + gain * more
    bounds = _BOUNDS | {
        "hand": (0.0, new["sigma"]),
        "hand_length": (0.5 * real["pixel"], max(new["length"], real["pixel"])),
    }
    for name, (low, high) in bounds.items():
        new[name] = min(max(new[name], low), high)
    return new
