"""Files are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def publish(path: Path, content: bytes) -> None:
    """Write a file; one that is there must be the same already."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, content)
    elif path.read_bytes() != content:
        raise FileExistsError(f"{path.name} is there with other content; move it away")


def write(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with whole(path) as part:
        part.write_bytes(content)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a path to write to, and give the file its name when that is done."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
