"""NRRD and MetaImage files: only pixels change, and they lie where their NIfTI twins lie."""

import gzip
import re
import tracemalloc
import zlib

import numpy as np
import pytest

import labelnoise
from labelnoise.files import LabelError, encoded, read
from labelnoise.files._geometry import Grid, Volume
from labelnoise.files.metaimage import MetaImage
from labelnoise.files.nrrd import Nrrd

nibabel = pytest.importorskip("nibabel")

KINDS = {".nrrd": Nrrd, ".mha": MetaImage}
STEPS = (0.75, 0.5, 2.5)
SLICER = """NRRD0004
# Complete NRRD file format specification at:
# http://teem.sourceforge.net/nrrd/format.html
type: unsigned char
dimension: 3
space: left-posterior-superior
sizes: 14 12 5
space directions: (0.5,0,0) (0,0.5,0) (0,0,2)
kinds: domain domain domain
encoding: gzip
space origin: (-10,20,30)
Segment0_Color:=0.5 0.68 0.5
Segment0_Extent:=2 9 2 8 1 3
Segment0_ID:=Segment_1
Segment0_LabelValue:=1
Segment0_Layer:=0
Segment0_Name:=Leber, groß: "a:=b"
Segment1_Extent:=2 9 2 8 1 3
Segment1_ID:=Segment_2
Segment1_LabelValue:=7
Segment1_Layer:=0
Segment1_Name:=not drawn yet
Segmentation_ContainedRepresentationNames:=Binary labelmap|Closed surface|
Segmentation_MasterRepresentation:=Binary labelmap
Segmentation_ReferenceImageExtentOffset:=3 0 0

""".encode()
PLAIN = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 3 2\nencoding: raw\n"
META = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = 4 3 2\n"
    "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
)


def body(dtype=np.uint8):
    """Draw two labels in (x, y, z)."""
    labels = np.zeros((14, 12, 5), dtype, order="F")
    labels[2:10, 2:9, 1:4] = 1
    labels[5:8, 4:7, 2:4] = 2
    return labels


def image_of(labels):
    """Return the same for SimpleITK, with all that it stores."""
    itk = pytest.importorskip("SimpleITK")
    image = itk.GetImageFromArray(np.ascontiguousarray(labels.T))
    image.SetSpacing(STEPS[: labels.ndim])
    image.SetOrigin((-10.5, 20, 30)[: labels.ndim])
    if labels.ndim == 3:
        image.SetDirection((0, 1, 0, 0, 0, -1, -1, 0, 0))
    image.SetMetaData("Observer", "the second: of three")
    return itk, image


def looked_at(itk, path):
    """Return what SimpleITK finds in a file."""
    image = itk.ReadImage(path)
    keys = set(image.GetMetaDataKeys())
    geometry = image.GetSpacing(), image.GetOrigin(), image.GetDirection(), image.GetPixelID()
    return itk.GetArrayFromImage(image).T, (geometry, {k: image.GetMetaData(k) for k in keys})


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("ending", KINDS)
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
def test_only_labels_change(tmp_path, dtype, ending, compressed):
    """As SimpleITK sees it; the same labels in a raw file are the same bytes."""
    itk, image = image_of(body(dtype))
    path = tmp_path / f"a{ending}"
    itk.WriteImage(image, path, compressed)
    source = read(path)
    assert type(source) is KINDS[ending]
    np.testing.assert_array_equal(source.labels, body())
    assert source.labels.dtype == (dtype if dtype[0] != "f" else "i4")
    assert compressed or source.encode(source.labels) == path.read_bytes()
    noisy = labelnoise.shift(source.labels, 2.0, rng=1, axes=(1, 0))
    assert (noisy != source.labels).any()
    _, told = looked_at(itk, path)
    path.write_bytes(encoded(source, path.name, noisy))
    values, told_after = looked_at(itk, path)
    np.testing.assert_array_equal(values, noisy)
    told[1].pop("CompressedDataSize", None), told_after[1].pop("CompressedDataSize", None)
    assert told_after == told
    assert told[1]["Observer"] == "the second: of three"


@pytest.mark.parametrize("way", ["LPS", "RAS", "RPI", "PIR", "SAL", "AIL"])
def test_lies_where_nifti_lies(tmp_path, way):
    """Axes, spacing and upright pixels are those of the same image in NIfTI."""
    itk, image = image_of(body())
    image = itk.DICOMOrient(image, way)
    for ending in "nrrd", "mha", "nii":
        itk.WriteImage(image, tmp_path / f"a.{ending}")
    nifti = nibabel.load(tmp_path / "a.nii")
    labels = np.asarray(nifti.dataobj)
    grid = Grid(nifti.affine, tuple(map(float, nifti.header.get_zooms())), labels.shape)
    for ending in "nrrd", "mha":
        file = read(tmp_path / f"a.{ending}")
        assert isinstance(file, Volume)
        for plane in "axial", "sagittal", "coronal":
            for volumes in False, True:
                axes = grid.axes(plane, volumes)
                assert file.axes(plane, volumes) == axes
                assert file.spacing(axes) == grid.spacing(axes)
                np.testing.assert_array_equal(file.upright(axes), grid.upright(labels, axes))
        np.testing.assert_allclose(file.grid.affine, grid.affine, atol=1e-5)
        assert file.grid.lies_as(grid)
    expected = np.moveaxis(np.asarray(nibabel.as_closest_canonical(nifti).dataobj), 2, 0)
    axes = file.axes("axial", True)
    np.testing.assert_array_equal(file.upright(axes), expected.swapaxes(1, 2))


def test_lies_elsewhere(tmp_path):
    """Files of different kinds compare by their place."""
    itk, image = image_of(body())
    itk.WriteImage(image, tmp_path / "a.nrrd")
    image.SetOrigin((-10.5, 22, 30))
    itk.WriteImage(image, tmp_path / "b.mha")
    itk.WriteImage(itk.DICOMOrient(image, "RAI"), tmp_path / "c.nrrd")
    first, second, third = (read(tmp_path / name) for name in ("a.nrrd", "b.mha", "c.nrrd"))
    assert second.lies_as(third)
    assert not first.lies_as(second)
    for steps, same in ((0.75, 0.5, 2.7), True), ((0.8, 0.5, 2.5), False):
        image.SetSpacing(steps)  # 5 slices are 0.4 slices more, 14 columns 0.9 columns
        itk.WriteImage(image, tmp_path / "b.mha")
        assert read(tmp_path / "b.mha").lies_as(second) is same


@pytest.mark.parametrize("ending", KINDS)
def test_planes(tmp_path, ending):
    """A plane has axial axes and no volume."""
    itk, image = image_of(body()[:, :, 2])
    itk.WriteImage(image, tmp_path / f"a{ending}")
    file = read(tmp_path / f"a{ending}")
    assert file.axes("axial", False) == (1, 0)
    assert file.spacing((1, 0)) == (0.5, 0.75)
    np.testing.assert_array_equal(file.upright((1, 0)), body()[::-1, ::-1, 2].T)
    with pytest.raises(ValueError, match="has no volume; pass --no-volumes"):
        file.axes("axial", True)
    with pytest.raises(ValueError, match="no coronal planes wider than one pixel; pass --plane=ax"):
        file.axes("coronal", False)


@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_header_of_any_tool(line):
    """Order, case, comments, and bytes after the pixels stay; sizes and units are understood."""
    text = (
        "NRRD0005\nTYPE: unsigned short int\n# by hand: a\ndimension: 3\nKinds: space space space\n"
        'sizes: 14 12 5\nEndian: big\nspace: RAS\nSpace Units: "cm" "cm" "cm"\n'
        "encoding: RAW\nspace directions: (0.1, 0, 0) (0,-.2,0) ( 0,0,1e-1)\ncontent: a\x0bb\n"
        "key:=value:=1\\n2\nkey:=again\n\n"
    )
    header = text.replace("\n", line).encode()
    pixels = body(">u2").tobytes(order="F")
    file = Nrrd("a.nrrd", header + pixels + b"behind")
    np.testing.assert_array_equal(file.labels, body())
    assert file.spacing((0, 1, 2)) == (1.0, 2.0, 1.0)
    np.testing.assert_array_equal(file.upright(file.axes("axial", True)), body()[:, ::-1].T)
    noisy = np.roll(file.labels, 1, 0)
    result = encoded(file, "a.nrrd", noisy)
    assert result == header + noisy.astype(">u2").tobytes(order="F") + b"behind"


def test_metaimage_of_any_tool():
    """Other names of the same fields are understood; a row of the matrix is an axis."""
    header = (
        b"ObjectType: Image\r\nNDims=3\r\nDimSize = 14 12 5\r\nElementSize = .075 .05 .25\r\n"
        b"Orientation = 0 0 -1 1 0 0 0 -1 0\r\nPosition = 1 2 3\r\nDistanceUnits = cm\r\n"
        b"ElementByteOrderMSB = True\r\nComment = a = b\r\nElementType = MET_LONG\r\n"
        b"ElementDataFile = LOCAL\r\n"
    )
    file = MetaImage("a.mha", header + body(">i4").tobytes(order="F"))
    assert file.spacing((0, 1, 2)) == pytest.approx(STEPS)
    assert file.axes("axial", True) == (0, 2, 1)
    expected = body()[::-1, ::-1].transpose(0, 2, 1)
    np.testing.assert_array_equal(file.upright((0, 2, 1)), expected)
    assert file.encode(file.labels) == header + body(">i4").tobytes(order="F")


@pytest.mark.parametrize("kind", KINDS.values())
def test_stored_values(kind):
    """Floats that nearly are labels, and NaN, keep what they are; others are values of the file."""
    stored = body("f4")
    stored[stored == 1] = 0.99998
    stored[stored == 0] = np.nan
    stored[5, 4, 2], stored[2, 2, 1] = 2.0001, 0.9995
    header = META.replace("4 3 2", "14 12 5").replace("UCHAR", "FLOAT")
    if kind is Nrrd:
        header = PLAIN.replace("4 3 2", "14 12 5").replace("uint8", "float") + "endian: little\n\n"
    file = kind("a", header.encode() + stored.tobytes(order="F"))
    np.testing.assert_array_equal(file.labels, body())
    noisy = np.roll(file.labels, 1, 1)
    content = file.encode(noisy)
    after = kind("a", content)
    np.testing.assert_array_equal(after.labels, noisy)
    values = np.frombuffer(content[len(header) :], "f4").reshape(stored.shape, order="F")
    same = noisy == file.labels
    np.testing.assert_array_equal(values[same], stored[same])
    assert set(values[~same & (noisy > 0)].tolist()) == {np.float32(0.99998), 2.0}
    assert np.isnan(values[noisy == 0]).all()
    stored[0, 0, 0] = 0.4
    with pytest.raises(LabelError, match=r"holds the label 0\.4, but labels are integers"):
        kind("a", header.encode() + stored.tobytes(order="F"))


def test_segments_of_slicer():
    """All is kept but extents that would cut labels off when 3D Slicer reads them."""
    packed = gzip.compress((body() > 0).tobytes(order="F"))
    file = Nrrd("a.seg.nrrd", SLICER + packed)
    assert file.encode(file.labels).startswith(SLICER)
    grown = file.labels.copy()
    grown[1, 2, 1] = grown[9, 10, 2] = 1
    grown[2:10, 2, 1:4] = 0
    content = encoded(file, "a.seg.nrrd", grown)
    assert content.startswith(SLICER.replace(b"Extent:=2 9 2 8 1 3", b"Extent:=1 9 2 10 1 3"))
    smaller = np.where(file.labels[::-1] > 5, file.labels, 0)
    assert file.encode(smaller).startswith(SLICER)
    with pytest.raises(LabelError, match="holds fractions of segments; export it as a binary"):
        Nrrd("a", SLICER.replace(b"Representation:=Binary", b"Representation:=Fractional") + packed)


def test_layers_of_slicer():
    """Segments that overlap lie in layers: the first axis, each layer a volume of its own."""
    header = SLICER.replace(b"dimension: 3", b"dimension: 4")
    header = header.replace(b"sizes: 14", b"sizes: 2 14").replace(b"kinds:", b"kinds: list")
    header = header.replace(b"directions:", b"directions: none")
    header = header.replace(b"Segment1_Layer:=0", b"Segment1_Layer:=1")
    layers = np.stack([body() > 0, np.roll(body() == 2, 3, 0)]).astype(np.uint8)
    file = Nrrd("a.seg.nrrd", header + gzip.compress(layers.tobytes(order="F")))
    np.testing.assert_array_equal(file.labels, layers)
    axes = file.axes("axial", True)
    assert axes == (3, 2, 1)
    assert file.spacing(axes) == (2.0, 0.5, 0.5)
    np.testing.assert_array_equal(file.upright(axes), layers[:, ::-1, ::-1].transpose(0, 3, 2, 1))
    noisy = labelnoise.bias(file.labels, 0.5, axes=axes, spacing=file.spacing(axes), rng=0)
    alone = labelnoise.bias(layers[0], 0.5, axes=(2, 1, 0), spacing=(2.0, 0.5, 0.5), rng=0)
    np.testing.assert_array_equal(noisy[0], alone)
    content = encoded(file, "a.seg.nrrd", noisy)
    again = Nrrd("a.seg.nrrd", content)
    np.testing.assert_array_equal(again.labels, noisy)
    for number, layer in enumerate(noisy):
        extent = re.search(rf"Segment{number}_Extent:=(.*)\n", content.decode("latin-1"))[1]
        low_x, high_x, low_y, high_y, low_z, high_z = map(int, extent.split())
        assert (
            layer[low_x : high_x + 1, low_y : high_y + 1, low_z : high_z + 1].sum() == layer.sum()
        )
        assert extent != "2 9 2 8 1 3"
    vector = header.replace(b"kinds: list", b"kinds: vector")
    with pytest.raises(LabelError, match=r"has pixels of 2 numbers \(vector\); convert it to a"):
        Nrrd("a.nrrd", vector + gzip.compress(layers.tobytes(order="F")))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("ending", KINDS)
def test_shares(tmp_path, ending, compressed):
    """A number for each pixel lies where the labels lie."""
    itk, image = image_of(body("i2"))
    path = tmp_path / f"a{ending}"
    image.SetMetaData("Segment0_ID", "a")
    itk.WriteImage(image, path, compressed)
    _, (before, _) = looked_at(itk, path)
    shares = np.linspace(0, 1, body().size, dtype=np.float32).reshape(body().shape)
    path.write_bytes(read(path).encode_shares(shares))
    values, (after, pairs) = looked_at(itk, path)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, shares)
    assert after[:3] == before[:3]
    assert ending == ".mha" or "Segment0_ID" not in pairs


@pytest.mark.parametrize("ending", KINDS)
def test_what_is_lost_is_told(tmp_path, ending):
    """What is kept tells files of other content apart."""
    itk, image = image_of(body())
    itk.WriteImage(image, tmp_path / "a.nrrd")
    itk.WriteImage(image, tmp_path / "a.mha")
    kind, content = KINDS[ending], (tmp_path / f"a{ending}").read_bytes()
    kept = kind("a", content).kept()
    assert kind("a", content).kept() == kept
    for old, new in (b"-10.5", b"-10.0"), (b"second", b"SECOND"), (b"14 12 5", b"12 14 5"):
        assert old in content
        assert kind("a", content.replace(old, new)).kept() != kept
    assert kind("a", content + b"more").kept() != kept


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PLAIN + "data file: a.raw\n", "keeps its pixels in another file; convert it to one file"),
        (PLAIN + "datafile: LIST\na\nb\n", "keeps its pixels in another file"),
        (PLAIN + "byte skip: -1\n\n", "skips bytes before its pixels"),
        (PLAIN.replace("raw", "ascii") + "\n", "has encoding 'ascii'; save it again with"),
        (PLAIN.replace("uint8", "block") + "\n", "has values of type 'block'; store labels as"),
        (PLAIN.replace("4 3 2", "24").replace(": 3", ": 1") + "\n", "has no two spatial axes"),
        (PLAIN + "kinds: RGB-color domain domain\n\n", r"pixels of 4 numbers \(rgb-color\)"),
        (META.replace("LOCAL", "a.raw"), r"another file \('a.raw'\); convert it to .mha"),
        (META.replace("LOCAL", "LIST"), "another file"),
        (META.replace("Data = True", "Data = False"), "holds its pixels as text"),
        ("HeaderSize = 7\n" + META, "skips bytes before its pixels"),
        ("ElementNumberOfChannels = 3\n" + META, "has pixels of 3 numbers; convert it"),
        (META.replace("UCHAR", "UCHAR_ARRAY"), "values of type MET_UCHAR_ARRAY; store labels"),
    ],
)
def test_refused(tmp_path, text, message):
    """What cannot be rewritten without loss is told in a sentence with a remedy."""
    path = tmp_path / ("a.nrrd" if text.startswith("NRRD") else "a.mhd")
    path.write_bytes(text.encode() + bytes(24))
    with pytest.raises(LabelError, match=message):
        read(path)


@pytest.mark.parametrize("ending", KINDS)
def test_damaged(tmp_path, ending):
    """A part of a file, or a flipped bit, is a sentence, or a file that is whole in itself."""
    itk, image = image_of(body())
    path = tmp_path / f"a{ending}"
    itk.WriteImage(image, path, True)
    content = path.read_bytes()
    for end in range(0, len(content), 7):
        path.write_bytes(content[:end])
        with pytest.raises(ValueError, match="; "):
            read(path)
    for place in range(0, len(content), 5):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            file = read(path)
            file.encode(file.labels)
            file.spacing(file.axes("axial", True))
        except ValueError:
            pass


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("4 3 2", "40000 40000 40000") + "\n",
        PLAIN.replace("4 3 2", "40000 40000 40000").replace("raw", "gzip") + "\n",
        PLAIN.replace("4 3 2", "4 3 3").replace("raw", "gzip") + "\n",
        PLAIN.replace("4 3 2", "4 -3 -2") + "\n",
        PLAIN.replace("4 3 2", "9" * 5000) + "\n",
        META.replace("4 3 2", "40000 40000 40000"),
        "CompressedData = True\n" + META.replace("4 3 2", "40000 40000 40000"),
        "CompressedData = True\n" + META.replace("4 3 2", "4 3 1"),
    ],
)
def test_header_that_lies(tmp_path, text):
    """Nothing is allocated for pixels that are not there."""
    nrrd = text.startswith("NRRD")
    zeros = bytes(2**24 if "40000" in text else 24)
    packed = gzip.compress(zeros, 1) if nrrd else zlib.compress(zeros, 1)
    path = tmp_path / ("a.nrrd" if nrrd else "a.mha")
    path.write_bytes(text.encode() + packed)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="cannot be read"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("(0,0,2)", "(0,0.5,0)"), "affine that does not tell its axes"),
        (("(0,0,2)", "(nan,nan,nan)"), "affine that does not tell its axes"),
        (("kinds", 'space units: "inch" "inch" "inch"\nkinds'), "no valid spacing or unit in its"),
    ],
)
def test_geometry_that_is_none(change, message):
    """Labels can be read where axes or spacing are not known."""
    header = SLICER.decode().replace(*change).encode()
    file = Nrrd("a.nrrd", header + gzip.compress(body().tobytes(order="F")))
    with pytest.raises(ValueError, match=message):
        file.spacing(file.axes("axial", True))
