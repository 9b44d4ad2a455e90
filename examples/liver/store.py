"""A folder for each run: done once, by one process at a time, whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from liver.runs import Place, Run, execute

RESULT, ERROR, LOCK = "result.json", "error.txt", "lock"
BUSY = "another process is at it"


def done(out: Path, run: Run) -> bool:
    """Whether a run's result is there."""
    return (out / "runs" / run.id / RESULT).exists()


def results(out: Path) -> list[dict[str, Any]]:
    """Read all results of a study, in the order of their ids."""
    return [json.loads(path.read_text()) for path in sorted((out / "runs").glob(f"*/{RESULT}"))]


def attempt(run: Run, place: Place, tick: Callable[[float, float], None]) -> str | None:
    """Do a run if nobody has done it or is at it; tell what went wrong.

    Returns
    -------
    str or None
        None if the result is there now; `BUSY` if another process has the run; else the error
        in one line, which lies in full in the run's folder. A later attempt starts anew.
    """
    folder = place.out / "runs" / run.id
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The operating system releases the lock when its process dies, however that may be.
        with FileLock(folder / LOCK, timeout=0):
            if not done(place.out, run):
                save(folder / RESULT, execute(run, place, tick))
                (folder / ERROR).unlink(missing_ok=True)
    except Timeout:
        return BUSY
    except Exception as error:
        with contextlib.suppress(OSError):
            (folder / ERROR).write_text(traceback.format_exc())
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return None


def save(path: Path, record: dict[str, Any]) -> None:
    """Write JSON whole or not at all, whenever the power goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    with open(temporary, "w") as file:
        json.dump(record, file, indent=1, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
