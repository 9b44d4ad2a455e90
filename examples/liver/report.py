"""The report of a study: Markdown, CSV and figures, from the folders of its runs alone."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock

from liver import figures, store
from liver.figures import TITLES
from liver.noise import CONTROL
from liver.statistics import STRENGTHS, Study, studies


def write(out: Path) -> tuple[str, Path]:
    """Write the report of the runs in a folder; give its text and where it lies."""
    with FileLock(out / "report.lock") if out.is_dir() else contextlib.nullcontext():
        return _write(out)


def _write(out: Path) -> tuple[str, Path]:
    """Write the report while nobody else does."""
    results = store.results(out)
    if not results:
        raise FileNotFoundError(
            f"{str(out / 'runs')!r} holds no finished run: run the study first."
        )
    folder = out / "report"
    folder.mkdir(exist_ok=True)
    found = studies(results)
    pictures = {"circle": figures.circle(), "cut": figures.cut()}
    sections = []
    for number, study in enumerate(found, 1):
        name = "quality" if len(found) == 1 else f"quality-{number}"
        pictures[name] = figures.quality(study)
        sections.append(section(study, varying(found), f"{name}.svg"))
    if len(found) > 1:
        sections.insert(0, comparison(found))
    text = "\n\n".join(["# The liver study", *sections, EXPLAINED]) + "\n"
    replace(folder / "report.md", text.encode())
    replace(folder / "runs.csv", table_of([flat(result) for result in results]))
    cells = [study.settings | asdict(cell) for study in found for cell in study.cells.values()]
    replace(folder / "cells.csv", table_of(cells))
    for name, figure in pictures.items():
        for kind in ("svg", "png"):
            replace(folder / f"{name}.{kind}", figures.drawn(figure, kind))
    return text, folder / "report.md"


EXPLAINED = """\
Dice: mean over the test slices of the mean over repeats, ± the standard deviation of the
repeats (their number). Loss: control minus cell, over the repeats that both have, with the
95 % bootstrap interval over test patients (none for a single one) and repeats. Paper: Heller et al.
(2018), Table 1."""


def section(study: Study, differing: Sequence[str], figure: str) -> str:
    """Tell what one table's runs are and say."""
    settings = study.settings
    title = ", ".join(f"{name} {shown(settings[name])}" for name in differing) or "Results"
    seconds = sum(result["seconds"] for result in study.results)
    hardware = sorted({result["hardware"] for result in study.results})
    first = study.results[0]
    parts = ", ".join(
        f"{name} {count} ({len(first['patients'][name])} patients)"
        for name, count in first["slices"].items()
    )
    tables = [dice_table(study), loss_table(study), strength_table(study)]
    lines = [
        f"## {title}",
        "",
        "; ".join(f"{name} {shown(value)}" for name, value in settings.items()) + ".",
        f"Slices: {parts}.",
        f"{len(study.results)} runs, {seconds / 3600:.2f} hours of work for one process, on "
        + " and ".join(hardware)
        + ".",
        "",
        *(line for table in tables if table for line in (table, "")),
        *findings(study),
        "",
        f"![Dice against label quality]({figure})",
    ]
    return "\n".join(lines)


def dice_table(study: Study) -> str:
    """Lay out each cell's Dice, the paper's beside it."""
    rows = []
    for labels in study.labels:
        row = [labels]
        for model in study.models:
            cell = study.cells.get((model, labels))
            row.append(f"{cell.dice:.3f}{spread(cell.deviation)} ({cell.count})" if cell else "")
            row.append(number(cell.paper) if cell else "")
        rows.append(row)
    heads = [head for model in study.models for head in (TITLES[model], "paper")]
    return markdown(["Mean test Dice", *heads], rows)


def loss_table(study: Study) -> str:
    """Lay out what each cell loses against the control, and what it lost in the paper."""
    rows = []
    for labels in study.labels:
        if labels == CONTROL:
            continue
        row = [labels]
        for model in study.models:
            cell = study.cells.get((model, labels))
            control = study.cells.get((model, CONTROL))
            if cell and control and not math.isnan(cell.loss):
                ends = "" if math.isnan(cell.low) else f" [{cell.low:+.3f}, {cell.high:+.3f}]"
                row.append(f"{cell.loss:+.3f}{ends}")
            else:
                row.append("")
            both = cell and control
            row.append(number(control.paper - cell.paper, "+.3f") if both else "")
        rows.append(row)
    heads = [head for model in study.models for head in (TITLES[model], "paper")]
    return markdown(["Loss against control", *heads], rows)


def strength_table(study: Study) -> str:
    """Lay out the strengths that the calibrations found."""
    size = study.settings["size"]
    rows = []
    for labels, (strength, dice) in study.strengths().items():
        scale = 1 if labels.startswith("random") else 512 / size
        paper = STRENGTHS.get(labels, float("nan"))
        rows.append(
            [labels, f"{strength:.3f}", f"{strength * scale:.3f}", number(paper), f"{dice:.4f}"]
        )
    heads = ["Strength", f"at {size} pixels", "as at 512", "paper", "Dice of the training labels"]
    return markdown(heads, rows)


def findings(study: Study) -> list[str]:
    """Answer the paper's questions from the cells."""
    lines = []
    models = study.models
    everything, count = study.correlation(models)
    if not math.isnan(everything):
        each = ", ".join(
            f"{TITLES[model]} {number(study.correlation([model])[0]) or 'none'}" for model in models
        )
        lines.append(
            f"- Spearman's rank correlation with the paper: {everything:.3f} over {count} cells "
            f"({each})."
        )
    for noise in ("natural", "choppy", "random"):
        rows = [CONTROL, *(row for row in study.labels if row.startswith(noise))]
        for model in models:
            cells = [study.cells[model, row] for row in rows if (model, row) in study.cells]
            if len(cells) < 3 or len({cell.count for cell in cells}) > 1:
                continue  # unfinished: means over other repeats cannot be compared
            falls = all(a.dice > b.dice for a, b in itertools.pairwise(cells))
            worst = max(cells[1:], key=lambda cell: cell.loss)
            lines.append(
                f"- {TITLES[model]}, {noise}: Dice {'falls' if falls else 'does not fall'} with "
                f"every step; the greatest loss is {worst.loss:.3f} at {worst.labels}."
            )
    rows = [row for row in study.labels if row.startswith("choppy")]
    if rows:
        cells = [
            study.cells[model, rows[-1]] for model in models if (model, rows[-1]) in study.cells
        ]
        if len(cells) > 1:
            best = max(cells, key=lambda cell: cell.dice)
            lines.append(f"- Best at {rows[-1]}: {TITLES[best.model]}, {best.dice:.3f}.")
    return lines


def comparison(found: Sequence[Study]) -> str:
    """Set the studies side by side: each training set's Dice, averaged over the networks."""
    differing = varying(found)
    rows = list(dict.fromkeys(row for study in found for row in study.labels))
    both = set.intersection(*(set(study.cells) for study in found))
    shared = sorted({model for model, _ in both})
    lines = []
    for study in found:
        line = [shown(study.settings[name]) for name in differing]
        for row in rows:
            dice = [study.cells[model, row].dice for model in shared if (model, row) in both]
            line.append(f"{sum(dice) / len(dice):.3f}" if dice else "")
        lines.append(line)
    title = "## Side by side\n\nMean test Dice, averaged over the networks that all have.\n\n"
    return title + markdown([*differing, *rows], lines)


def varying(found: Sequence[Study]) -> list[str]:
    """Name the settings in which studies differ."""
    return [
        name
        for name in found[0].settings
        if len({repr(study.settings.get(name)) for study in found}) > 1
    ]


def flat(result: dict[str, Any]) -> dict[str, Any]:
    """Lay out a run in one row."""
    return {
        "id": result["id"],
        **result["run"],
        "strength": result["strength"],
        "training_dice": result["training_dice"],
        **{f"test_{name}": value for name, value in result["test"].items()},
        "seconds": result["seconds"],
        "hardware": result["hardware"],
    }


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """Lay out a table whose columns stand below each other as text, too; nothing, if empty."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| "
        + " | ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def table_of(rows: list[dict[str, Any]]) -> bytes:
    """Lay out rows as CSV; what is not a number is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: plain(value) for name, value in row.items()})
    return text.getvalue().encode()


def plain(value: Any) -> Any:
    """Shorten numbers to what they are worth."""
    if isinstance(value, float):
        return "" if math.isnan(value) else float(f"{value:.6g}")
    return shown(value) if isinstance(value, list | tuple) else value


def shown(value: Any) -> str:
    """Show a setting."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def number(value: float, form: str = ".3f") -> str:
    """Show a number that may be missing."""
    return "" if math.isnan(value) else f"{value:{form}}"


def spread(value: float) -> str:
    """Show a standard deviation that may be missing."""
    return "" if math.isnan(value) else f" ± {value:.3f}"


def replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    os.replace(temporary, path)
