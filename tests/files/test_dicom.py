"""DICOM segmentations: every byte but the pixels stays, as highdicom reads them."""

from io import BytesIO

import numpy as np
import pytest

import labelnoise
from labelnoise.files import LabelError, encoded, read
from labelnoise.files._geometry import Grid

nibabel = pytest.importorskip("nibabel")
hd = pytest.importorskip("highdicom")
pydicom = pytest.importorskip("pydicom")


def body():
    """Draw two labels in (plane, row, column); one plane between has none."""
    labels = np.zeros((7, 12, 14), np.uint8)
    labels[1:4, 2:9, 2:10] = 1
    labels[2:4, 4:6, 4:6] = 2
    labels[5, 2:4, 2:4] = 2
    return labels


def scan(labels):
    """Make the CT images that were segmented, stored from above downwards, seen from the left."""
    study, series, frame = (hd.UID() for _ in range(3))
    for plane in range(len(labels)):
        image = pydicom.Dataset()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        image.SOPClassUID = pydicom.uid.CTImageStorage
        image.SOPInstanceUID = hd.UID()
        image.StudyInstanceUID, image.SeriesInstanceUID = study, series
        image.FrameOfReferenceUID, image.Modality = frame, "CT"
        image.PatientID, image.PatientName, image.PatientBirthDate = "1", "Doe^Jane", ""
        image.PatientSex = image.StudyID = image.AccessionNumber = image.Laterality = ""
        image.ReferringPhysicianName = image.PositionReferenceIndicator = ""
        image.StudyDate, image.StudyTime, image.Manufacturer = "20200101", "000000", "M"
        image.PatientPosition, image.InstanceNumber = "HFS", plane + 1
        image.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        image.ImagePositionPatient = [-10 - 2.5 * plane, 20, 30]
        image.PixelSpacing, image.SliceThickness = [0.75, 0.5], 2.5
        image.Rows, image.Columns = labels.shape[1:3]
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
        image.PixelRepresentation = 0
        image.PixelData = bytes(2 * image.Rows * image.Columns)
        yield image


def segmentation(labels, kind, **more):
    """Return the bytes of a segmentation of that scan."""
    codes = pydicom.sr.codedict.codes
    segments = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.cid7150.Tissue,
            segmented_property_type=codes.cid7166.ConnectiveTissue,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, name in enumerate(("liver", "lesion"), 1)
    ]
    uids = {"series_instance_uid": hd.UID(), "sop_instance_uid": hd.UID()}
    made = hd.seg.Segmentation(
        list(scan(labels)),
        labels,
        kind,
        segments,
        series_number=1,
        instance_number=1,
        manufacturer="M",
        manufacturer_model_name="M",
        software_versions="1",
        device_serial_number="1",
        **uids,
        **more,
    )
    file = BytesIO()
    made.save_as(file)
    return file.getvalue()


def opened(tmp_path, content):
    """Return a file of that content."""
    (tmp_path / "a.dcm").write_bytes(content)
    return read(tmp_path / "a.dcm")


def looked_at(content):
    """Return the label map that highdicom finds, upright, and its grid."""
    volume = hd.seg.segread(BytesIO(content)).get_volume(combine_segments=True)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine
    grid = Grid(affine, tuple(volume.spacing), volume.array.shape)
    return grid.upright(volume.array, grid.axes("sagittal", False)), grid


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_only_pixels_change(tmp_path, kind, whole):
    """The same labels are the same bytes; highdicom finds other labels in the same place."""
    content = segmentation(body(), kind, omit_empty_frames=not whole)
    file = opened(tmp_path, content)
    axes = file.axes("sagittal", False)
    assert axes == (1, 2)
    assert file.spacing((0, *axes)) == (2.5, 0.75, 0.5)
    np.testing.assert_array_equal(file.labels, body() if whole else body()[1:6])
    np.testing.assert_array_equal(file.upright(axes), file.labels[:, ::-1, ::-1])
    assert file.encode(file.labels) == content
    noisy = labelnoise.natural(file.labels, 1.0, axes=axes, rng=1)
    assert (noisy != file.labels).any()
    result = encoded(file, "a.dcm", noisy)
    seen, grid = looked_at(result)
    np.testing.assert_array_equal(seen, noisy[:, ::-1, ::-1])
    assert file.grid.lies_as(grid)
    assert opened(tmp_path, result).lies_as(file)
    before, after = (pydicom.dcmread(BytesIO(each)) for each in (content, result))
    before.PixelData = after.PixelData
    assert before == after


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_volumes(tmp_path, kind):
    """Labels have room only where the file holds its empty frames."""
    file = opened(tmp_path, segmentation(body(), kind, omit_empty_frames=False))
    assert file.axes("axial", True) == (1, 2, 0)
    noisy = np.roll(file.labels, 1, 0)
    np.testing.assert_array_equal(opened(tmp_path, encoded(file, "a.dcm", noisy)).labels, noisy)
    for labels in np.where(body() == 2, 0, body()), body():
        file = opened(tmp_path, segmentation(labels, kind))
        with pytest.raises(ValueError, match="leaves out empty frames, so labels have no room"):
            file.axes("axial", True)
    with pytest.raises(ValueError, match="has no frame for a segment where it would lie"):
        file.encode(np.roll(file.labels, 1, 0))


def test_what_is_lost_is_told(tmp_path):
    """What is kept tells files of other content apart."""
    content = segmentation(body(), "BINARY")
    kept = opened(tmp_path, content).kept()
    assert opened(tmp_path, content).kept() == kept
    for old, new in (b"Doe^Jane", b"Doe^Joan"), (b"lesion", b"LESION"):
        assert old in content
        assert opened(tmp_path, content.replace(old, new)).kept() != kept


def changed(**elements):
    """Return a binary segmentation with other data elements."""
    data = pydicom.dcmread(BytesIO(segmentation(body(), "BINARY")))
    for name, value in elements.items():
        setattr(data, name, value)
    file = BytesIO()
    data.save_as(file)
    return file.getvalue()


def overlapping():
    """Return two segments that share pixels."""
    return segmentation(np.stack([body() > 0, body() == 2], -1).astype(np.uint8), "BINARY")


def packed():
    """Return a compressed label map."""
    syntax = pydicom.uid.RLELossless
    return segmentation(body(), "LABELMAP", transfer_syntax_uid=syntax)


def moved(place):
    """Return a segmentation with a frame elsewhere."""
    data = pydicom.dcmread(BytesIO(segmentation(body(), "LABELMAP")))
    frame = data.PerFrameFunctionalGroupsSequence[1]
    frame.PlanePositionSequence[0].ImagePositionPatient = place
    file = BytesIO()
    data.save_as(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (overlapping, "holds segments that overlap; store each of them in a file of its own"),
        (lambda: segmentation(body(), "FRACTIONAL"), "of type FRACTIONAL with 8 bits; convert it"),
        (packed, r"is compressed \(RLE Lossless\); save it again, uncompressed"),
        (lambda: changed(Modality="CT"), "is no DICOM segmentation; convert what it holds"),
        (lambda: moved([-16, 20, 30]), "has planes at uneven distances; resample it"),
        (lambda: moved([-15, 25, 30]), "do not lie above one another; resample it"),
        (lambda: moved([-12.5, 20, 30]), "has two frames of one segment in one plane"),
        (lambda: moved([-1e9, 20, 30]), "has planes at uneven distances; resample it"),
    ],
)
def test_refused(tmp_path, make, message):
    """What cannot be rewritten without loss is told in a sentence with a remedy."""
    with pytest.raises(LabelError, match=message):
        opened(tmp_path, make())


def test_damaged(tmp_path):
    """A part of a file is a sentence, and so are pixels that are not there."""
    content = segmentation(body(), "BINARY")
    for end in range(0, len(content), 97):
        with pytest.raises(ValueError, match="; "):
            opened(tmp_path, content[:end])
    for name in "Rows", "Columns", "NumberOfFrames":
        with pytest.raises(ValueError, match=r"cannot be read \(its header tells of"):
            opened(tmp_path, changed(**{name: 60_000}))


def test_shares(tmp_path):
    """No segmentation holds floats."""
    file = opened(tmp_path, segmentation(body(), "BINARY"))
    with pytest.raises(ValueError, match="holds no shares; convert it to NIfTI"):
        file.encode_shares(file.labels.astype(np.float32))
