"""The folder beside DST in which a copy is made; it takes DST's place when it is whole."""

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from ._record import MANIFEST, Record
from ._sources import UsageError


class Staging(AbstractContextManager["Staging"]):
    """A copy that is being made.

    Nothing is at DST before the copy is whole. What a run leaves that is interrupted is finished by
    ``--resume``, and thrown away by ``--overwrite``. One that fails before its first case leaves
    nothing.

    Parameters
    ----------
    target : path
        DST.
    resume, overwrite : bool
        The options of these names.

    Raises
    ------
    UsageError
        If DST is there already, is none of labelnoise's, or another run writes to it.
    """

    def __init__(self, target: Path, resume: bool, overwrite: bool) -> None:
        from filelock import FileLock

        self.target = target
        self.folder = target.absolute().with_name(f".{target.name}.labelnoise")
        self._lock = FileLock(f"{self.folder}.lock", blocking=False)
        self._resume, self._overwrite = resume, overwrite
        self._made = False

    def __enter__(self) -> "Staging":
        """Take the lock, and read what an earlier run left."""
        from filelock import Timeout

        self.folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout:
            raise UsageError(f"{self._dst}: another run writes to it; wait until it ends") from None
        try:
            self.record = self._open()
        except BaseException:
            self._free()
            raise
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Throw away what holds no case yet, or cannot be used, unless it was begun earlier."""
        if self._made and (isinstance(error, UsageError) or not self.record.cases):
            shutil.rmtree(self.folder, ignore_errors=True)
        self._free()

    def begin(self) -> None:
        """Make the folder, or move an earlier copy there that is to be resumed."""
        if not self.folder.exists():
            if self._resume and _is_filled(self.target):
                self.target.rename(self.folder)
            else:
                self.folder.mkdir()
                self._made = True
        for part in self.folder.rglob(".*.part"):  # of a run that was killed
            part.unlink(missing_ok=True)

    def finish(self) -> None:
        """Put the copy in DST's place."""
        if _is_filled(self.target):
            old = self.target.absolute().with_name(f".{self.target.name}.old")
            self.target.rename(old)
            self.folder.rename(self.target)
            shutil.rmtree(old)
        else:
            if self.target.exists():
                self.target.rmdir()
            self.folder.rename(self.target)

    def _open(self) -> Record:
        filled = _is_filled(self.target)
        ours = filled and (self.target / MANIFEST).is_file()
        if self._overwrite:
            if filled and not ours:
                raise UsageError(f"{self._dst} was not made by labelnoise; pass another folder")
            shutil.rmtree(self.folder, ignore_errors=True)
            return Record(self.folder)
        begun = Record(self.folder)
        if begun.load():
            if not self._resume:
                raise UsageError(
                    f"{self._dst} was begun and not finished; pass --resume, or --overwrite to "
                    "begin anew"
                )
            return begun
        shutil.rmtree(self.folder, ignore_errors=True)  # killed before its first case
        if not filled:
            return begun
        if not self._resume:
            more = ", --resume or --overwrite" if ours else ""
            raise UsageError(f"{self._dst} is not empty; pass another folder{more}")
        done = Record(self.target)
        if not ours or not done.load():
            raise UsageError(f"{self._dst} was not begun by labelnoise; pass another folder")
        done.folder = self.folder
        return done

    def _free(self) -> None:
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)

    @property
    def _dst(self) -> str:
        return f"DST={str(self.target)!r}"


def _is_filled(folder: Path) -> bool:
    """Return whether something is there other than an empty folder."""
    if folder.is_dir():
        return any(folder.iterdir())
    return folder.exists() or folder.is_symlink()
