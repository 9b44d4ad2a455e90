"""Copies of COCO and YOLO files, whose objects err one by one."""

import contextlib
import io
import json
import pickle
from argparse import Namespace

import numpy as np
import pytest

import labelnoise
from labelnoise.annotators import PerLabel
from labelnoise.cli._polygons import Plan, check_options, perturb_coco, perturb_yolo
from labelnoise.cli._usage import UsageError
from labelnoise.files._shapes import Cut, from_polygons, joined, to_polygons

pytest.importorskip("pycocotools")

from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
HEIGHT, WIDTH = 90, 120
NATURAL = labelnoise.Noise("natural", 1.5)


def disc(row, column, radius):
    """Return a disc in an image."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    return np.hypot(rows - row, columns - column) < radius


def ring(column, row, radius, count=9):
    """Return the numbers of a polygon with two digits behind the point."""
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False) + 0.3
    points = np.column_stack([column + radius * np.cos(angles), row + radius * np.sin(angles)])
    return np.round(points, 2).ravel().tolist()


def compressed(mask):
    """Return pycocotools' own compressed runs, as JSON has them."""
    runs = masks.encode(np.asfortranarray(mask, np.uint8))
    return {"size": runs["size"], "counts": runs["counts"].decode()}


def uncompressed(mask):
    """Return runs as a list."""
    flat = mask.ravel(order="F").astype(np.int8)
    ends = np.flatnonzero(np.diff(flat, prepend=0))
    return {"size": [HEIGHT, WIDTH], "counts": np.diff(ends, prepend=0, append=flat.size).tolist()}


def annotation(number, image, category, segmentation, **more):
    """Return an annotation with area and box of its own."""
    told = {"id": number, "image_id": image, "category_id": category, "note": "as it was \u00e4"}
    return {**told, "segmentation": segmentation, "area": 1.5, "bbox": [0.0, 1.0, 2.0, 3.0], **more}


def instances():
    """Return a data set with every kind of segmentation."""
    images = [
        {"id": number, "file_name": f"{number}.jpg", "height": HEIGHT, "width": WIDTH}
        for number in (7, 8)
    ]
    annotations = [
        annotation(1, 7, 3, [ring(30, 30, 12)], iscrowd=0),
        annotation(2, 7, 3, [ring(70, 30, 10), ring(90, 30, 6)], iscrowd=0, area=5),
        annotation(3, 8, 5, compressed(disc(40, 60, 20)), iscrowd=0, bbox=[1, 2, 3, 4]),
        annotation(4, 8, 5, uncompressed(disc(60, 5, 14) & ~disc(60, 5, 5)), iscrowd=0),
        annotation(5, 8, 3, uncompressed(disc(20, 100, 14)), iscrowd=1),
        annotation(6, 8, 3, [ring(100, 60, 11)], iscrowd=0, attributes={"occluded": True}),
        {"id": 9, "image_id": 8, "category_id": 3, "bbox": [1, 2, 3, 4]},
    ]
    categories = [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}]
    return {
        "info": {"version": "1.50", "year": 2.50},
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }


@pytest.fixture
def source(tmp_path):
    """Write the data set, indented."""
    path = tmp_path / "instances.json"
    path.write_bytes(json.dumps(instances(), indent=1).encode())
    return path


def perturbed(source, noise, name="noisy.json", **options):
    """Return the summary of a noisy copy, and what it holds."""
    target = source.with_name(name)
    labels = options.pop("labels", None)
    plan = Plan(noise, options.pop("seed", 0), labels, options.pop("share", 1.0))
    told = perturb_coco(source, target, plan, **options)
    return told, json.loads(target.read_bytes())


def loaded(path):
    """Return what pycocotools reads."""
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(path)


def test_pycocotools_evaluates_a_noisy_copy(source):
    """Against the clean file; areas and boxes are those that it finds itself."""
    told, noisy = perturbed(source, NATURAL)
    assert told["counts"] == {"objects": 5, "changed": 5, "removed": 0}
    assert (told["crowds"], told["without_mask"], told["failed"]) == (1, 1, {})
    clean, other = loaded(source), loaded(source.with_name("noisy.json"))
    found = [
        {
            "image_id": each["image_id"],
            "category_id": each["category_id"],
            "segmentation": other.annToRLE(each),
            "score": 1.0,
        }
        for each in noisy["annotations"]
        if each["id"] < 9
    ]
    clean.anns.pop(9)
    with contextlib.redirect_stdout(io.StringIO()):
        clean.dataset["annotations"].pop()
        clean.createIndex()
        scored = COCOeval(clean, clean.loadRes(found), "segm")
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
    assert 0.2 < scored.stats[0] < 1.0
    assert scored.stats[1] == 1.0
    for each in noisy["annotations"][:4]:
        runs = other.annToRLE(each)
        assert each["area"] == masks.area(runs)
        assert each["bbox"] == masks.toBbox(runs).tolist()
    dices = [entry["dice"] for entry in json.loads(manifest(source))["objects"]]
    own = [masks_dice(clean.annToMask(clean.anns[n]), other.annToMask(other.anns[n])) for n in KEPT]
    np.testing.assert_allclose(dices, own, rtol=1e-12)


KEPT = (1, 2, 3, 4, 6)


def manifest(source):
    """Return the manifest of a noisy copy."""
    return source.with_name("noisy.manifest.json").read_bytes()


def masks_dice(one, other):
    """Return the Dice score by its definition."""
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_all_but_masks_stays(source):
    """Keys and their order, form of numbers, kinds of segmentation, crowds and other parts."""
    _, noisy = perturbed(source, NATURAL)
    clean = instances()
    assert {**noisy, "annotations": 0} == {**clean, "annotations": 0}
    for new, old in zip(noisy["annotations"], clean["annotations"], strict=True):
        assert list(new) == list(old)
        changed = {name for name in old if new[name] != old[name]}
        assert changed == ({"segmentation", "area", "bbox"} if old["id"] in KEPT else set())
        if old["id"] in KEPT:
            assert type(new["segmentation"]) is type(old["segmentation"])
            assert [type(x) for x in new["bbox"]] == [type(x) for x in old["bbox"]]
            assert type(new["area"]) is type(old["area"])
        if isinstance(old.get("segmentation"), dict):
            assert type(new["segmentation"]["counts"]) is type(old["segmentation"]["counts"])
            assert new["segmentation"]["size"] == [HEIGHT, WIDTH]
    text = source.with_name("noisy.json").read_text()
    assert '"version": "1.50"' in text
    assert '\n   "image_id": 7,\n   "category_id": 3,\n   "note": "as it was \\u00e4",\n' in text


def test_strength_zero_keeps_every_byte(tmp_path):
    """Numbers too that JSON writers would write otherwise, spaces and line ends."""
    text = json.dumps(instances()).replace("1.5", "1.50e0").replace(", ", ",\r\n ") + "\n"
    source = tmp_path / "instances.json"
    source.write_bytes(b"\xef\xbb\xbf" + text.encode())
    told, _ = perturbed(source, labelnoise.Noise("natural", 0.0), name="same.json")
    assert told["counts"]["changed"] == 0
    assert told["mean_dice"] == 1.0
    assert source.with_name("same.json").read_bytes() == source.read_bytes()


def test_noise_is_that_of_the_whole_image(source):
    """An object's noise comes from seed, image and annotation alone, not from the box around it."""
    _, noisy = perturbed(source, NATURAL, seed=4)
    clean = loaded(source)
    other = loaded(source.with_name("noisy.json"))
    for number in KEPT:
        key = f"{clean.anns[number]['image_id']}/{number}"
        mask = clean.annToMask(clean.anns[number])
        expected = NATURAL(mask, rng=labelnoise.sample_rng(4, key))
        np.testing.assert_array_equal(other.annToMask(other.anns[number]), expected)
    few = instances()
    few["annotations"] = few["annotations"][5:]
    alone = source.with_name("few.json")
    alone.write_text(json.dumps(few))
    _, found = perturbed(alone, NATURAL, name="noisy_few.json", seed=4)
    assert found["annotations"][0] == noisy["annotations"][5]


def test_boxes_grow_until_the_noise_fits(source):
    """Noise that goes farther than the box around an object is not cut off."""
    told, _ = perturbed(source, labelnoise.Noise("bias", 45.0))
    other = loaded(source.with_name("noisy.json"))
    clean = loaded(source)
    mask = clean.annToMask(clean.anns[1])
    expected = labelnoise.bias(mask, 45.0, rng=labelnoise.sample_rng(0, "7/1"))
    assert expected[:, 80].any()
    np.testing.assert_array_equal(other.annToMask(other.anns[1]), expected)
    assert told["failed"] == {}


def test_random_flips_pixels_of_the_whole_image(source):
    """The background is that of the image; polygons hold single pixels and holes."""
    noise = labelnoise.Noise("random", 0.2)
    _, noisy = perturbed(source, noise)
    clean, other = loaded(source), loaded(source.with_name("noisy.json"))
    for number in KEPT:
        mask = clean.annToMask(clean.anns[number])
        image = clean.anns[number]["image_id"]
        expected = noise(mask, rng=labelnoise.sample_rng(0, f"{image}/{number}"))
        np.testing.assert_array_equal(other.annToMask(other.anns[number]), expected)
    assert isinstance(noisy["annotations"][0]["segmentation"], list)


def crowded(tmp_path, count=10):
    """Write an image with discs of two categories, the first of 0, small ones first."""
    images = [{"id": 0, "height": HEIGHT, "width": WIDTH}]
    annotations = [
        annotation(n, 0, 2 * (n % 2), [ring(10 + 20 * (n % 5), 20 + 40 * (n // 5), 3 + n / 2)])
        for n in range(count)
    ]
    path = tmp_path / "crowded.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path


def test_omit_removes_annotations(tmp_path):
    """Exactly the share of each category in each image; the rest is as it was."""
    path = crowded(tmp_path)
    left = []
    for rate in (0.4, 0.6):
        told, noisy = perturbed(path, labelnoise.Noise("omit", rate), name=f"{rate}.json")
        assert told["counts"]["removed"] == 10 * rate
        categories = [each["category_id"] for each in noisy["annotations"]]
        assert categories.count(0) == categories.count(2) == 5 - 5 * rate
        clean = json.loads(path.read_bytes())["annotations"]
        assert all(each == clean[each["id"]] for each in noisy["annotations"])
        left.append({each["id"] for each in noisy["annotations"]})
    assert left[1] < left[0]
    _, empty = perturbed(path, labelnoise.Noise("omit", 1.0), name="none.json")
    assert empty["annotations"] == []
    smaller = sum(
        sum(
            each["id"]
            for each in perturbed(path, omit, name=f"{seed}.json", seed=seed)[1]["annotations"]
        )
        for seed in range(8)
        for omit in [labelnoise.Noise("omit", 0.4)]
    )
    assert smaller > 8 * 6 * 4.5  # large ones stay


def test_confuse_changes_categories(tmp_path):
    """And nothing else; such an object scores nothing."""
    path = crowded(tmp_path)
    told, noisy = perturbed(path, labelnoise.Noise("confuse", 0.4))
    clean = json.loads(path.read_bytes())["annotations"]
    taken = [
        (old["category_id"], new["category_id"])
        for old, new in zip(clean, noisy["annotations"], strict=True)
        if new != old
    ]
    assert sorted(taken) == [(0, 2), (0, 2), (2, 0), (2, 0)]
    assert told["mean_dice"] == pytest.approx(0.6)
    into = labelnoise.Noise("confuse", 1.0, into={2: 300})
    _, noisy = perturbed(path, into, name="into.json")
    assert {each["category_id"] for each in noisy["annotations"]} == {0, 300}
    again = {**noisy, "annotations": [{**each, "category_id": 2} for each in noisy["annotations"]]}
    assert [each["segmentation"] for each in again["annotations"]] == [
        each["segmentation"] for each in clean
    ]


def test_steps_of_a_chain_have_noise_of_their_own(tmp_path):
    """Some are missed, and the others are drawn as by the chain without that."""
    path = crowded(tmp_path)
    bias = labelnoise.Noise("bias", 1.0)
    told, noisy = perturbed(path, labelnoise.Chain(labelnoise.Noise("omit", 0.4), bias))
    _, every = perturbed(path, bias, name="every.json")
    assert told["counts"]["removed"] == 4
    for each in noisy["annotations"]:
        assert each == every["annotations"][each["id"]]


def test_objects_that_vanish_are_removed(source):
    """And counted; the JSON stays whole."""
    told, noisy = perturbed(source, labelnoise.Noise("bias", 9.5, direction="in"))
    assert [each["id"] for each in noisy["annotations"]] == [1, 3, 5, 6, 9]
    assert told["counts"]["removed"] == 2
    removed = [
        each["object"] for each in json.loads(manifest(source))["objects"] if each["removed"]
    ]
    assert removed == ["7/2", "8/4"]


def test_dice_is_the_mean_of_objects(source):
    """One strength for all objects; the mean is that of what was written."""
    path = crowded(source.parent)
    told, _ = perturbed(path, labelnoise.Noise("wobble", 1.0), dice=0.9, tol=0.02)
    assert told["mean_dice"] == pytest.approx(0.9, abs=0.02)
    assert told["mean_dice"] == pytest.approx(told["found"]["score"], abs=1e-12)
    assert told["found"]["scaled"]["strength"] == told["factor"]
    told, _ = perturbed(path, labelnoise.Noise("omit", 1.0), dice=0.6, tol=0.05, name="few.json")
    assert told["counts"]["removed"] == 4


def test_other_processes_write_the_same(source):
    """What they are sent holds no data set, and gives the same bytes."""
    sent = []

    def elsewhere(function, items):
        sent.append(len(pickle.dumps(function)))
        return [pickle.loads(pickle.dumps(function))(item) for item in items]

    perturbed(source, NATURAL, dice=0.9, tol=0.03)
    perturbed(source, NATURAL, name="other.json", dice=0.9, tol=0.03, each=elsewhere)
    assert (
        source.with_name("other.json").read_bytes() == source.with_name("noisy.json").read_bytes()
    )
    assert max(sent) < 3000 < source.stat().st_size


def test_labels_are_categories(source):
    """Others stay; annotators of single labels and options of an error mean them too."""
    told, noisy = perturbed(source, NATURAL, labels=(5,))
    clean = instances()["annotations"]
    changed = [
        new["id"] for new, old in zip(noisy["annotations"], clean, strict=True) if new != old
    ]
    assert changed == [3, 4]
    assert told["counts"]["objects"] == 2
    person = PerLabel({5: labelnoise.Annotator(radius=10.0, sigma=2.0)})
    _, noisy = perturbed(source, person, name="person.json")
    changed = [
        new["id"] for new, old in zip(noisy["annotations"], clean, strict=True) if new != old
    ]
    assert changed == [3, 4]
    with pytest.raises(UsageError, match=r"no object of 4; there are 3, 5"):
        perturbed(source, NATURAL, labels=(4,), name="none.json")


def test_share_chooses_images(source):
    """Of the others every byte stays."""
    shares = [labelnoise.in_share(1, name, 0.5) for name in ("7", "8")]
    assert shares == [True, False]
    told, noisy = perturbed(source, NATURAL, seed=1, share=0.5)
    clean = instances()["annotations"]
    changed = [
        new["id"] for new, old in zip(noisy["annotations"], clean, strict=True) if new != old
    ]
    assert changed == [1, 2]
    assert told["counts"]["objects"] == 2


DAMAGED = {
    "odd": ([[1, 2, 3, 4, 5, 6, 7]], "no list of pairs"),
    "words": ([["a", 2, 3, 4, 5, 6]], "no list of pairs"),
    "far": ([[0, 0, 1e300, 5, 9, 9]], "far outside"),
    "nan": ([[0, 0, float("nan"), 5, 9, 9]], "far outside"),
    "short": ({"size": [HEIGHT, WIDTH], "counts": [5, 5]}, "do not make up"),
    "negative": ({"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH + 5, -5]}, "do not make up"),
    "huge": ({"size": [HEIGHT, WIDTH], "counts": [10**30]}, "damaged runs"),
    "nested": ({"size": [HEIGHT, WIDTH], "counts": [[5], [5]]}, "damaged runs"),
    "text": ({"size": [HEIGHT, WIDTH], "counts": "ooooooooooooooo"}, "damaged runs"),
    "other text": ({"size": [HEIGHT, WIDTH], "counts": "\u00e4\n"}, "damaged runs"),
    "other size": ({"size": [5, 5], "counts": [5, 20]}, "size of its image"),
    "no size": ({"counts": [5, 20]}, "size of its image"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_objects_are_told_and_stay(tmp_path, name):
    """The others are drawn."""
    segmentation, reason = DAMAGED[name]
    data = instances()
    data["annotations"][1]["segmentation"] = segmentation
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(data))
    told, noisy = perturbed(path, NATURAL)
    assert list(told["failed"]) == ["7/2"]
    assert reason in told["failed"]["7/2"]
    assert told["counts"]["changed"] == 4
    assert json.dumps(noisy["annotations"][1]) == json.dumps(data["annotations"][1])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"images": [], "annotations": [', "damaged JSON"),
        (b'{"images": [], "annotations": [{"id": 1},]}', "annotation without"),
        (b'{"images": [], "annotations": []} {}', "damaged JSON"),
        (b'{"images": [' + b"[" * 200_000, "damaged JSON"),
        (b"\xff\xfe{", "damaged JSON"),
        (b"", "no COCO file"),
        (b"[]", "no COCO file"),
        (b'{"annotations": []}', "no COCO file"),
        (b'{"images": [{}], "annotations": []}', "image without an id"),
        (b'{"images": [], "annotations": [5]}', "annotation without"),
        (b'{"images": [], "annotations": []}', "no object can be perturbed"),
    ],
)
def test_damaged_files_get_a_sentence(tmp_path, content, reason):
    """And leave nothing behind."""
    path = tmp_path / "damaged.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=reason):
        perturbed(path, NATURAL)
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_are_there_are_kept(source):
    """Unless they are a copy of labelnoise, and that is wanted."""
    perturbed(source, NATURAL)
    with pytest.raises(UsageError, match="--overwrite"):
        perturbed(source, NATURAL)
    perturbed(source, NATURAL, overwrite=True)
    for overwrite in (False, True):
        with pytest.raises(UsageError, match=r"pass another name$"):
            perturbed(source, NATURAL, name="instances.json", overwrite=overwrite)


@pytest.mark.parametrize("error", ["invent", "ends"])
def test_errors_of_label_maps_are_refused(error):
    """Those that would need annotations of their own, or slices."""
    with pytest.raises(UsageError, match=f"--noise={error}"):
        Plan(labelnoise.Chain(NATURAL, labelnoise.Noise(error, 0.5)), 0)


@pytest.mark.parametrize("name", ["per_case", "volumes", "soft"])
def test_options_of_label_maps_are_refused(name):
    """In one sentence."""
    options = Namespace(plane="axial", spacing=None, **{name: True})
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')}: does not apply"):
        check_options(options)


def test_polygons_hold_any_mask():
    """Parts, holes, islands in them and pixels at the border: pycocotools finds the same mask."""
    random = np.random.default_rng(0)
    for size in [(1, 1), (1, 9), (7, 1), (12, 17), (30, 20)]:
        for share in (0.1, 0.5, 0.9):
            mask = random.random(size) < share
            mask[0, 0] = True
            cut = Cut(mask, 0, 0, size)
            polygons = to_polygons(cut)
            for form in (polygons, [joined(polygons)]):
                found = from_polygons([each.ravel().tolist() for each in form], size)
                assert found.same(cut), (size, share)


YOLO = """\
0 0.253917 0.333333 0.336458 0.404167 0.353125 0.570833 0.240625 0.520833
3 0.583333 0.333333 0.666667 0.333333 0.666667 0.500000 0.583333 0.500000

1 0.500000 0.500000 0.100000 0.200000
0 0.751234 0.555556 0.917890 0.555556 0.917890 0.888889 0.751234 0.888889
"""


@pytest.fixture
def folder(tmp_path):
    """Write a data set of YOLO's with images."""
    image = pytest.importorskip("PIL.Image")
    for part in ("images/train", "labels/train", "labels/val"):
        (tmp_path / "yolo" / part).mkdir(parents=True)
    top = tmp_path / "yolo"
    image.new("RGB", (WIDTH, HEIGHT)).save(top / "images/train/a.v2.PNG")
    turned = image.Exif()
    turned[274] = 6
    image.new("RGB", (HEIGHT, WIDTH)).save(top / "images/train/b.jpg", exif=turned)
    (top / "labels/train/a.v2.txt").write_bytes(YOLO.encode())
    (top / "labels/train/b.txt").write_bytes(YOLO.encode())
    (top / "labels/val/c.txt").write_text("")
    (top / "data.yaml").write_text("names: [a, b, c, d]\n")
    (top / "labels/train.cache").write_text("stale")
    return top


def yolo_masks(text):
    """Return class and mask of each line, None of a box."""
    found = []
    for line in text.split("\n"):
        name, *numbers = line.split() or [""]
        points = np.array(numbers, float).reshape(-1, 2) * (WIDTH, HEIGHT)
        if len(numbers) > 4:
            runs = masks.frPyObjects([points.ravel().tolist()], HEIGHT, WIDTH)[0]
            found.append((name, masks.decode(runs)))
        else:
            found.append((name, None))
    return found


def test_yolo_lines_keep_class_digits_and_boxes(folder, tmp_path):
    """Each object has the noise of its file and line; other lines and files stay."""
    target = tmp_path / "noisy"
    told = perturb_yolo(folder, target, Plan(NATURAL, 0))
    assert told["counts"] == {"objects": 6, "changed": 6, "removed": 0}
    assert (told["boxes"], told["failed"]) == (2, {})
    files = sorted(path.relative_to(target).as_posix() for path in target.rglob("*.*"))
    labels = ["labels/train/a.v2.txt", "labels/train/b.txt", "labels/val/c.txt"]
    assert files == ["data.yaml", *labels, "manifest.json"]
    lines = (target / labels[0]).read_text().split("\n")
    old = YOLO.split("\n")
    assert len(lines) == len(old)
    assert (lines[2], lines[3], lines[5]) == (old[2], old[3], old[5])
    for number in (0, 1, 4):
        assert {len(word) for word in lines[number].split()[1:]} == {8}
    for number, (clean, noisy) in enumerate(
        zip(yolo_masks(YOLO), yolo_masks("\n".join(lines)), strict=True)
    ):
        assert clean[0] == noisy[0]
        if clean[1] is not None:
            rng = labelnoise.sample_rng(0, f"labels/train/a.v2/{number + 1}")
            np.testing.assert_array_equal(noisy[1], NATURAL(clean[1], rng=rng))


def test_yolo_strength_zero_keeps_every_byte(folder, tmp_path):
    """Of all files; the size may be told instead of read."""
    odd = "2\t.25 3e-1\t0.5 0.3 5e-1 .7  \r\n"
    (folder / "labels/val/c.txt").write_bytes(odd.encode())
    target = tmp_path / "same"
    plan = Plan(labelnoise.Noise("natural", 0.0), 0)
    perturb_yolo(folder, target, plan, size=(WIDTH, HEIGHT))
    for path in folder.rglob("*.txt"):
        assert (target / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_yolo_objects_vanish_and_change_class(folder, tmp_path):
    """A line goes, and a class is another number."""
    told = perturb_yolo(folder, tmp_path / "few", Plan(labelnoise.Noise("omit", 0.6), 0))
    assert told["counts"]["removed"] == 4
    lines = (tmp_path / "few/labels/train/a.v2.txt").read_text().splitlines()
    assert len(lines) == 3
    assert set(lines) < set(YOLO.splitlines())
    plan = Plan(labelnoise.Noise("confuse", 1.0), 0)
    perturb_yolo(folder / "labels", tmp_path / "other", plan, size=(WIDTH, HEIGHT))
    lines = (tmp_path / "other/train/a.v2.txt").read_text().split("\n")
    old = YOLO.split("\n")
    assert [line[:1] for line in lines] == ["3", "0", "", "1", "3", ""]
    assert [line[1:] for line in lines] == [line[1:] for line in old]


def test_yolo_files_that_cannot_be_used_are_told(folder, tmp_path):
    """Each with its reason; without any other, nothing is written."""
    bad = {
        "no_image": ("0 0.1 0.1 0.2 0.2 0.3 0.1\n", "--size WIDTH HEIGHT"),
        "pixels": ("0 10 10 20 20 30 10\n", "divide them"),
        "odd": ("0 0.1 0.1 0.2 0.2 0.3\n", "in line 1"),
        "words": ("a person\n", "in line 1"),
        "nan": ("0 nan 0.1 0.2 0.2 0.3 0.1\n", "divide them"),
    }
    for name, (text, _) in bad.items():
        (folder / f"labels/val/{name}.txt").write_text(text)
    told = perturb_yolo(folder, tmp_path / "noisy", Plan(NATURAL, 0))
    assert {path.name for path in (tmp_path / "noisy/labels/val").iterdir()} == {"c.txt"}
    assert told["counts"]["objects"] == 6
    for name, (_, reason) in bad.items():
        assert reason in told["failed"][f"labels/val/{name}.txt"]
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.txt").write_text(bad["pixels"][0])
    with pytest.raises(UsageError, match=r"no label file that can be used\n .*divide them"):
        perturb_yolo(tmp_path / "bad", tmp_path / "none", Plan(NATURAL, 0))
    (tmp_path / "bad/a.txt").write_text("0 0.1 0.1 0.2 0.2\n")
    with pytest.raises(UsageError, match="no object can be perturbed"):
        perturb_yolo(tmp_path / "bad", tmp_path / "none", Plan(NATURAL, 0))
    assert not (tmp_path / "none").exists()
    assert not list(tmp_path.glob(".*"))
