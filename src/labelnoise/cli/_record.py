"""The manifest of a noisy copy, and the journal that it is made from."""

import json
from pathlib import Path
from typing import Any

from ._arguments import OWN, as_written
from ._files import write
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
        self._folder = folder
        self.command = ""
        self.settings: Entry = {}
        self.found: Entry = {}
        self.cases: dict[str, Entry] = {}

    def load(self) -> bool:
        """Read what an earlier run left; tell whether it left anything."""
        manifest, journal = self._folder / MANIFEST, self._folder / _JOURNAL
        if manifest.exists():
            try:
                whole = json.loads(manifest.read_text(encoding="utf-8"))
                self.command, self.settings = whole["command"], whole["settings"]
                self.found = whole["found"]
                self.cases = {case["case"]: case for case in whole["cases"]}
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{str(manifest)!r} is no manifest of labelnoise") from error
        if journal.exists():
            lines = journal.read_bytes()
            whole_lines = lines[: lines.rfind(b"\n") + 1]
            if whole_lines != lines:
                write(journal, whole_lines)
            for line in whole_lines.splitlines():
                self._take(json.loads(line))
        return bool(self.settings)

    def agree(self, settings: Entry) -> None:
        """Refuse settings other than those that the folder was begun with."""
        old, new = self.settings, json.loads(json.dumps(settings))
        for one, other in (_flat(old), _flat(new)), (_recipe(old), _recipe(new)):
            for name in {**one, **other} if old else ():
                if one.get(name) != other.get(name):
                    raise UsageError(
                        f"DST={str(self._folder)!r} was begun with "
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
        with open(self._folder / _JOURNAL, "ab") as file:
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
        write(self._folder / MANIFEST, (json.dumps(whole, indent=1) + "\n").encode())
        (self._folder / _JOURNAL).unlink(missing_ok=True)

    def _take(self, entry: Entry) -> None:
        if "case" in entry:
            self.cases[entry["case"]] = entry
        elif "settings" in entry:
            self.command, self.settings = entry["command"], entry["settings"]
        else:
            self.found = entry["found"]


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


def clean_up(folder: Path) -> None:
    """Remove what a killed run left under temporary names."""
    for part in folder.rglob(".*.part"):
        part.unlink(missing_ok=True)
