"""The report of a study, from the folders of its runs alone."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd


def write(out: Path) -> tuple[str, Path]:
    rows = []
    for path in sorted((out / "runs").glob("*/result.json")):
        record = json.loads(path.read_text())
        rows.append(
            {
                **record["run"],
                "labels": record["labels"],
                "dice": record["test"]["clean"]["mean_dice"],
            }
        )
    frame = pd.DataFrame(rows)
    return frame.pivot_table(
        values="dice", index="labels", columns="model", sort=False
    ).to_string() + "\n", out
