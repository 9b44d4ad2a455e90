"""Only labels change in a file: what else is in it stays."""

import io

import numpy as np
import pytest

import labelnoise
from labelnoise.cli import main

nibabel = pytest.importorskip("nibabel")
Image = pytest.importorskip("PIL.Image")


def volume(dtype=np.uint8):
    """Draw two labels in three axial slices, (x, y, z)."""
    labels = np.zeros((40, 32, 3), dtype)
    labels[8:20, 8:24] = 1
    labels[20:32, 8:24] = 2
    return labels


def noisy_copy(tmp_path, *options):
    """Perturb what lies in a folder; return the folder of results."""
    arguments = ["--noise", "natural", "--strength", "2", *options]
    assert main(["perturb", str(tmp_path / "in"), str(tmp_path / "out"), *arguments]) == 0
    return tmp_path / "out"


def save(tmp_path, labels, name="case 1.nii.gz", affine=None, kind=None):
    """Write a NIfTI file with all that a header can hold."""
    affine = np.diag([-0.7, -0.8, 5.0, 1.0]) if affine is None else affine
    image = (kind or nibabel.Nifti1Image)(labels, affine)
    image.header.set_qform(affine, 2)
    image.header.set_sform(affine, 4)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = b"drawn by hand"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"a comment"))
    (tmp_path / "in").mkdir(exist_ok=True)
    nibabel.save(image, tmp_path / "in" / name)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("name", ["case 1.nii.gz", "case 1.nii"])
@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", "f4", "f8"])
def test_nifti_keeps_its_header(tmp_path, dtype, name, kind):
    """Byte for byte; the noise is that of the library for the case's name."""
    save(tmp_path, volume(dtype), name, kind=kind)
    before = nibabel.load(tmp_path / "in" / name)
    after = nibabel.load(noisy_copy(tmp_path) / name)
    assert after.header == before.header
    assert after.header.extensions == before.header.extensions
    assert after.get_data_dtype() == before.get_data_dtype()
    rng = labelnoise.sample_rng(0, "case 1")
    expected = labelnoise.natural(volume(), 2.0, axes=(1, 0), rng=rng)
    assert (expected != volume()).any()
    np.testing.assert_array_equal(np.asarray(after.dataobj), expected)


def test_scaled_labels_keep_their_scale(tmp_path):
    """Stored 0, 2, 4 with slope 1/2 are the labels 0, 1, 2."""
    save(tmp_path, volume() * 2)
    image = nibabel.Nifti1Image.from_filename(tmp_path / "in" / "case 1.nii.gz")
    raw = bytearray(image.to_bytes())
    raw[112:120] = np.array([0.5, 0], "<f4").tobytes()
    (tmp_path / "in" / "case 1.nii.gz").unlink()
    (tmp_path / "in" / "case 1.nii").write_bytes(raw)
    content = (noisy_copy(tmp_path) / "case 1.nii").read_bytes()
    assert content[: image.dataobj.offset] == bytes(raw[: image.dataobj.offset])
    after = nibabel.Nifti1Image.from_bytes(content)
    rng = labelnoise.sample_rng(0, "case 1")
    expected = labelnoise.natural(volume(), 2.0, axes=(1, 0), rng=rng)
    np.testing.assert_array_equal(np.asarray(after.dataobj), expected)


@pytest.mark.parametrize(
    ("name", "axes"), [("axial", (0, 2)), ("sagittal", (1, 0)), ("coronal", (1, 2))]
)
def test_planes_and_millimetres_follow_the_affine(tmp_path, name, axes):
    """An array whose axes run along front to back, feet to head, left to right."""
    affine = np.array([[0, 0, 3, 0], [1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1.0]])
    labels = np.zeros((30, 31, 32), np.uint8)
    labels[8:22, 8:22, 8:22] = 1
    save(tmp_path, labels, affine=affine)
    folder = noisy_copy(tmp_path, "--plane", name, "--spacing", "mm")
    zooms = (1.0, 2.0, 3.0)
    expected = labelnoise.natural(
        labels,
        2.0,
        axes=axes,
        spacing=(zooms[axes[0]], zooms[axes[1]]),
        rng=labelnoise.sample_rng(0, "case 1"),
    )
    result = np.asarray(nibabel.load(folder / "case 1.nii.gz").dataobj)
    np.testing.assert_array_equal(result, expected)


def picture(mode, values):
    """Draw a picture; return it with the labels that it holds."""
    labels = np.choose(volume()[:, :, 0], values)
    if mode == "1":
        return Image.fromarray(labels.astype(bool)), labels
    image = Image.fromarray(labels.astype(np.uint16 if mode == "I;16" else np.uint8))
    if mode == "P":
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    assert image.mode == mode
    return image, labels


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize(
    ("mode", "values"),
    [("1", (0, 1, 1)), ("L", (0, 1, 255)), ("P", (0, 1, 2)), ("I;16", (0, 1, 1000))],
)
def test_pictures_keep_mode_palette_and_depth(tmp_path, mode, values, ending):
    """Of PNG and TIFF."""
    image, labels = picture(mode, values)
    (tmp_path / "in").mkdir()
    more = {"bits": 4} if (mode, ending) == ("P", "png") else {}
    more |= {"compression": "tiff_lzw"} if ending == "tif" else {}
    image.save(tmp_path / "in" / f"a.{ending}", dpi=(72, 72), **more)
    before = (tmp_path / "in" / f"a.{ending}").read_bytes()
    with Image.open(io.BytesIO(before)) as stored:
        palette = stored.getpalette()
    path = noisy_copy(tmp_path) / f"a.{ending}"
    with Image.open(path) as after:
        assert after.mode == mode
        assert after.getpalette() == palette
        assert after.info["dpi"] == pytest.approx((72, 72), abs=0.1)
        assert after.info.get("compression") == more.get("compression")
        result = np.asarray(after)
    if ending == "png":
        assert path.read_bytes()[24:26] == before[24:26]  # bit depth and colour type
    rng = labelnoise.sample_rng(0, "a")
    np.testing.assert_array_equal(result, labelnoise.natural(labels, 2.0, rng=rng))


def test_pages_are_planes(tmp_path):
    """A TIFF of three pages is a stack."""
    stack = volume().transpose(2, 1, 0)
    (tmp_path / "in").mkdir()
    pages = [Image.fromarray(plane) for plane in stack]
    pages[0].save(tmp_path / "in" / "a.tiff", save_all=True, append_images=pages[1:])
    with Image.open(noisy_copy(tmp_path) / "a.tiff") as after:
        result = []
        for page in range(after.n_frames):
            after.seek(page)
            result.append(np.asarray(after))
    rng = labelnoise.sample_rng(0, "a")
    np.testing.assert_array_equal(result, labelnoise.natural(stack, 2.0, rng=rng))


@pytest.mark.parametrize(
    ("place", "bytes_", "message"),
    [
        (123, b"\x07", "no valid spacing or unit"),
        (280, bytes(48), "an affine that does not tell its axes"),
    ],
)
def test_broken_headers_are_named(tmp_path, capsys, place, bytes_, message):
    """One sentence for the case, where millimetres are asked for."""
    content = bytearray(nibabel.Nifti1Image(np.ones((4, 4, 2), np.uint8), np.eye(4)).to_bytes())
    content[place : place + len(bytes_)] = bytes_
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.nii").write_bytes(content)
    options = ["--noise", "natural", "--strength", "1", "--spacing", "mm"]
    assert main(["perturb", str(tmp_path / "in"), str(tmp_path / "out"), *options]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
