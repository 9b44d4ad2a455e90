"""Reading folders, keeping slices, folds, and one sentence for bad files."""

import gzip
import itertools
import os
import struct
from dataclasses import replace
from functools import partial

import nibabel
import numpy as np
import pytest
from helpers import SHARED
from hypothesis import given
from hypothesis import strategies as st
from liver import data
from made import slices_of

REAL = SHARED / "lits13"
LPS = np.diag([-0.8, -0.8, 5, 1])  # voxel axes: left, back (posterior), up (superior)


def case(rng, slices=5, side=64):
    """Make a volume in (left, posterior, superior) order with an off-centre liver."""
    image = rng.integers(-1000, 1000, (side, side, slices)).astype(np.int16)
    label = np.zeros(image.shape, np.uint8)
    label[8:30, 20:50, 1:] = 1
    label[10:14, 24:30, 2:] = 2
    return image, label


def load(folder, size, same=None, window=data.WINDOW):
    """Read all slices of a folder, and keep them in it."""
    return data.load(data.volumes(folder, same), size, window, folder / "kept")


def store(folder, number, image, label, affine=LPS):
    """Write one pair as the challenge ships it."""
    for name, array in (("volume", image), ("segmentation", label)):
        nibabel.save(nibabel.Nifti1Image(array, affine), folder / f"{name}-{number}.nii.gz")


def stored(affine, image, label, codes):
    """Store the same volume in another order and direction of its voxel axes."""
    turn = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(affine), nibabel.orientations.axcodes2ornt(codes)
    )
    moved = [nibabel.Nifti1Image(a, affine).as_reoriented(turn) for a in (image, label)]
    return (*(np.asanyarray(m.dataobj) for m in moved), moved[0].affine)


def test_slices_are_clipped_labelled_and_seen_as_a_radiologist_sees_them(tmp_path):
    """Front on top, the patient's right on the left; liver and lesions are one; -128..128 HU."""
    image, label = case(np.random.default_rng(1))
    store(tmp_path, 4, image, label)
    slices = load(tmp_path, 64)
    np.testing.assert_array_equal(slices.labels[0], label[:, :, 1].T > 0)
    np.testing.assert_array_equal(slices.images[2] * 128, np.clip(image[:, :, 3].T, -128, 128))
    assert slices.names == tuple(f"volume-4/{index}" for index in range(1, 5))
    assert slices.images.dtype == np.float16
    assert slices.labels.dtype == np.uint8
    assert set(slices.patients) == {"volume-4"}


@pytest.mark.parametrize("codes", ["RAS", "SLP", "PIR", "ILA"])
def test_axis_order_and_direction_change_nothing(tmp_path, codes):
    """The header's affine decides what a slice is, not the order of the array."""
    image, label = case(np.random.default_rng(2))
    for folder, name in ((tmp_path / "a", "LPS"), (tmp_path / "b", codes)):
        folder.mkdir()
        moved_image, moved_label, affine = stored(LPS, image, label, name)
        store(folder, 0, moved_image, moved_label, affine)
    one, other = load(tmp_path / "a", 32), load(tmp_path / "b", 32)
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.labels, other.labels)


def test_header_scaling_gives_hounsfield_units(tmp_path):
    """Bytes with slope and intercept read as the values meant."""
    image, label = case(np.random.default_rng(3), side=32)
    store(tmp_path, 0, image, label)
    nifti = nibabel.Nifti1Image(image.astype(np.float32), LPS)
    nifti.set_data_dtype(np.uint8)  # makes nibabel scale
    nibabel.save(nifti, tmp_path / "volume-0.nii.gz")
    step = nibabel.load(tmp_path / "volume-0.nii.gz").dataobj.slope
    wanted = np.clip(image[:, :, 1:].T, -128, 128)
    assert abs(step) > 1
    images = load(tmp_path, 32).images.astype(float) * 128
    np.testing.assert_allclose(images, wanted, atol=abs(step) / 2 + 0.1)


def test_shrinking_averages_areas(tmp_path):
    """A pixel is liver where at least half of its area is."""
    label = np.zeros((64, 64, 2), np.uint8)
    label[16:33, 16:48] = 1
    image = np.where(label, 100, 0).astype(np.int16)
    store(tmp_path, 0, image, label)
    slices = load(tmp_path, 32)
    wanted = label[:, :, 0].T.reshape(32, 2, 32, 2).mean((1, 3))
    np.testing.assert_array_equal(slices.labels[0], wanted >= 0.5)
    np.testing.assert_allclose(slices.images[0] * 128.0, 100 * wanted, atol=0.1)


def test_numbers_sort_as_numbers(tmp_path):
    """Patient 10 comes after patient 9."""
    for number in (10, 9, 2):
        store(tmp_path, number, *case(np.random.default_rng(number)))
    assert list(data.find(tmp_path)) == ["volume-2", "volume-9", "volume-10"]
    assert load(tmp_path, 32).names[-1] == "volume-10/4"
    assert sorted(["²", "10", "9"], key=data.by_number) == ["9", "10", "²"]


@given(st.lists(st.integers(1, 300), min_size=2, max_size=40), st.integers(2, 6), st.integers(0, 9))
def test_folds_test_every_patient_once(counts, count, seed):
    """No fold is empty or much larger than another; a run's parts share no patient."""
    slices = slices_of(counts)
    if len(counts) < count:
        with pytest.raises(ValueError, match=f"--folds {count} needs as many patients"):
            data.folds(slices, count, seed)
        return
    folds = data.folds(slices, count, seed)
    assert folds == data.folds(slices, count, seed)
    assert sorted(itertools.chain(*folds)) == sorted(slices.counts())
    sizes = [len(slices.of(fold)) for fold in folds]
    assert 0 < max(sizes) <= min(sizes) + max(counts)
    for share in (0.0, 0.3):
        try:
            parts = data.divide(slices, folds[0], share, 1.0, seed)
        except ValueError:
            assert (bool(share), len(counts) - len(folds[0])) == (True, 1)
            continue
        patients = [set(part.patients) for part in parts.values()]
        assert sum(map(len, patients)) == len(set.union(*patients)) == len(counts)
        assert patients[2] == set(folds[0])
        assert bool(patients[1]) == bool(share)


def test_fractions_are_of_patients_and_nested():
    """A smaller share of the patients lies within a larger one, and none is empty."""
    slices = slices_of([3, 1, 4, 1, 5, 9])
    parts = [data.divide(slices, ["p5"], 0.0, share, 1)["train"] for share in (0.01, 0.4, 1.0)]
    kept = [set(part.patients) for part in parts]
    assert [len(patients) for patients in kept] == [1, 2, 5]
    assert kept[0] < kept[1] < kept[2]


def test_scans_of_one_person_count_as_one_patient(tmp_path):
    """Volumes named in `same` never part; by default 0 and 1, and 6 to 10."""
    for number in (0, 1, 3, 4, 6, 10):
        store(tmp_path, number, *case(np.random.default_rng(number)))
    assert set(load(tmp_path, 32).patients) == {f"volume-{n}" for n in (0, 3, 4, 6)}
    slices = load(tmp_path, 32, same=(range(3, 5),))
    assert set(slices.patients) == {f"volume-{n}" for n in (0, 1, 3, 6, 10)}
    assert "volume-4/1" in slices.names


def truncate(folder):
    """Lose the end of the volume's file."""
    path = folder / "volume-0.nii.gz"
    path.write_bytes(path.read_bytes()[:2000])


def reshape(folder):
    """Lose the volume's last slice."""
    image, label = case(np.random.default_rng(0))
    store(folder, 0, image[:, :, :4], label)


def soften(folder):
    """Give the labels fractions."""
    image, label = case(np.random.default_rng(0))
    store(folder, 0, image, label.astype(np.float32) * 0.75)


def hollow(folder):
    """Put NaN where the liver was."""
    image, label = case(np.random.default_rng(0))
    store(folder, 0, np.where(label, np.nan, image).astype(np.float32), label)


def turn(folder):
    """Turn the segmentation's header only."""
    image, label = case(np.random.default_rng(0), side=8, slices=8)
    store(folder, 0, image, label)
    nibabel.save(nibabel.Nifti1Image(label, np.eye(4)), folder / "segmentation-0.nii.gz")


def swell(folder, *dimensions):
    """Claim other numbers of voxels."""
    image, label = case(np.random.default_rng(0))
    store(folder, 0, image, label)
    for path in folder.iterdir():
        content = bytearray(gzip.decompress(path.read_bytes()))
        content[40:48] = struct.pack("<4h", *dimensions)
        path.write_bytes(gzip.compress(bytes(content)))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: swell(f, 3, *[32767] * 3), r"volume-0.*cannot be read \(.+\): copy or"),
        (lambda f: swell(f, 3, -4, 40, 4), r"volume-0.*cannot be read \(.+\): copy or"),
        (truncate, r"volume-0.nii.gz' cannot be read \(.+\): copy or download it again\."),
        (reshape, r"volume-0.*\(64, 64, 4\).*segmentation-0.*\(64, 64, 5\).*resample"),
        (soften, r"segmentation-0.*label 0\.75.*nearest neighbour"),
        (hollow, r"volume-0.*NaN.*slice 1.*-1024"),
        (turn, r"volume-0.*axes LPS.*segmentation-0.*RAS: resample"),
        (lambda f: (f / "volume-0.nii.gz").unlink(), r"segmentation-0.*no volume-0\.nii"),
        (lambda f: (f / "segmentation-0.nii.gz").unlink(), r"volume-0.*no segmentation-0\.nii"),
        (lambda f: [p.unlink() for p in f.iterdir()], r"--data .* is no folder that holds.*rename"),
    ],
)
def test_bad_data_is_named_in_one_sentence(tmp_path, spoil, message):
    """The file, its value and the remedy, on one line."""
    folder = tmp_path / "lits"
    folder.mkdir()
    store(folder, 0, *case(np.random.default_rng(0)))
    spoil(folder)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        load(folder, 32)
    assert "\n" not in str(caught.value)


def nest(folder, names):
    """Write three cases as the Decathlon or nnU-Net lays them out."""
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir()
        (folder / name / "._liver_1.nii.gz").write_bytes(b"left by macOS")
    for number in (10, 9, 2):
        image, label = case(np.random.default_rng(number))
        for (where, name), array in zip(names.items(), (image, label), strict=True):
            path = folder / where / name.format(number)
            nibabel.save(nibabel.Nifti1Image(array, LPS), path)


@pytest.mark.parametrize(
    ("names", "patients"),
    [
        (
            {"imagesTr": "liver_{}.nii.gz", "labelsTr": "liver_{}.nii.gz"},
            ["liver_2", "liver_9"],  # 10 and 9 are one person in LiTS
        ),
        (
            {"imagesTr": "case_{}_0000.nii.gz", "labelsTr": "case_{}.nii.gz"},
            ["case_2", "case_9", "case_10"],
        ),
    ],
)
def test_other_layouts(tmp_path, names, patients):
    """The Decathlon's and nnU-Net's folders give what LiTS' give."""
    nest(tmp_path, names)
    slices = load(tmp_path, 32)
    assert list(dict.fromkeys(slices.patients.tolist())) == patients
    assert len(slices) == 12
    (tmp_path / names["labelsTr"].join(["labelsTr/", ""]).format(9)).unlink()
    with pytest.raises(FileNotFoundError, match=r"imagesTr/\w+_9 but no labelsTr/\w+_9"):
        load(tmp_path, 32)


def test_window_is_scaled_to_one(tmp_path):
    """A window's ends become -1 and 1."""
    image, label = case(np.random.default_rng(1), side=32)
    store(tmp_path, 0, image, label)
    part = load(tmp_path, 32, window=(0, 200))
    wanted = np.clip(image[:, :, 1:].T, 0, 200) / 100.0 - 1
    np.testing.assert_allclose(part.images, wanted, atol=1e-3)


class Counted(list):
    """Phantoms that tell how often they are drawn."""

    def __init__(self, *phantom):
        cases = data.phantoms(*phantom)
        super().__init__(replace(case, draw=partial(self.count, case.draw)) for case in cases)
        self.drawn = 0

    def count(self, draw, *how):
        """Count, and draw."""
        self.drawn += 1
        return draw(*how)


def test_what_is_kept_is_read_once(tmp_path):
    """Another size, window or stamp is other slices; a damaged file is made anew, as it was."""
    cases = Counted(3, 2, 0)
    one = data.load(cases, 32, data.WINDOW, tmp_path)
    assert cases.drawn == 3
    same = data.load(cases, 32, data.WINDOW, tmp_path)
    assert cases.drawn == 3
    assert one.origin == same.origin
    kept = next(tmp_path.rglob("phantom-1.npz"))
    whole = bytearray(kept.read_bytes())
    for damaged in (whole[:-9], b"", whole[:999] + b"?" + whole[1000:]):
        kept.write_bytes(damaged)
        again = data.load(cases, 32, data.WINDOW, tmp_path)
        np.testing.assert_array_equal(one.images, again.images)
        assert again.origin == one.origin
    assert cases.drawn == 6
    origins = {
        data.load(each, size, window, tmp_path).origin
        for each in (cases, Counted(3, 2, 1))
        for size in (32, 64)
        for window in (data.WINDOW, (0, 100))
    }
    assert len(origins) == 8


def test_changed_files_are_read_again(tmp_path):
    """A file of another date is read again, and only it."""
    pairs = [case(np.random.default_rng(number)) for number in (0, 1)]
    for number, pair in enumerate(pairs):
        store(tmp_path, number, *pair)
    before = load(tmp_path, 32, ())
    store(tmp_path, 1, pairs[1][0] + 50, pairs[1][1])
    os.utime(tmp_path / "volume-1.nii.gz", ns=(1, 1))
    after = load(tmp_path, 32, ())
    assert before.origin != after.origin
    np.testing.assert_array_equal(before.images[:4], after.images[:4])
    assert (before.images[4:] != after.images[4:]).any()


@pytest.mark.skipif(not REAL.is_dir(), reason="the LiTS volumes are not here")
def test_real_volumes(tmp_path):
    """Every slice has liver, the liver on the left of the picture, 7 % of the pixels."""
    (first, *_), (files, *_) = data.volumes(REAL), data.find(REAL).values()
    slices = data.load([first], 64, data.WINDOW, tmp_path)
    assert len(slices) == nibabel.load(files[1]).shape[2]
    assert 0.03 < slices.labels.mean() < 0.12
    assert np.nonzero(slices.labels)[2].mean() < 32
    assert 80 < 128 * np.median(slices.images[slices.labels > 0]) <= 128
