"""Results on disk: a folder for each run, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESULT, MASKS, ERROR, LOCK = "result.json", "masks.npz", "error.txt", "lock"


def save(path: Path, written: bytes) -> None:
    """Write a file whole or not at all, whenever the power goes, whoever else writes it."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(temporary, "wb") as file:
        file.write(written)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def packed(**arrays: Any) -> bytes:
    """Pack arrays into what `unpacked` reads."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def unpacked(path: Path) -> dict[str, NDArray[Any]]:
    """Read packed arrays; none if they are not there, or damaged."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as found:
            return dict(found)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        return {}


def keep(folder: Path, record: dict[str, Any], masks: dict[str, NDArray[np.bool_]]) -> None:
    """Write a run's masks, eight pixels a byte, then its result, which makes it done."""
    names = [name for name in ("predicted", "clean", "noisy") if name in masks]
    bits = {name: np.packbits(masks[name]) for name in names}
    content = packed(shape=masks["clean"].shape, **bits)
    record = record | {"masks": hashlib.sha256(content).hexdigest()}
    save(folder / MASKS, content)
    save(folder / RESULT, json.dumps(record, allow_nan=False).encode())


def read(folder: Path) -> dict[str, Any] | None:
    """Read a run's result; None if it is not there, or damaged."""
    try:
        record = json.loads((folder / RESULT).read_bytes())
        masks = hashlib.sha256((folder / MASKS).read_bytes()).hexdigest()
    except (OSError, ValueError):
        return None
    whole = isinstance(record, dict) and record.get("id") == folder.name
    return record if whole and record.get("masks") == masks else None
