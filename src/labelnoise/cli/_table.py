"""Scores of cases as a table, CSV or JSON."""

import csv
import json
from collections.abc import Sequence
from io import StringIO
from math import isfinite, isnan
from statistics import fmean, stdev
from typing import Any

Row = dict[str, Any]
TITLES = {
    "dice": "Dice",
    "iou": "IoU",
    "nsd": "NSD",
    "hd95": "HD95",
    "assd": "ASSD",
    "volume_difference": "volume",
    "changed": "changed",
    "error_rate": "errors",
}
_SHARES = "volume_difference", "changed", "error_rate"


def as_table(rows: Sequence[Row]) -> str:
    """Return a line for each label of each case, then their means and standard deviations."""
    every = [*rows, *summary(rows)]
    width = max([4, *(len(row["case"]) for row in every)])
    lines = [
        f"{'case':{width}} {'label':>6} "
        + " ".join(f"{TITLES[name]:>8}" for name in TITLES)
        + " unit"
    ]
    for row in every:
        cells = (f"{row[name]:8.3%}" if name in _SHARES else f"{row[name]:8.4f}" for name in TITLES)
        lines.append(f"{row['case']:{width}} {row['label']:6} {' '.join(cells)} {row['unit']}")
    return "\n".join(lines) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """Return a line for each label of each case, and nothing else."""
    text = StringIO()
    writer = csv.DictWriter(text, ["case", "label", *TITLES, "unit"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_json(rows: Sequence[Row]) -> str:
    """Return the same with the summary; null stands for what is not finite."""
    told = {"cases": list(map(_finite, rows)), "summary": list(map(_finite, summary(rows)))}
    return json.dumps(told, indent=1) + "\n"


def summary(rows: Sequence[Row]) -> list[Row]:
    """Return the means and the standard deviations of each label that several cases have.

    Scores that are not a number, those of labels that a case lacks, are left out.
    """
    found = []
    for label in sorted({row["label"] for row in rows}):
        every = [row for row in rows if row["label"] == label]
        units = {row["unit"] for row in every}
        shared = {"label": label, "unit": units.pop() if len(units) == 1 else "mixed"}
        known = {name: [row[name] for row in every if not isnan(row[name])] for name in TITLES}
        if len(every) > 1:
            for title, function in ("mean", _mean), ("sd", _sd):
                found.append(
                    {"case": title, **shared, **{k: function(v) for k, v in known.items()}}
                )
    return found


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else float("nan")


def _sd(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 and all(map(isfinite, values)) else float("nan")


def _finite(row: Row) -> Row:
    """Return a row with None for what JSON has no number for."""
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in row.items()
    }
