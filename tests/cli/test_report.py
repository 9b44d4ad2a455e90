"""Reports: what is on the page, which images belong to cases, what is refused."""

import json
import math
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import numpy as np
import pytest

from labelnoise.cli import main
from labelnoise.cli._report import Picture, Report, page
from labelnoise.cli._scans import Scan, images_of
from labelnoise.cli._sources import find
from labelnoise.cli._table import TITLES
from labelnoise.data import phantom
from labelnoise.files import read

nibabel = pytest.importorskip("nibabel")
Image = pytest.importorskip("PIL.Image")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&<!--"
MANIFEST = {
    "command": "labelnoise perturb in out --noise bias",
    "settings": {
        "version": "0.1.0",
        "noise": {"error": "bias", "strength": 1.0, "direction": "in", "labels": [1, 2]},
        **{"dice": 0.9, "per_case": False, "share": 1.0, "seed": 7, "plane": "axial"},
        **{"volumes": False, "spacing": "mm", "pattern": "*", "raters": None},
    },
    "found": {
        **{"score": 0.9021, "cases": 3},
        "scaled": {"error": "bias", "strength": 1.25, "direction": "in", "labels": [1, 2]},
    },
    "cases": [
        {"case": "a", "noisy": True, "strength": 1.25},
        {"case": "b", "noisy": True, "strength": 1.25, "reached": False},
    ],
    "failed": {"c": "is damaged"},
}


def row(case, label, **scores):
    """Make a row as compare gives it."""
    return {"case": case, "label": label, **dict.fromkeys(TITLES, 0.5), "unit": "mm", **scores}


class Elements(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Keep a tag."""
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        """Keep a text."""
        self.text += data

    def all(self, name):
        """Return the attributes of all elements of a name."""
        return [attributes for tag, attributes in self.tags if tag == name]


def data_of(text):
    """Return the table of a page, as a strict parser reads it."""
    [found] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)

    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(found, parse_constant=refuse)


def test_the_page_needs_nothing_else():
    """Its policy forbids all but its own style, script and pictures."""
    text = page(Report("clean", "noisy", [row("a", 1)], manifest=MANIFEST))
    elements = Elements(text)
    [policy] = [each["content"] for each in elements.all("meta") if "http-equiv" in each]
    assert policy.startswith("default-src 'none'; img-src data:; ")
    for name in "style", "script":
        [content] = re.findall(rf"<{name}>(.*?)</{name}>", text, re.S)
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert "http://" not in text.replace("http://www.w3.org/", "")
    assert "https://" not in text
    assert not re.search(r"@@|@import|url\(", text)
    assert elements.all("html") == [{"lang": "en"}]
    assert len(elements.all("h1")) == 1


def test_it_tells_what_was_done():
    """Command, noise with its unit and options, target, what was reached, and what failed."""
    text = Elements(page(Report("clean", "noisy", [row("a", 1)], manifest=MANIFEST))).text
    for told in (
        "labelnoise perturb in out --noise bias",
        "bias, distance 1.25 mm, direction in, labels 1, 2: Draw every structure too large",
        "Dice 0.9 on average",
        "0.9021, the mean of 3 cases",
        "2, all noisy; 1 only near the target",
        "c: is damaged",
    ):
        assert told in text
    default = {**MANIFEST, "found": {}}
    default["settings"] = {**MANIFEST["settings"], "noise": {"error": "wobble", "strength": 2.0}}
    text = Elements(page(Report("clean", "noisy", [row("a", 1)], manifest=default))).text
    assert "wobble, sigma 2 mm, length 9: " in text
    settings = {**MANIFEST["settings"], "dice": None, "assd": [1.0, 2.0], "score_unit": "mm"}
    cases = [{**case, "strength": 1.5} for case in MANIFEST["cases"][:1]] + MANIFEST["cases"][1:]
    manifest = {**MANIFEST, "settings": settings, "found": {}, "cases": cases}
    text = Elements(page(Report("clean", "noisy", [row("a", 1)], manifest=manifest))).text
    assert "bias, distance 1.25 to 1.5 mm, direction in" in text
    assert "ASSD 1 to 2 mm, a score of its own for each case" in text
    manifest = {
        **MANIFEST,
        "settings": {**settings, "assd": {"1": 1.0, "2": 3.0}},
        "found": {
            "scaled": {"per_label": {"1": {"annotator": {}}, "2": settings["noise"]}},
            "labels": {"1": MANIFEST["found"], "2": MANIFEST["found"]},
        },
    }
    text = Elements(page(Report("clean", "noisy", [row("a", 1)], manifest=manifest))).text
    assert "label 1: labels as a person draws them" in text
    assert "label 2: bias, distance 1 mm" in text
    assert "ASSD 1 mm for label 1, 3 mm for label 2" in text
    assert "label 2: 0.9021, the mean of 3 cases" in text
    alone = Elements(page(Report("clean", "noisy", [row("a", 1)]))).text
    assert "has no manifest.json" in alone


@pytest.mark.parametrize(
    "manifest",
    [[], {}, 3, "x", {"settings": 1}, {**MANIFEST, "settings": {}}, {**MANIFEST, "cases": [1]}],
)
def test_a_damaged_manifest_costs_what_it_tells(manifest):
    """The page says so."""
    text = page(Report("clean", "noisy", [row("a", 1)], manifest=manifest))
    assert "manifest.json is damaged" in text


def test_hostile_names_are_text():
    """Names of cases, labels and folders, reasons and manifests."""
    manifest = json.loads(json.dumps(MANIFEST))
    manifest["command"] = manifest["settings"]["seed"] = HOSTILE
    manifest["settings"]["plane"] = manifest["settings"]["version"] = HOSTILE
    manifest["found"]["scaled"].update(error=HOSTILE, direction=HOSTILE)
    manifest["failed"] = {HOSTILE: HOSTILE}
    picture = Picture("worst", HOSTILE, 0, 3, 0.5, "data:image/png,x")
    report = Report(
        HOSTILE,
        HOSTILE,
        [row(HOSTILE, 1)],
        {HOSTILE: HOSTILE},
        manifest,
        {1: HOSTILE},
        {1: [picture]},
        notes=[HOSTILE],
    )
    text = page(report)
    elements = Elements(text)
    plain = Elements(page(Report("a", "b", [row("c", 1)], pictures={1: [picture]})))
    assert len(elements.all("script")) == len(plain.all("script")) == 2
    assert len(elements.all("img")) == len(plain.all("img")) == 2
    assert not any("onerror" in attributes for _, attributes in elements.tags)
    assert elements.text.count(HOSTILE.partition("-->")[0][:40]) >= 8
    assert data_of(text)["cases"] == [HOSTILE]
    assert data_of(text)["labels"] == {"1": f"1 {HOSTILE}"}


def test_what_is_not_finite_is_shown():
    """Means leave it out, and say so; JSON has it."""
    rows = [
        row("a", 1, hd95=2.0),
        row("b", 1, hd95=4.0),
        row("c", 1, hd95=math.inf, assd=math.nan, volume_difference=-math.inf),
    ]
    text = page(Report("clean", "noisy", rows))
    found = data_of(text)
    names = [column["title"] for column in found["columns"]]
    last = dict(zip(names, found["rows"][2], strict=True))
    assert (last["HD95"], last["ASSD"], last["Volume"]) == (math.inf, None, -math.inf)
    assert "3.00 ± 1.41 mm<small>2.00 to 4.00 mm</small><small>1 left out</small>" in text
    assert "1 not defined or infinite" in text
    nothing = dict.fromkeys(TITLES, math.nan)
    assert "<b>–</b>" in page(Report("clean", "noisy", [row("a", 1, **nothing)]))  # noqa: RUF001


def test_unchanged_cases_are_in_the_table_alone():
    """Their scores are no measure of the noise."""
    rows = [row("a", 1, dice=0.8), row("b", 1, dice=1.0)]
    text = page(Report("clean", "noisy", rows, unchanged=frozenset({"b"})))
    assert "1 case, label 1. Mean Dice 0.800." in text
    assert "1 more case was left as it was" in text
    assert len(data_of(text)["rows"]) == 2


def test_labels_that_are_not_scored_are_in_the_table_alone():
    """They did not change, and would make the noise look smaller than it is."""
    rows = [row("a", 1, dice=0.8), row("a", 2, dice=1.0), row("a", 3, dice=1.0)]
    text = page(Report("clean", "noisy", rows, scored=frozenset({1})))
    assert "1 case, label 1. Mean Dice 0.800." in text
    assert "2 labels were not scored, and are in the table alone." in text
    assert "<h3>Label 2</h3>" not in text
    assert len(data_of(text)["rows"]) == 3
    text = page(Report("clean", "noisy", rows, scored=frozenset({7})))
    assert "No case has a label that was scored." in text


def test_a_thousand_cases_are_small():
    """With four labels and their pictures, and a table that is cut where it would be too long."""
    rng = np.random.default_rng(0)
    rows = [
        row(f"case_{case:04}", label, dice=dice, hd95=9 * (1 - dice))
        for case in range(1000)
        for label, dice in zip(range(1, 26), rng.random(25), strict=True)
    ]
    url = "data:image/svg+xml," + 120_000 * "x"
    groups = ("worst", "worst", "median", "median", "best", "best")
    pictures = {
        label: [Picture(group, "case_0000", 0, 9, 0.5, url) for group in groups]
        for label in range(1, 5)
    }
    text = page(Report("clean", "noisy", rows, pictures=pictures))
    assert len(text) < 8_000_000
    assert "has the 20,000 rows with the lowest Dice scores of 25,000" in text
    assert "The first 4 of 25 labels have pictures." in text
    found = data_of(text)["rows"]
    assert len(found) == 20_000
    assert max(each[2] for each in found) <= np.sort([each["dice"] for each in rows])[20_000]


def test_thousands_of_labels_are_cut():
    """Those of instance maps; the summary has a hundred, and says so."""
    rows = [row("a", label) for label in range(1, 3001)]
    text = page(Report("clean", "noisy", rows))
    assert text.count("These are the first 100 of 3,000 labels.") == 2
    assert text.count("<svg") == 300
    assert len(text) < 2_000_000
    assert len(data_of(text)["rows"]) == 3000


@pytest.fixture(scope="module")
def patients():
    """Draw two patients."""
    return [phantom(8, 48, seed=seed) for seed in range(2)]


def affine_of(spacing):
    """Return an affine of arrays (x, y, z) that go to the left, back and up."""
    return np.diag([-spacing[2], -spacing[1], spacing[0], 1])


def save(path, values, affine=None):
    """Write a NIfTI file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine), path)


@pytest.fixture
def folders(patients, tmp_path):
    """Write clean labels, noisy ones and images; return the folder of all."""
    for number, (image, labels, spacing) in enumerate(patients):
        affine = affine_of(spacing)
        save(tmp_path / "clean" / f"segmentation-{number}.nii.gz", labels.T, affine)
        noisy = np.roll(labels, 1 + number, axis=2)
        save(tmp_path / "noisy" / f"segmentation-{number}.nii.gz", noisy.T, affine)
        save(tmp_path / "images" / f"volume-{number}.nii.gz", image.T, affine)
    return tmp_path


def report(folder, *options, code=0, noisy="noisy"):
    """Run the command; return the page."""
    output = folder / "report.html"
    arguments = ["report", folder / "clean", folder / noisy, "-o", output, *options]
    assert main(list(map(str, arguments))) == code
    return output.read_text(encoding="utf-8") if output.exists() else None


def pictures_of(text):
    """Return the alternative texts and the addresses of pictures."""
    return [(each["alt"], each["src"]) for each in Elements(text).all("img") if "src" in each]


def test_six_pictures_for_each_label(folders, capsys):
    """Over the images; the numbers are those of compare."""
    text = report(folders, "--images", folders / "images")
    pictures = pictures_of(text)
    assert len(pictures) == 12
    for alt, address in pictures:
        assert re.fullmatch(
            r"Clean and noisy contours of label [12], segmentation-[01], slice [1-8] of 8: "
            r"Dice [01]\.\d{3}",
            alt,
        )
        assert address.startswith("data:image/svg+xml,")
        assert "data:image/png;base64," in address or "data:image/jpeg;base64," in address
        assert len(address) < 120_000
    assert "is not shown" not in text
    assert "no image" not in text
    assert "Report in" in capsys.readouterr().out
    assert main(["compare", str(folders / "clean"), str(folders / "noisy"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["cases"]
    for found, expected in zip(data_of(text)["rows"], rows, strict=True):
        assert found[2:] == pytest.approx([expected[name] for name in TITLES], rel=1e-5)


def test_the_same_page_from_two_processes(folders):
    """Byte for byte."""
    alone = report(folders, "--images", folders / "images")
    (folders / "report.html").unlink()
    assert report(folders, "--images", folders / "images", "--workers", "2") == alone


def test_without_images_contours_stand_alone(folders):
    """And the page says so."""
    text = report(folders)
    assert len(pictures_of(text)) == 12
    assert "No images were found" in text


def test_images_that_do_not_fit_are_said(folders):
    """Another shape, another place, a broken file, none at all."""
    images = folders / "images"
    save(images / "volume-0.nii.gz", np.zeros((5, 6, 7), np.int16))
    (images / "volume-1.nii.gz").unlink()
    text = report(folders, "--images", images)
    assert "The image of segmentation-0 is not shown: it has shape (5, 6, 7)" in text
    assert "1 of 2 cases have no image: segmentation-1." in text
    assert len(pictures_of(text)) == 12


def test_cases_that_fail_are_listed(folders, capsys):
    """With the reason; others are compared."""
    (folders / "noisy" / "segmentation-0.nii.gz").write_bytes(b"hello")
    text = report(folders, code=1)
    assert "<b>segmentation-0</b>: cannot be read" in text
    assert "1 case, labels 1, 2." in text
    (folders / "report.html").unlink()
    (folders / "noisy" / "segmentation-1.nii.gz").unlink()
    assert report(folders, code=2) is None
    assert "no case can be compared" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["{clean}", "{noisy}", "-o", "{clean}"], "is there already"),
        (["{clean}", "{noisy}", "-o", "{new}/report.html"], "is no folder; make it"),
        (["{clean}", "{noisy}", "-o", "{new}", "--images", "{new}"], "is no folder; pass one"),
        (["{clean}", "{new}", "-o", "{new}"], "is no folder; pass one that holds labels"),
        (["{new}.json", "{noisy}", "-o", "{new}"], "CLEAN='{new}.json': holds objects"),
        (["{clean}", "{noisy}", "-o", "{new}", "--workers", "0"], "--workers=0: pass an integer"),
        (["{clean}", "{noisy}", "-o", "{new}", "--tolerance", "-1"], "--tolerance=-1.0: pass"),
    ],
)
def test_unusable_arguments(folders, capsys, options, message):
    """One sentence, exit code 2, nothing written."""
    names = {name: str(folders / name) for name in ("clean", "noisy", "new")}
    assert main(["report", *(option.format(**names) for option in options)]) == 2
    errors = capsys.readouterr().err
    assert message.format(**names) in errors
    assert errors.count("\n") == 1
    assert not (folders / "new").exists()


def test_perturb_writes_it(folders, capsys):
    """Into DST, with the manifest; a second report gives the same."""
    arguments = ["perturb", str(folders / "clean"), str(folders / "out"), "--noise", "bias:2"]
    images = ["--images", str(folders / "images")]
    assert main([*arguments, *images]) == 2
    assert "goes with --report" in capsys.readouterr().err
    assert main([*arguments, "--report", *images]) == 0
    text = (folders / "out" / "report.html").read_text(encoding="utf-8")
    assert "bias, distance 2 pixels, direction out: Draw every structure too large" in text
    assert len(pictures_of(text)) == 12
    assert report(folders, *images, noisy="out") == text


def test_it_tells_of_the_labels_that_were_scored(folders):
    """By the manifest; pictures are of these labels, too."""
    arguments = ["perturb", str(folders / "clean"), str(folders / "out"), "--noise", "bias:2"]
    assert main([*arguments, "--labels", "2", "--report"]) == 0
    text = (folders / "out" / "report.html").read_text(encoding="utf-8")
    assert "1 label was not scored, and is in the table alone." in text
    assert "<h3>Label 1</h3>" not in text
    assert len(pictures_of(text)) == 6


def test_each_rater_is_compared(folders):
    """Cases have the names of their folders."""
    arguments = ["perturb", str(folders / "clean"), str(folders / "out"), "--noise", "wobble:2"]
    assert main([*arguments, "--raters", "2", "--report"]) == 0
    text = (folders / "out" / "report.html").read_text(encoding="utf-8")
    assert data_of(text)["cases"] == [
        f"rater{rater}/segmentation-{case}" for rater in (1, 2) for case in (0, 1)
    ]
    assert "2 people draw each case" in text


def test_the_pattern_is_that_of_the_manifest(folders):
    """Images beside labels are no cases, and are found."""
    for path in (folders / "images").iterdir():
        path.rename(folders / "clean" / path.name)
    clean, out = str(folders / "clean"), str(folders / "out")
    arguments = ["--pattern", "segmentation-*", "--noise", "omit:0.5", "--share", "0.5"]
    assert main(["perturb", clean, out, *arguments, "--seed", "1"]) == 0
    text = report(folders, "--images", clean, noisy="out")
    assert data_of(text)["cases"] == ["segmentation-0", "segmentation-1"]
    assert "1 more case was left as it was" in text
    assert "no image" not in text


def test_datasets_of_nnunet_have_images_and_names(patients, tmp_path):
    """ImagesTr is found, and labels have the names of dataset.json."""
    folder = tmp_path / "Dataset001_Liver"
    for number, (image, labels, spacing) in enumerate(patients):
        save(folder / "labelsTr" / f"a_{number}.nii.gz", labels.T, affine_of(spacing))
        for channel in "0000", "0001":
            name = f"a_{number}_{channel}.nii.gz"
            save(folder / "imagesTr" / name, image.T, affine_of(spacing))
    names = {"background": 0, "liver": 1, "lesion": 2, "all": [1, 2]}
    (folder / "dataset.json").write_text(json.dumps({"labels": names, "file_ending": ".nii.gz"}))
    target = tmp_path / "Dataset501_Noisy"
    arguments = ["perturb", str(folder), str(target), "--noise", "bias:2", "--report"]
    assert main(arguments) == 0
    text = (target / "report.html").read_text(encoding="utf-8")
    assert data_of(text)["labels"] == {"1": "1 liver", "2": "2 lesion"}
    assert all("base64," in address for _, address in pictures_of(text))


def test_structures_that_have_files_of_their_own(folders):
    """Labels have the names of the files."""
    for number in range(2):
        labels = read(folders / "clean" / f"segmentation-{number}.nii.gz").labels
        for label, name in (1, "liver"), (2, "lesion"):
            path = folders / "cases" / f"s{number}" / f"{name}.nii.gz"
            save(path, (labels == label).astype(np.uint8))
    arguments = ["perturb", str(folders / "cases"), str(folders / "out"), "--noise", "bias:1"]
    assert main([*arguments, "--together", "--report"]) == 0
    text = (folders / "out" / "report.html").read_text(encoding="utf-8")
    assert data_of(text)["labels"] == {"1": "1 lesion", "2": "2 liver"}
    assert data_of(text)["cases"] == ["s0", "s1"]


def test_objects_have_no_report(tmp_path, capsys):
    """Those of COCO and YOLO."""
    (tmp_path / "a.json").write_text("{}")
    arguments = ["perturb", str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    assert main([*arguments, "--noise", "bias:1", "--report"]) == 2
    assert "--report: does not apply to objects" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cases", "images", "expected"),
    [
        (["a1", "b2"], ["b2", "a1"], {"a1": "a1", "b2": "b2"}),
        (["liver_01"], ["liver_01_0000", "liver_01_0001"], {"liver_01": "liver_01_0000"}),
        (["segmentation-1"], ["volume-1", "volume-10"], {"segmentation-1": "volume-1"}),
        (["case_007_mask"], ["case_007", "case_7"], {"case_007_mask": "case_007"}),
        (["a1"], ["x1", "y1"], {}),
        (["left"], ["right"], {}),
        (["s1/seg"], ["s1/seg", "s2/seg"], {"s1/seg": "s1/seg"}),
        (["s1/seg2"], ["s1/ct2", "s2/ct2"], {}),
        (["segmentation-1"], ["segmentation-1", "volume-1"], {"segmentation-1": "volume-1"}),
        (["liver_1"], ["volume-1", "Segmentation-1"], {"liver_1": "volume-1"}),
        (["mask_2"], ["mask_2", "ct_2", "mr_2"], {"mask_2": "mask_2"}),
        (["a_seg", "b_seg"], ["a_seg", "a", "b_seg", "b"], {"a_seg": "a", "b_seg": "b"}),
        (["img1_mask"], ["img1_mask", "img1"], {"img1_mask": "img1"}),
        (["gt_1"], ["gt_1_0000", "other_1"], {"gt_1": "gt_1_0000"}),
    ],
)
def test_images_are_found_by_their_names(tmp_path, cases, images, expected):
    """By the same name, by nnU-Net's or by the same numbers, if one image alone has them."""
    for folder, names in ("labels", cases), ("images", images):
        for name in names:
            save(tmp_path / folder / f"{name}.nii", np.ones((2, 2, 2), np.uint8))
    found = images_of(find(tmp_path / "labels", "**/*"), tmp_path / "images")
    assert found == {case: tmp_path / "images" / f"{name}.nii" for case, name in expected.items()}


@pytest.fixture
def volume():
    """Return values that are all different, (x, y, z)."""
    return np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


def labelled(tmp_path, volume, affine):
    """Return a label file of a shape, and the shape of its upright labels."""
    save(tmp_path / "labels.nii.gz", (volume % 2).astype(np.uint8), affine)
    file = read(tmp_path / "labels.nii.gz")
    return file, file.upright(file.axes("axial", True))


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("turned", [False, True])
def test_planes_of_volumes_lie_under_those_of_labels(tmp_path, volume, ending, turned):
    """However the files are oriented, in real units."""
    file, upright = labelled(tmp_path, volume, np.diag([-2.0, 3.0, 4.0, 1.0]))
    path = tmp_path / f"image{ending}"
    image = nibabel.Nifti1Image(volume, np.diag([-2.0, 3.0, 4.0, 1.0]))
    if turned:
        image = image.as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    image.header.set_slope_inter(0.5, -1)
    nibabel.save(image, tmp_path / "image.nii.gz")
    if path.suffix in (".nrrd", ".mha"):
        itk = pytest.importorskip("SimpleITK")
        itk.WriteImage(itk.ReadImage(str(tmp_path / "image.nii.gz")), str(path))
    elif ending == ".nii":
        nibabel.save(nibabel.load(tmp_path / "image.nii.gz"), path)
    scan = Scan(path, file, upright.shape)
    expected = file.grid.upright(volume, file.axes("axial", True))
    for place in range(6):
        np.testing.assert_allclose(scan.plane(place), 0.5 * expected[place] - 1, atol=1e-3)


def test_volumes_elsewhere_are_refused(tmp_path, volume):
    """By the affines, or for their shape."""
    file, upright = labelled(tmp_path, volume, np.eye(4))
    moved = np.eye(4)
    moved[0, 3] = 2
    save(tmp_path / "image.nii", volume, moved)
    with pytest.raises(ValueError, match="lies elsewhere"):
        Scan(tmp_path / "image.nii", file, upright.shape)
    save(tmp_path / "image.nii", volume[:3])
    with pytest.raises(ValueError, match=r"has shape \(3, 5, 6\), and its labels \(4, 5, 6\)"):
        Scan(tmp_path / "image.nii", file, upright.shape)
    np.save(tmp_path / "image.npy", volume)
    with pytest.raises(ValueError, match="has no geometry"):
        Scan(tmp_path / "image.npy", file, upright.shape)


@pytest.mark.parametrize("colours", [0, 3])
@pytest.mark.parametrize("ending", [".png", ".tif", ".npy", ".npz", ".jpg"])
def test_planes_of_pictures(tmp_path, ending, colours):
    """Grey or coloured."""
    shape = (24, 32, colours)[: 3 if colours else 2]
    pixels = np.full(shape, 50, np.uint8)
    pixels[8:16, 8:16] = 200
    path = tmp_path / f"image{ending}"
    if ending == ".npy":
        np.save(path, pixels)
    elif ending == ".npz":
        np.savez(path, image=pixels, other=pixels[1:])
    else:
        Image.fromarray(pixels).save(path)
    Image.fromarray(np.eye(24, 32, dtype=np.uint8)).save(tmp_path / "labels.png")
    plane = Scan(path, read(tmp_path / "labels.png"), (24, 32)).plane(0)
    assert plane.shape == shape
    np.testing.assert_allclose(plane.astype(int), pixels, atol=20)


def test_planes_of_stacks(tmp_path):
    """TIFF pages are slices."""
    tifffile = pytest.importorskip("tifffile")
    pages = np.arange(3 * 6 * 7, dtype=np.uint16).reshape(3, 6, 7)
    tifffile.imwrite(tmp_path / "image.tif", pages, photometric="minisblack")
    tifffile.imwrite(tmp_path / "labels.tif", pages % 2, photometric="minisblack")
    scan = Scan(tmp_path / "image.tif", read(tmp_path / "labels.tif"), pages.shape)
    np.testing.assert_array_equal(scan.plane(2), pages[2])
