"""The manifest of a noisy copy, and the journal that it is made from."""

import json
from pathlib import Path
from typing import Any

from ..files import write
from ._arguments import OWN, as_written
from ._recipe import is_person, steps, words
from ._sources import UsageError

Entry = dict[str, Any]
MANIFEST = "manifest.json"
_JOURNAL = "manifest.part.jsonl"


class Record:
    """What has been done in a folder: settings, then the cases.

    A line is added to the journal for each case; when all are done, the manifest takes its
    place. A last line that is not whole was being written when a run was killed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.command = ""
        self.settings: Entry = {}
        self.found: Entry = {}
        self.cases: dict[str, Entry] = {}

    def load(self) -> bool:
        """Read what an earlier run left; tell whether it left anything."""
        manifest, journal = self.folder / MANIFEST, self.folder / _JOURNAL
        path = manifest
        try:
            if manifest.exists():
                whole = json.loads(manifest.read_bytes())
                for entry in ({**whole, "found": {}}, {"found": whole["found"]}, *whole["cases"]):
                    self._take(entry)
            path = journal
            if journal.exists():
                lines = journal.read_bytes()
                whole_lines = lines[: lines.rfind(b"\n") + 1]
                if whole_lines != lines:
                    write(journal, whole_lines)
                for line in whole_lines.splitlines():
                    self._take(json.loads(line))
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise UsageError(
                f"{str(path)!r} is damaged ({error}); pass --overwrite to begin anew"
            ) from error
        return bool(self.settings)

    def agree(self, settings: Entry, dst: str) -> None:
        """Refuse settings other than those that the folder was begun with."""
        old, new = self.settings, json.loads(json.dumps(settings))
        for one, other in (_flat(old), _flat(new)), (_recipe(old), _recipe(new)):
            for name in {**one, **other} if old else ():
                if one.get(name) != other.get(name):
                    raise UsageError(
                        f"{dst} was begun with "
                        f"{as_written(name, one.get(name))}, not "
                        f"{as_written(name, other.get(name))}; pass the same, or another folder"
                    )

    def begin(self, command: str, settings: Entry, found: Entry) -> None:
        """Write what holds for all cases, unless it was written before."""
        if not self.settings:
            self.add({"command": command, "settings": settings})
        if found and not self.found:
            self.add({"found": found})

    def add(self, entry: Entry) -> None:
        """Write settings, what calibration found, or a case."""
        self._take(entry)
        with open(self.folder / _JOURNAL, "ab") as file:
            file.write(json.dumps(entry).encode() + b"\n")

    def finish(self, failed: dict[str, str]) -> None:
        """Write the manifest, and remove the journal."""
        whole = {
            "command": self.command,
            "settings": self.settings,
            "found": self.found,
            "cases": [self.cases[case] for case in sorted(self.cases)],
            "failed": failed,
        }
        write(self.folder / MANIFEST, (json.dumps(whole, indent=1) + "\n").encode())
        (self.folder / _JOURNAL).unlink(missing_ok=True)

    def _take(self, entry: Entry) -> None:
        if "case" in entry:
            for each in results_of(entry):
                _ = each["file"], each["sha256"], each["dice"].values(), each["error_rate"]
            _ = entry["source_sha256"], entry["noisy"]
            self.cases[entry["case"]] = entry
        elif "settings" in entry:
            self.command, self.settings = entry["command"], dict(entry["settings"])
        else:
            self.found = dict(entry["found"])


def results_of(entry: Entry) -> list[Entry]:
    """Return what is told of the noisy copies of a case."""
    results: list[Entry] = entry.get("raters", [entry])
    return results


def _flat(settings: Entry) -> Entry:
    """Return settings with those of the noise among them, named as on the command line."""
    noise = settings.get("noise")
    if not isinstance(noise, dict):
        return settings
    own = {name: step[name] for step in steps(noise) for name in OWN if name in step}
    if "chain" in noise:
        return {**settings, "noise": words(noise), **own}
    if is_person(noise):
        return {**settings, "noise": None}
    return {**settings, "noise": [noise["error"]], "strength": noise["strength"], **own}


def _recipe(settings: Entry) -> Entry:
    """Return what the command line may not tell of the noise, such as labels of single steps."""
    return {"recipe": json.dumps(settings.get("noise"))}
