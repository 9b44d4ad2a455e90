"""The report of a noisy copy: one page of HTML that needs nothing else."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from importlib.resources import files
from math import ceil, floor, inf, isfinite, isnan, log10, nan
from statistics import fmean, stdev
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..plot import CLEAN, NOISY
from ._record import Entry
from ._told import told
from ._views import PICTURED

_MINUS, _DASH, _INFINITE = "\u2212", "\u2013", "\u221e"
_MOST_ROWS, _MOST_LABELS = 20_000, 100  # of the table; of histograms and the summary
_FEW = 8  # labels that are told of at once
_BINS, _TICKS = 24, 4
_FAR = 4.0  # how many ranges of the middle 90 % beyond it a histogram reaches


@dataclass(frozen=True)
class _Score:
    """How a score is written, and what it means."""

    title: str
    meaning: str
    times: float = 1.0
    digits: int = 3
    unit: str = ""
    signed: bool = False

    def __call__(self, value: float) -> str:
        """Write a number."""
        if isnan(value):
            return _DASH
        text = _INFINITE if value == inf else _MINUS + _INFINITE if value == -inf else ""
        text = text or f"{self.times * value:.{self.digits}f}".replace("-", _MINUS)
        if not text.strip(f"{_MINUS}0."):
            text = text.removeprefix(_MINUS)
        elif self.signed and value > 0:
            text = f"+{text}"
        return text if _INFINITE in text else text + self.unit


_PERCENT: dict[str, Any] = {"times": 100.0, "unit": " %"}


def _scores(unit: str, tolerance: float) -> dict[str, _Score]:
    """Return how each score of a row is written."""
    near = f"{tolerance:g} {unit}"
    length: dict[str, Any] = {"digits": 2, "unit": "" if unit == "mm or pixels" else f" {unit}"}
    return {
        "dice": _Score(
            "Dice", "Twice the overlap of clean and noisy, as a share of both together; 1 is equal."
        ),
        "iou": _Score("IoU", "The overlap as a share of what either of them has; 1 is equal."),
        "nsd": _Score(
            "NSD", f"The share of both boundaries that lies within {near} of the other one."
        ),
        "hd95": _Score(
            "HD95",
            "The distance of the boundaries that only their farthest 5 % exceed.",
            **length,
        ),
        "assd": _Score("ASSD", "The mean distance of the boundaries.", **length),
        "volume_difference": _Score(
            "Volume", "How much larger the noisy label is, as a share of the clean one.",
            digits=1, signed=True, **_PERCENT,
        ),
        "changed": _Score(
            "Changed", "The share of all pixels of the case whose label differs.",
            digits=2, **_PERCENT,
        ),
        "error_rate": _Score(
            "Errors", "The number of these pixels as a share of the clean foreground.",
            digits=1, **_PERCENT,
        ),
    }  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A plane with its contours: worst, median or best, where it is from, and a data URL."""

    group: str
    case: str
    place: int
    planes: int
    dice: float
    url: str


@dataclass(frozen=True)
class Report:
    """All that the page tells.

    Attributes
    ----------
    clean, noisy : str
        What the folders are called.
    rows : list of dict
        The scores of each label of each case, as `compare` gives them.
    failed : dict of str to str
        Cases that could not be compared, and why.
    manifest : dict, optional
        What the noisy copy tells of itself.
    names : dict of int to str
        Names of labels.
    pictures : dict of int to list of Picture
        By their labels.
    scored : set of int, optional
        The labels that were scored; the table alone has the others. By default all.
    unchanged : set of str
        Cases that were left as they are; the table alone has them.
    notes : list of str
        Sentences about the pictures.
    tolerance : float
        That of NSD.
    """

    clean: str
    noisy: str
    rows: Sequence[Entry]
    failed: Mapping[str, str] = field(default_factory=dict)
    manifest: Any = None
    names: Mapping[int, str] = field(default_factory=dict)
    pictures: Mapping[int, Sequence[Picture]] = field(default_factory=dict)
    scored: frozenset[int] | None = None
    unchanged: frozenset[str] = frozenset()
    notes: Sequence[str] = ()
    tolerance: float = 2.0

    @property
    def scored_rows(self) -> list[Entry]:
        """The rows of scored labels in noisy cases."""
        return [
            row
            for row in self.rows
            if row["case"] not in self.unchanged
            and (self.scored is None or row["label"] in self.scored)
        ]


class _Page(Template):
    delimiter = "@@"


def page(report: Report) -> str:
    """Return the report as HTML."""
    template = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    units = {row["unit"] for row in report.rows} or {"mm"}
    unit = {"mm": "mm", "pixel": "pixels"}[units.pop()] if len(units) == 1 else "mm or pixels"
    scores = _scores(unit, report.tolerance)
    rows = report.scored_rows
    sections = {
        "Summary": _summary(rows, scores, report),
        "What was done": told(report.manifest),
        "Distributions": _distributions(rows, scores, report),
        "Slices": _slices(report),
    }
    last = {"Left out": _listed(report.failed), "The scores": _meanings(scores)}
    titles = [*sections, "Cases", *last]
    there = {**sections, "Cases": "here", **last}
    return _Page(template).substitute(
        style_digest=_digest(template, "style"),
        script_digest=_digest(template, "script"),
        version=escape(__version__),
        title=escape(f"{report.noisy} and {report.clean}: label noise"),
        heading=escape(f"{report.noisy}, compared with {report.clean}"),
        lead=_lead(rows, scores, report),
        links="".join(
            f'<li><a href="#{_id(title)}">{title}</a></li>' for title in titles if there[title]
        ),
        sections=_sections(sections),
        table_note=_table_note(report),
        end=_sections(last),
        data=_data(report, scores),
    )


def _digest(template: str, name: str) -> str:
    """Return the SHA-256 of an element's content, by which the page's policy knows it."""
    [content] = re.findall(rf"<{name}>(.*?)</{name}>", template, re.DOTALL)
    return b64encode(sha256(content.encode()).digest()).decode()


def _id(title: str) -> str:
    return title.lower().replace(" ", "-")


def _sections(sections: Mapping[str, str]) -> str:
    return "\n".join(
        f'<section id="{_id(title)}" aria-labelledby="{_id(title)}-title">\n'
        f'<h2 id="{_id(title)}-title">{title}</h2>\n{text}\n</section>'
        for title, text in sections.items()
        if text
    )


@dataclass(frozen=True)
class _Spread:
    """The finite ones of some values, and how many others there are."""

    values: Sequence[float]
    others: int

    @classmethod
    def of(cls, rows: Iterable[Entry], name: str) -> "_Spread":
        every = [row[name] for row in rows]
        finite = [value for value in every if isfinite(value)]
        return cls(finite, len(every) - len(finite))

    @property
    def mean(self) -> float:
        return fmean(self.values) if self.values else nan

    def range(self, score: _Score) -> str:
        """Write from where to where values go."""
        if not self.values:
            return ""
        return f"{score(min(self.values)).removesuffix(score.unit)} to {score(max(self.values))}"

    def cell(self, score: _Score) -> str:
        """Write a cell of the summary."""
        if not self.values:
            return f"<td>{_DASH}</td>"
        mean = score(self.mean).removesuffix(score.unit)
        if len(self.values) > 1:
            mean += f" ± {score(stdev(self.values)).removesuffix(score.unit).lstrip('+')}"
        out = f"<small>{self.others} left out</small>" if self.others else ""
        return f"<td>{mean}{score.unit}<small>{self.range(score)}</small>{out}</td>"


def _by_case(rows: Sequence[Entry]) -> _Spread:
    """Return the Dice score of each case, the mean over its labels."""
    cases: dict[str, list[float]] = {}
    for row in rows:
        if isfinite(row["dice"]):
            cases.setdefault(row["case"], []).append(row["dice"])
    return _Spread([fmean(scores) for scores in cases.values()], 0)


def _labels(rows: Iterable[Entry]) -> list[int]:
    return sorted({row["label"] for row in rows})


def _called(label: int, report: Report) -> str:
    """Return a label with its name, as text."""
    return f"{label} {report.names[label]}" if label in report.names else str(label)


def _cut(rows: Sequence[Entry]) -> str:
    """Return what is said where there are too many labels."""
    count = len(_labels(rows))
    return f" These are the first {_MOST_LABELS} of {count:,} labels." * (count > _MOST_LABELS)


def _lead(rows: Sequence[Entry], scores: Mapping[str, _Score], report: Report) -> str:
    """Return the summary in words."""
    if not rows:
        what = "No case has a label that was scored" if report.rows else "No case was compared"
        return f'<p class="lead warn">{what}.</p>'
    cases, dice = len({row["case"] for row in rows}), _by_case(rows)
    labels = [_called(label, report) for label in _labels(rows)]
    few = ", ".join(labels[:_FEW]) + (", ..." if len(labels) > _FEW else "")
    text = [
        f"{cases:,} {'case' if cases == 1 else 'cases'}, label{'s' * (len(labels) > 1)} {few}.",
        f"Mean Dice {scores['dice'](dice.mean)}"
        + (f" ({dice.range(scores['dice'])} from case to case)." if cases > 1 else "."),
    ]
    far, volume = (_Spread.of(rows, name) for name in ("hd95", "volume_difference"))
    if far.values:
        text.append(
            f"On average, 95 % of the boundaries lie within {scores['hd95'](far.mean)} of each "
            f"other, and labels change their volume by "
            f"{scores['volume_difference'](volume.mean)}."
        )
    if report.unchanged:
        more = len(report.unchanged)
        one = more == 1
        were = "case was left as it was, and is" if one else "cases were left as they were, and are"
        text.append(f"{more:,} more {were} in the table alone.")
    others = set() if report.scored is None else {*_labels(report.rows)} - report.scored
    if others:
        were = (
            "label was not scored, and is"
            if len(others) == 1
            else ("labels were not scored, and are")
        )
        text.append(f"{len(others):,} {were} in the table alone.")
    return f'<p class="lead">{escape(" ".join(text))}</p>'


def _summary(rows: Sequence[Entry], scores: Mapping[str, _Score], report: Report) -> str:
    """Return the largest numbers, and a line for each label."""
    if not rows:
        return ""
    cases = {row["case"]: row for row in rows}.values()
    every = {
        "dice": _by_case(rows),
        "hd95": _Spread.of(rows, "hd95"),
        "volume_difference": _Spread.of(rows, "volume_difference"),
        "error_rate": _Spread.of(cases, "error_rate"),
    }
    titles = {
        "dice": "Mean Dice of the cases",
        "hd95": "Mean HD95",
        "volume_difference": "Mean change of volume",
        "error_rate": "Wrong pixels per foreground pixel",
    }
    tiles = "".join(
        f"<div><dt>{titles[name]}</dt><dd><b>{scores[name](spread.mean)}</b>"
        f"<small>{spread.range(scores[name])}</small></dd></div>"
        for name, spread in every.items()
    )
    names = [name for name in scores if name not in ("changed", "error_rate")]
    head = "".join(f'<th scope="col">{scores[name].title}</th>' for name in names)
    lines = []
    for label in _labels(rows)[:_MOST_LABELS]:
        own = [row for row in rows if row["label"] == label]
        cells = "".join(_Spread.of(own, name).cell(scores[name]) for name in names)
        lines.append(
            f'<tr><th scope="row">{escape(_called(label, report))}</th><td>{len(own):,}</td>'
            f"{cells}</tr>"
        )
    return (
        f'<dl class="tiles">{tiles}</dl>\n'
        '<div class="wide" role="region" aria-label="Scores of each label" tabindex="0"><table>'
        "<caption>Mean ± standard deviation over the cases, and the lowest and highest. Left out "
        "are cases in which a score is not defined or infinite: a label is missing there."
        f"{_cut(rows)}</caption>"
        f'<thead><tr><th scope="col">Label</th><th scope="col">Cases</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _distributions(rows: Sequence[Entry], scores: Mapping[str, _Score], report: Report) -> str:
    """Return a line of histograms for each label."""
    names = "dice", "hd95", "volume_difference"
    lines = []
    for label in _labels(rows)[:_MOST_LABELS]:
        own = [row for row in rows if row["label"] == label]
        called = escape(_called(label, report))
        figures = "".join(_histogram(_Spread.of(own, name), scores[name], called) for name in names)
        lines.append(f'<h3>Label {called}</h3>\n<div class="histograms">{figures}</div>')
    first, rest = lines[:_FEW], lines[_FEW:]
    more = f"<details><summary>{len(rest)} more labels</summary>{''.join(rest)}</details>"
    note = f"<p>How many cases have which score; dashed lines are medians.{_cut(rows)}</p>"
    return "\n".join([note, *first, *([more] if rest else [])]) if lines else ""


def _bins(values: Sequence[float]) -> NDArray[np.float64]:
    """Return round edges of bins, which leave out what is very far from all others."""
    if not values:
        return np.array([0.0, 1.0])
    low, high = np.percentile(values, [5, 95])
    reach = _FAR * (high - low) or inf
    low, high = max(low - reach, min(values)), min(high + reach, max(values))
    step = _round_step(max(high - low, 1e-3) / _BINS)
    begin, end = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return step * np.arange(begin, max(end, begin + 1) + 1)


def _round_step(least: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(least))
    return next(power * each for each in (1, 2, 5, 10) if power * each >= least * (1 - 1e-9))


def _histogram(spread: _Spread, score: _Score, label: str) -> str:
    """Return bars that follow the page's colours."""
    edges = _bins(spread.values)
    counts = np.histogram(spread.values, edges)[0]
    left, right, top, floor_ = 34.0, 344.0, 12.0, 112.0
    scale = (right - left) / (edges[-1] - edges[0])
    most = max(1, int(counts.max()))
    place = [left + scale * (edge - edges[0]) for edge in edges.tolist()]
    bars = "".join(
        f'<rect class="bar" x="{x + 0.5:.1f}" y="{floor_ - height:.1f}" '
        f'width="{next_x - x - 1:.1f}" height="{height:.1f}" rx="1"/>'
        for x, next_x, count in zip(place, place[1:], counts.tolist(), strict=False)
        if (height := (floor_ - top) * count / most)
    )
    step = _round_step((edges[-1] - edges[0]) / _TICKS)
    ticks = step * np.arange(ceil(edges[0] / step - 1e-6), floor(edges[-1] / step + 1e-6) + 1)
    digits = max(0, -floor(log10(step * score.times) + 1e-9))
    marks = "".join(
        f'<text x="{left + scale * (tick - edges[0]):.1f}" y="{floor_ + 16}" '
        f'text-anchor="middle">{_plain(score.times * tick, digits)}</text>'
        for tick in ticks.tolist()
    )
    middle = ""
    told = "no case"
    beyond = len(spread.values) - int(counts.sum())
    if spread.values:
        median = float(np.median(spread.values))
        x = left + scale * (median - edges[0])
        middle = f'<path class="middle" d="M{x:.1f} {top - 4}V{floor_}" fill="none"/>'
        told = f"median {score(median)}, {spread.range(score)}"
    others = [f"{beyond} beyond the scale"] * (beyond > 0)
    others += [f"{spread.others} not defined or infinite"] * (spread.others > 0)
    title = f"{score.title}{f' ({score.unit.strip()})' if score.unit else ''}"
    return (
        f"<figure><figcaption>{title}<small>{'; '.join([told, *others])}</small></figcaption>"
        f'<svg viewBox="0 0 360 136" role="img" aria-label="{score.title} of label {label}: '
        f'{told}">'
        f'<path class="axis" d="M{left} {floor_}H{right}M{left} {top}H{right}" fill="none"/>'
        f'{bars}{middle}{marks}<text x="{left - 6}" y="{top + 4}" text-anchor="end">{most}</text>'
        f'<text x="{left - 6}" y="{floor_ + 4}" text-anchor="end">0</text></svg></figure>'
    )


def _plain(number: float, digits: int) -> str:
    return f"{number + 0.0:.{digits}f}".replace("-", _MINUS)


def _slices(report: Report) -> str:
    """Return the pictures of each label."""
    if not report.pictures:
        return ""
    labels = _labels(report.scored_rows)
    few = (
        f" The first {PICTURED} of {len(labels)} labels have pictures."
        if len(labels) > PICTURED
        else ""
    )
    text = [
        "<p>For each label, slices with the lowest, the median and the highest Dice score of all "
        "cases; two of each, of different cases if possible. Slices with little of the label are "
        "left out. "
        f"Slices are counted from 1, in volumes upwards.{few}"
        '<span class="screen"> Click a picture to enlarge it.</span></p>',
        f"<p>{_key('clean', CLEAN[0])}{_key('noisy', NOISY[0])}</p>",
        *(f'<p class="soft">{escape(note)}</p>' for note in report.notes),
    ]
    for label, pictures in report.pictures.items():
        figures = "".join(_figure(each, _called(label, report)) for each in pictures)
        text.append(
            f"<h3>Label {escape(_called(label, report))}</h3>\n"
            f'<div class="pictures">{figures}</div>'
        )
    return "\n".join(text)


def _key(name: str, colour: str) -> str:
    line = f'<path d="M3 9H37" stroke="{colour}" stroke-width="4"/>'
    return (
        f'<span class="key"><svg viewBox="0 0 40 18" aria-hidden="true">{line}</svg>{name}</span>'
    )


def _figure(picture: Picture, label: str) -> str:
    slice_ = f"slice {picture.place + 1:,} of {picture.planes:,}" if picture.planes > 1 else ""
    told = ", ".join(filter(None, (picture.case, slice_)))
    dice = f"Dice {picture.dice:.3f}"
    return (
        '<figure><button type="button" aria-haspopup="dialog">'
        f'<img alt="{escape(f"Clean and noisy contours of label {label}, {told}: {dice}")}" '
        f'src="{picture.url}"></button><figcaption><b>{picture.group.capitalize()}: {dice}</b><br>'
        f"{escape(told)}</figcaption></figure>"
    )


def _table_note(report: Report) -> str:
    text = "Click a heading to sort; again, to turn the order round."
    if len(report.rows) > _MOST_ROWS:
        text += (
            f" The table has the {_MOST_ROWS:,} rows with the lowest Dice scores of "
            f"{len(report.rows):,}."
        )
    return f'<p class="soft screen">{text}</p>'


def _listed(failed: Mapping[str, str]) -> str:
    """Return cases that failed, with the reasons."""
    lines = "".join(
        f"<li><b>{escape(name)}</b>: {escape(reason)}</li>"
        for name, reason in sorted(failed.items())
    )
    return f'<ul class="list">{lines}</ul>' if failed else ""


def _meanings(scores: Mapping[str, _Score]) -> str:
    lines = "".join(
        f"<dt>{score.title}</dt><dd>{escape(score.meaning)}</dd>" for score in scores.values()
    )
    return (
        f'<dl class="facts">{lines}<dt>{_INFINITE}</dt><dd>The label is missing in one of the two.'
        f"</dd><dt>{_DASH}</dt><dd>Not defined.</dd></dl>"
    )


def _data(report: Report, scores: Mapping[str, _Score]) -> str:
    """Return the table as JSON that no HTML can end."""
    rows = report.rows
    if len(rows) > _MOST_ROWS:
        rows = sorted(rows, key=lambda row: row["dice"])[:_MOST_ROWS]
    cases = {row["case"]: index for index, row in enumerate({r["case"]: r for r in rows}.values())}
    first = [
        {"title": "Case", "meaning": "Sort by name"},
        {"title": "Label", "meaning": "Sort by label"},
    ]
    shared = {
        "cases": list(cases),
        "labels": {label: _called(label, report) for label in _labels(rows)},
        "columns": first + [vars(score) for score in scores.values()],
    }
    lines = (
        f"[{cases[row['case']]},{row['label']},{','.join(_number(row[name]) for name in scores)}]"
        for row in rows
    )
    text = f'{json.dumps(shared)[:-1]}, "rows": [{",".join(lines)}]}}'
    return text.replace("<", "\\u003c")


def _number(value: float) -> str:
    """Write a number in JSON, which reads one that is too large as infinity."""
    if isnan(value):
        return "null"
    return f"{value:.6g}" if isfinite(value) else "1e999" if value > 0 else "-1e999"
