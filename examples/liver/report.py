"""The report of a study: Markdown, CSV and figures, from the folders of its runs alone.

Patients are the sample. A patient's score is the mean over slices (Dice, precision, recall) or over
volumes (volume, HD95, Dice of noisy volumes). A cell, one network on one training set, has the mean
over patients.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import permutation_test

from liver import store

CONTROL = "control"
TITLES = {"unet": "U-Net", "segnet": "SegNet", "fcn32": "FCN32"}
# Mean Dice in Heller et al. (2018), Table 1.
PAPER = pd.read_csv(Path(__file__).with_name("paper.csv"), index_col="labels").T.stack()
LOST = (PAPER.xs(CONTROL, level=1) - PAPER).drop(CONTROL, level=1)
COLUMNS = (
    ("Dice", "dice", ".3f"),
    ("paper's", PAPER, ".3f"),
    ("Loss", "loss", "+.3f"),
    ("paper's loss", LOST, "+.3f"),
    ("more than U-Net's", "loss_more", "+.3f"),
    ("Volume", "volume", "+.1%"),
    ("HD95", "hd95", ".1f"),
    ("HD95 more", "hd95_more", "+.1f"),
    ("Dice on noisy labels", "noisy_dice", ".3f"),
    ("more than the control's", "noisy_gain", "+.3f"),
    ("Volume of noisy labels", "label_volume", "+.1%"),
    ("their Dice by volume", "label_dice", ".3f"),
)
AXES = ("model", "noise", "recipe", "target", "repeat")  # what differs within one study
MINOR = ("draw", "sample", "hidden")  # what not every run has
EXPLAINED = """\
Means over patients, with the 95 % bootstrap interval over them; those of one fold share a
training, which the interval leaves out. Loss: the control's Dice minus the cell's, patient by
patient. Volume: predicted over true, less 1. HD95: in pixels, slices one pixel apart; HD95 more:
than the control's, patient by patient. Noisy labels: the same noise, drawn for the test slices.
Their Dice by volume: of all slices of a volume at once. Strength: in nominal millimetres, or a
rate. rho: Spearman's. p: permutations of the paired patients, two-sided. Paper: Heller et al.
(2018), Table 1."""


def write(out: Path) -> tuple[str, Path]:
    """Write the report of the runs in a folder; give its text and where it lies."""
    found = {path: store.read(path) for path in sorted((out / "runs").glob("*"))}
    records = {path: record for path, record in found.items() if record}
    if not records:
        raise FileNotFoundError(f"--out {out} holds no finished run: run the study first.")
    runs = pd.DataFrame(sorted((flat(*each) for each in records.items()), key=order))
    groups = [(settings, Study(group, records)) for settings, group in studies(runs)]
    differing = [key for key in groups[0][0] if len({str(each[key]) for each, _ in groups}) > 1]
    files: dict[str, bytes] = {}
    sections, tables = [], {"runs": [runs.drop(columns="folder")], "cells": [], "patients": []}
    for number, (settings, study) in enumerate(groups, 1):
        name = "loss" if len(groups) == 1 else f"loss-{number}"
        title = ", ".join(f"{key} {settings[key]}" for key in differing) or "Results"
        shown = "; ".join(f"{key} {value}" for key, value in settings.items())
        sections.append(f"## {title}\n\n{shown}.\n{study.text()}\n\n![Loss of Dice]({name}.svg)")
        varied = {key: settings[key] for key in differing}
        tables["cells"].append(study.cells().assign(**varied))
        patients = study.wide.stack([0, 1]).reset_index().assign(**varied)
        patients.insert(1, "repeat", patients.patient.map(study.repeats))
        tables["patients"].append(patients)
        files |= {f"{name}.{kind}": rendered(study.draw(), kind) for kind in ("svg", "png")}
    if len(groups) > 1:
        names = [" ".join(str(settings[key]) for key in differing) for settings, _ in groups]
        means = [study.cells().groupby("labels", sort=False).dice.mean() for _, study in groups]
        means = pd.concat(means, axis=1, keys=names).T.map("{:.3f}".format)
        table = markdown(means.replace("nan", ""))
        title = f"Mean Dice, averaged over the networks, by {', '.join(differing)}."
        sections.insert(0, f"## Side by side\n\n{title}\n\n{table}")
    text = "\n\n".join(["# The liver study", *sections, EXPLAINED]) + "\n"
    for name, parts in tables.items():
        content = pd.concat(parts).to_csv(index=False, float_format="%.6g", lineterminator="\n")
        files[f"{name}.csv"] = content.encode()
    (out / "report").mkdir(exist_ok=True)
    for name, content in {**files, "report.md": text.encode()}.items():
        store.save(out / "report" / name, content)
    return text, out / "report" / "report.md"


def flat(folder: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Lay out a run in one row."""
    row = {"id": record["id"], "labels": record["labels"], **record["run"]}
    row["window"] = " ".join(map(str, row["window"]))
    row["test_dice"] = record["test"]["clean"]["mean_dice"]
    row["seconds"] = sum(record["seconds"].values())
    kept = {name: record[name] for name in ("strength", "training_dice", "hardware")}
    return row | kept | {"folder": folder}


def order(row: dict[str, Any]) -> tuple[Any, ...]:
    """Sort runs as the paper's table does, other noises behind."""
    known = [CONTROL, "natural", "choppy", "random", row["noise"]]
    return known.index(row["noise"]), row["noise"], -row["target"], row["repeat"], row["id"]


def studies(runs: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Divide runs into those that share their settings.

    Control runs know no draws of noise and only FCN32 has hidden features, so such runs belong to
    every study that agrees in all else.
    """
    fields = [name for name in runs.loc[:, "model":"device"] if name not in AXES]
    for _, group in runs.groupby([name for name in fields if name not in MINOR]):
        noisy, wide = group[group.noise != CONTROL], group[group.model == "fcn32"]
        draws = sorted(set(zip(noisy["draw"], noisy["sample"], strict=True))) or [("fixed", 0)]
        for (draw, sample), hidden in itertools.product(draws, sorted(set(wide.hidden)) or [0]):
            same = (group["draw"] == draw) & (group["sample"] == sample)
            chosen = group[(same | (group.noise == CONTROL)) & group.hidden.isin([0, hidden])]
            minor = dict(zip(MINOR, (draw, sample, hidden), strict=True))
            yield {**{name: chosen[name].iloc[0] for name in fields}, **minor}, chosen


class Study:
    """Runs of the same settings: patients in rows; models, training sets and scores in columns."""

    def __init__(self, runs: pd.DataFrame, records: dict[Path, dict[str, Any]]) -> None:
        self.runs, self.noisy = runs, runs[runs.noise != CONTROL]
        self.models = [model for model in TITLES if model in set(runs.model)]
        controls = runs[runs.noise == CONTROL].set_index(["model", "repeat"]).folder.to_dict()
        means: dict[tuple[str, str], pd.DataFrame] = {}
        self.repeats: dict[str, int] = {}  # the last that tests a patient
        for (model, labels), group in runs.groupby(["model", "labels"], sort=False):
            parts = []
            for path, k in zip(group.folder, group.repeat, strict=True):
                parts.append(of_patients(path, records[path], controls.get((model, k))))
                self.repeats |= dict.fromkeys(parts[-1].index, k)
            means[model, labels] = table = pd.concat(parts).groupby(level=0).mean()
            if labels != CONTROL and (model, CONTROL) in means:
                table["loss"] = means[model, CONTROL].dice - table.dice
                table["hd95_more"] = table.hd95 - means[model, CONTROL].hd95
        for (model, labels), table in means.items():
            if model != "unet" and "loss" in table and "loss" in means.get(("unet", labels), ()):
                table["loss_more"] = table.loss - means["unet", labels].loss
        self.wide = pd.concat(means, axis=1, names=["model", "labels", "score"])
        self.wide.index.name = "patient"
        # Means over patients drawn with replacement, the same ones for all columns.
        count = len(self.wide)
        weights = np.random.default_rng(0).multinomial(count, [1 / count] * count, 5000)
        known = weights @ self.wide.notna().to_numpy()
        sums = pd.DataFrame(weights @ self.wide.fillna(0).to_numpy(), columns=self.wide.columns)
        self.drawn = sums / np.where(known, known, np.nan)
        self.ends = self.drawn.quantile([0.025, 0.975]).T.set_axis(["low", "high"], axis=1)
        self.ends[self.wide.count() < 2] = np.nan
        self.ends.insert(0, "mean", self.wide.mean())

    def cells(self) -> pd.DataFrame:
        """Lay out each cell in one row."""
        table = self.ends.unstack("score")
        table.columns = [s if what == "mean" else f"{s}_{what}" for what, s in table.columns]
        runs = self.runs.groupby(["model", "labels"], sort=False)[["strength", "training_dice"]]
        paper = PAPER.rename("paper").rename_axis(["model", "labels"])
        return runs.mean().join(table).join(paper).reset_index()

    def shown(self, cell: tuple[str, str], what: str | pd.Series, form: str = ".3f") -> str:
        """Show a score of a cell with its interval, and its patients where some are missing."""
        if not isinstance(what, str):
            return f"{what[cell]:{form}}" if cell in what and (*cell, "dice") in self.wide else ""
        if (*cell, what) not in self.wide or not (count := self.wide[(*cell, what)].count()):
            return ""
        mean, low, high = self.ends.loc[(*cell, what)]
        ends = "" if np.isnan(low) else f" [{low:{form}}, {high:{form}}]"
        return f"{mean:{form}}{ends}" + (f" ({count})" if count < len(self.wide) else "")

    def text(self) -> str:
        """Tell what the runs say: a table for each network, one of the noises, and findings."""
        hours = self.runs.seconds.sum() / 3600
        where = " and ".join(sorted(set(self.runs.hardware)))
        done = f"{len(self.runs)} runs, {len(self.wide)} patients tested"
        lines = [f"{done}, {hours:.2f} hours of work for one process, on {where}."]
        rows = list(dict.fromkeys(self.runs.labels))
        for model in self.models:
            table = pd.DataFrame(
                {head: [self.shown((model, row), *how) for row in rows] for head, *how in COLUMNS},
                rows,
            )
            lines.append(markdown(table.loc[:, (table != "").any()], TITLES[model]))
        noises = self.noisy.groupby("labels", sort=False)[["strength", "training_dice"]].mean()
        noises.columns = ["Strength", "Dice of the training labels"]
        lines += [markdown(noises.map("{:.3f}".format), "Noise")] if len(noises) else []
        return "\n\n".join([*lines, "\n".join(f"- {line}." for line in self.findings())])

    def findings(self) -> Iterator[str]:
        """Rank the cells beside the paper's, compare networks, name the noise that costs most."""
        whole = [key for key in self.wide if self.wide[key].notna().all()]
        for models in dict.fromkeys([tuple(self.models), *((model,) for model in self.models)]):
            keys = [k for k in whole if k[0] in models and k[2] == "dice" and k[:2] in PAPER]
            paper = pd.Series([PAPER[key[:2]] for key in keys], keys).rank()
            means = pd.concat([self.wide[keys].mean().to_frame().T, self.drawn[keys]])
            ranks, wanted = means.rank(axis=1), paper - paper.mean()
            ranks = ranks.sub(ranks.mean(axis=1), axis=0)
            rhos = (ranks @ wanted) / ((ranks**2).sum(axis=1) * (wanted**2).sum()) ** 0.5
            if len(keys) > 2 and rhos.notna().all():
                low, high = rhos[1:].quantile([0.025, 0.975])
                ends = f" [{low:.3f}, {high:.3f}]" if len(self.wide) > 1 else ""
                names = ", ".join(TITLES[model] for model in models)
                rho = f"{rhos.iloc[0]:.3f}{ends}"
                yield f"{names}: rho with the paper is {rho} over {len(keys)} cells"
        lost = {key[:2]: key for key in whole if key[2] == "loss"}
        for noise, group in self.noisy.groupby("noise", sort=False):
            sets = list(dict.fromkeys(group.labels))
            for model in self.models:
                ours, theirs = ([lost.get((m, row)) for row in sets] for m in ("unet", model))
                if model != "unet" and None not in (*ours, *theirs):
                    more = self.more(theirs, ours)
                    yield f"{noise}: {TITLES[model]} loses {more} more than U-Net"
        for model, (target, group) in itertools.product(
            self.models, self.noisy.groupby("target", sort=False)
        ):
            keys = [lost[model, row] for row in dict.fromkeys(group.labels) if (model, row) in lost]
            keys = sorted(keys, key=lambda key: -self.ends["mean"][key])
            if len(keys) > 1:
                yield (
                    f"{TITLES[model]} at Dice {target:.2f}: {keys[0][1]} costs most, "
                    f"{self.more(keys[:1], keys[1:2])} more than {keys[1][1]}"
                )
        for model in self.models if lost else ():
            keys = [key for key in lost.values() if key[0] == model]
            worse = [key for key in keys if self.ends["mean"][key] > 0]
            praised = [k for k in worse if self.ends["mean"].get((*k[:2], "noisy_gain"), 0) > 0]
            yield (
                f"{TITLES[model]}: {len(worse)} of {len(keys)} noises cost Dice; on test labels "
                f"with the same noise {len(praised)} of these score above the control"
            )

    def more(self, ones: list[Any], others: list[Any]) -> str:
        """Show how much greater the mean of columns is than that of others, and how surely."""
        pairs = [self.wide[keys].mean(axis=1) for keys in (ones, others)]
        if len(self.wide) < 2:
            return f"{(pairs[0] - pairs[1]).mean():+.3f}"
        falls = self.drawn[ones].mean(axis=1) - self.drawn[others].mean(axis=1)
        low, high = falls.quantile([0.025, 0.975])
        fall = lambda one, other, axis: np.mean(one - other, axis=axis)  # noqa: E731
        options = {"permutation_type": "samples", "vectorized": True}
        test = permutation_test(pairs, fall, **options, rng=np.random.default_rng(0))
        return f"{test.statistic:+.3f} [{low:+.3f}, {high:+.3f}] (p = {test.pvalue:.2g})"

    def draw(self) -> Figure:
        """Draw what each kind of noise costs at the same Dice; crosses are the paper's."""
        noises = list(dict.fromkeys(self.noisy.noise))
        figure = Figure(
            (3.2 * len(self.models) + 1.2, 1.4 + 0.5 * len(noises)), layout="constrained"
        )
        panels = figure.subplots(1, len(self.models), sharex=True, sharey=True, squeeze=False)[0]
        for panel, model in zip(panels, self.models, strict=True):
            for number, (target, group) in enumerate(self.noisy.groupby("target", sort=False)):
                rows = dict(zip(group.labels, group.noise, strict=True))
                ends = self.ends.reindex([(model, row, "loss") for row in rows])
                bars = np.nan_to_num([ends["mean"] - ends.low, ends.high - ends["mean"]])
                y = [noises.index(noise) + 0.2 * (number - 1) for noise in rows.values()]
                look = {"fmt": "o", "color": f"C{number}", "markersize": 4, "capsize": 3}
                panel.errorbar(ends["mean"], y, xerr=bars, label=f"Dice {target:.2f}", **look)
                panel.plot(LOST.reindex([(model, row) for row in rows]), y, f"C{number}x")
            panel.axvline(0, color="k", linewidth=0.8)
            panel.grid(axis="x", alpha=0.3)
            panel.set(title=TITLES[model], xlabel="Loss of Dice")
            panel.set_yticks(range(len(noises)), noises)
        panels[0].invert_yaxis()
        if noises:
            panels[0].legend(frameon=False, fontsize=8)
        return figure


def of_patients(folder: Path, record: dict[str, Any], control: Path | None) -> pd.DataFrame:
    """Average a run's scores by patient."""
    test = record["test"]
    slices = pd.DataFrame(test["clean"]["slices"])[["dice", "precision", "recall"]]
    volumes = pd.DataFrame(test["clean"]["volumes"], dtype=float)
    volumes = pd.DataFrame({"hd95": volumes.hd95, "volume": volumes.predicted / volumes.true - 1})
    if "noisy" in test:
        labels = pd.DataFrame(test["labels"]["volumes"])
        volumes["label_volume"] = labels.predicted / labels.true - 1
        volumes["label_dice"] = labels.dice
        slices["noisy_dice"] = test["noisy"]["slices"]["dice"]
        if control:
            predicted = store.unpacked(control / store.MASKS)["predicted"]
            noisy = store.unpacked(folder / store.MASKS)["noisy"]
            pair = (mask.reshape(len(slices), -1) for mask in (predicted, noisy))
            slices["noisy_gain"] = slices.noisy_dice - dice(*pair)
    who = [record[f"test_{part}"]["patient"] for part in ("slices", "volumes")]
    return slices.groupby(who[0]).mean().join(volumes.groupby(who[1]).mean())


def dice(masks: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Dice of each pair of masks, eight pixels a byte."""
    both, one, other = (np.bitwise_count(m).sum(1, int) for m in (masks & others, masks, others))
    return np.where(one + other > 0, 2 * both / np.maximum(one + other, 1), 1.0)


def markdown(table: pd.DataFrame, corner: str = "") -> str:
    """Lay out a table of texts whose columns stand below each other."""
    lines = [[corner, *map(str, table.columns)], *map(list, table.itertuples())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def rendered(figure: Figure, kind: str) -> bytes:
    """Render a figure; the same figure gives the same bytes."""
    FigureCanvasAgg(figure)
    content = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "liver study"}):
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(content, format=kind, dpi=120, metadata=metadata)
    return content.getvalue()
