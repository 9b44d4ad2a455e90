"""Raw datasets of nnU-Net 2: their dataset.json, their names, and what a noisy copy needs."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import SUFFIXES, publish, suffix_of, whole
from ._usage import UsageError

if TYPE_CHECKING:
    from ._sources import Source

_NAME = re.compile(r"Dataset(\d{3})_.+")
_FOLDERS = "nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"  # environment variables
_LABELS = (
    '{path} has no labels (integers by their names), e.g. "labels": {{"background": 0, "liver": 1}}'
)


def located(src: Path) -> Path:
    """Return where a dataset is that is given by its name or number, as nnU-Net looks it up."""
    raw = os.environ.get(_FOLDERS[0])
    if not raw or len(src.parts) != 1 or os.path.lexists(src):
        return src
    if not re.fullmatch(r"\d{1,3}", src.name, re.ASCII):
        return Path(raw, src) if Path(raw, src).is_dir() else src
    found = _numbered(Path(raw), int(src.name))
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found)
        raise UsageError(f"SRC={src.name}: $nnUNet_raw has {names}; pass one of the names")
    return found[0] if found else src


def placed(src: Path, dst: Path) -> Path:
    """Return where DST is: in $nnUNet_raw, if SRC was found there and DST names no folder."""
    if located(src) == src or len(dst.parts) != 1 or os.path.lexists(dst):
        return dst
    found = located(dst)
    return located(src).parent / dst if found == dst else found


def read_dataset(folder: Path) -> dict[str, Any] | None:
    """Return dataset.json of a raw dataset of nnU-Net, None for other folders.

    Raises
    ------
    UsageError
        If it is damaged, or of nnU-Net 1, or its labels are of a format that is not read.
    """
    path, inside = folder / "dataset.json", (folder / "labelsTr").is_dir()
    if not path.is_file():
        return None
    try:
        dataset = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        if not inside:
            return None
        raise UsageError(f"{str(path)!r} is damaged ({error}); mend it") from error
    if not isinstance(dataset, dict):
        dataset = {}
    if not inside and not isinstance(dataset.get("dataset"), dict):
        return None
    names_of(dataset, path)
    ending = dataset.get("file_ending")
    if not ending:
        raise UsageError(
            f'{str(path)!r} has no file_ending, e.g. ".nii.gz"; convert the dataset to nnU-Net 2, '
            f"or pass SRC={str(path.with_name('labelsTr'))!r}"
        )
    if not isinstance(ending, str) or not suffix_of(f"x{ending}"):
        raise UsageError(
            f"{str(path)!r} has file_ending {ending!r}; convert the labels to one of "
            f"{', '.join(SUFFIXES)}"
        )
    if "dataset" in dataset:
        _check_listed(dataset["dataset"], path)
    return dataset


def names_of(dataset: dict[str, Any], path: Path) -> dict[str, list[int]]:
    """Return the labels of dataset.json by their names; a region has several."""
    labels: Any = dataset.get("labels")
    try:
        return {
            name: list(map(_number, value if isinstance(value, list) else [value]))
            for name, value in labels.items()
        }
    except (AttributeError, ValueError, OverflowError, TypeError) as error:
        problem = _LABELS.format(path=repr(str(path)))
        if isinstance(labels, dict) and all(name.isdigit() for name in labels):
            problem += ", but names by numbers, as in nnU-Net 1"
        raise UsageError(
            f"{problem}; convert the dataset to nnU-Net 2, or pass "
            f"SRC={str(path.with_name('labelsTr'))!r}"
        ) from error


def _number(value: Any) -> int:
    """Return a label that may be written as text."""
    number = int(value)
    if number < 0 or number != float(value) or isinstance(value, bool):
        raise ValueError
    return number


def _check_listed(listed: Any, path: Path) -> None:
    """Refuse a list of cases that nnU-Net could not use."""
    items: Any = listed.items() if isinstance(listed, dict) else [("", None)]
    for case, files in items:
        try:
            texts = [files["label"], *files["images"]]
            good = all(isinstance(text, str) for text in texts) and Path(case).name == case != ""
        except (KeyError, TypeError):
            good = False
        if not good:
            raise UsageError(
                f"{str(path)!r} lists {case!r} otherwise than nnU-Net; write e.g. "
                '"dataset": {"case1": {"images": ["images/1.png"], "label": "labels/1.png"}}'
            )


def labels_elsewhere(folder: Path, dataset: dict[str, Any]) -> dict[str, Path]:
    """Return the label files that dataset.json lists, by the names that they get in labelsTr."""
    return {
        f"{case}{dataset['file_ending']}": _place(folder, files["label"])
        for case, files in dataset.get("dataset", {}).items()
    }


def check_nnunet(source: "Source", target: Path) -> None:
    """Refuse names that nnU-Net would not find, or would take for another dataset."""
    if source.dataset is None:
        return
    name = _NAME.fullmatch(target.name)
    if not name:
        raise UsageError(f"DST={str(target)!r}: nnU-Net needs a name like Dataset501_LiverNoisy")
    folders = {source.folder.resolve().parent, target.resolve().parent}
    folders |= {Path(os.environ[each]).resolve() for each in _FOLDERS if os.environ.get(each)}
    for folder in sorted(folders):
        for other in _numbered(folder, int(name[1])):
            if other.name != target.name or other.resolve() == source.folder.resolve():
                raise UsageError(
                    f"DST={str(target)!r}: {str(other)!r} has number {name[1]} already; "
                    "pass another number"
                )


def _numbered(folder: Path, number: int) -> list[Path]:
    """Return the datasets of a number, as nnU-Net finds them."""
    return sorted(path for path in folder.glob(f"Dataset{number:03}*") if path.is_dir())


def copy_dataset(source: "Source", target: Path, copy_images: bool) -> dict[str, str]:
    """Give a noisy dataset its images, its test set, its dataset.json and the files beside it.

    Returns
    -------
    dict of str to str
        What could not be copied, and why.
    """
    failed: dict[str, str] = {}
    for folder in sorted(source.folder.iterdir()):
        if folder.is_file() and _is_text(folder.name):
            publish(target / folder.name, folder.read_bytes())
        if not folder.name.startswith(("images", "labels")) or folder.name == "labelsTr":
            continue
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if not path.name.startswith(".") and not path.is_dir():
                new = Path(folder.name, path.name)
                _give(path, target, new, copy_images, failed)
    if "dataset" in (source.dataset or {}):
        content = json.dumps(_adapted(source, target, copy_images, failed), indent=4)
        publish(target / "dataset.json", content.encode())
    else:
        publish(target / "dataset.json", (source.folder / "dataset.json").read_bytes())
    return failed


def _is_text(name: str) -> bool:
    """Return whether a file beside dataset.json belongs to the copy, such as splits_final.json."""
    text = name.lower().endswith((".json", ".md", ".txt", ".csv")) or name.isupper()
    return text and name not in ("dataset.json", "manifest.json") and not name.startswith(".")


def _adapted(
    source: "Source", target: Path, copy_images: bool, failed: dict[str, str]
) -> dict[str, Any]:
    """Return dataset.json with the labels of the copy, and images that are found from there."""
    assert source.dataset is not None
    ending, listed = source.dataset["file_ending"], {}
    for file in source.cases.values():
        case = file.name[: -len(ending)]
        images = source.dataset["dataset"][case]["images"]
        if copy_images:
            news = [f"imagesTr/{case}_{i:04}{ending}" for i in range(len(images))]
            for text, new in zip(images, news, strict=True):
                _give(_place(source.folder, text), target, Path(new), True, failed)
        else:
            news = [
                text
                if os.path.isabs(os.path.expandvars(text))
                else _from(target, target, _place(source.folder, text))
                for text in images
            ]
        listed[case] = {"images": news, "label": f"labelsTr/{file.name}"}
    return {**source.dataset, "numTraining": len(listed), "dataset": listed}


def _place(folder: Path, text: str) -> Path:
    """Return the path of a file that dataset.json names."""
    return folder / os.path.expandvars(text)


def _give(path: Path, target: Path, new: Path, copy: bool, failed: dict[str, str]) -> None:
    """Copy a file, or link to it."""
    if os.path.lexists(target / new):
        return
    (target / new).parent.mkdir(parents=True, exist_ok=True)
    if copy and not path.is_file():
        failed[new.as_posix()] = "is a link to a file that is not there; fetch it"
    elif copy:
        with whole(target / new) as part:
            shutil.copyfile(path, part)
    else:
        try:
            (target / new).symlink_to(_from((target / new).parent, target, path))
        except OSError as error:
            raise UsageError(
                f"images cannot be linked to ({error.strerror or error}); pass --copy-images"
            ) from error


def _from(folder: Path, target: Path, path: Path) -> str:
    """Return how a link in a folder of the copy names a file.

    Datasets in one folder keep together when it is moved, so that links between them are relative.
    """
    real, near = Path(os.path.realpath(path)), os.path.realpath(target.parent)
    return (
        os.path.relpath(real, os.path.realpath(folder)) if real.is_relative_to(near) else str(real)
    )
