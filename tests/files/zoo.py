"""Label files of many kinds, written by the tools that people use."""

import io
import struct
import zlib

import numpy as np

LABELS = np.zeros((60, 70), np.uint8)
LABELS[10:40, 10:50] = 1
LABELS[20:30, 20:44] = 2
LABELS[45:55, 5:60] = 3
STACK = np.stack([np.roll(LABELS, place, axis=1) for place in range(4)])
NOISY = np.roll(STACK, 3, axis=1)
PALETTE = [0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]
GEO = (
    (33550, 12, 3, (0.5, 0.5, 0.0), True),
    (33922, 12, 6, (0.0, 0.0, 0.0, 440720.0, 3751320.0, 0.0), True),
    (34735, 3, 8, (1, 1, 0, 1, 1024, 0, 1, 1), True),
    (42113, 2, 0, "255", True),
    (65000, 7, 4, b"\x01\x02\x03\x04", True),
)


def tiff(values=LABELS, **options):
    """Write a TIFF file by tifffile."""
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def pillow(values, kind, mode=None, **options):
    """Write a picture by Pillow."""
    from PIL import Image

    image = Image.fromarray(values) if mode != "1" else Image.fromarray(values > 0)
    if mode == "P":
        image = Image.fromarray(values, "L").convert("P")
        image.putdata(values.ravel().tolist())
        image.putpalette(PALETTE)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pyramid(values=LABELS, first=0, **options):
    """Write a TIFF file with two smaller levels."""
    import tifffile

    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        options = {"tile": (16, 16), "compression": "zlib", "photometric": "minisblack", **options}
        file.write(values, subifds=2, **options)
        for factor in 2, 4:
            file.write(values[first::factor, first::factor], subfiletype=1, **options)
    return buffer.getvalue()


def with_text():
    """Write a PNG file with text and resolution."""
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Annotator", "second reader")
    text.add_itxt("Title", "Läsion", "de")
    text.add_text("Long", "x" * 900, zip=True)
    return pillow(LABELS, "PNG", pnginfo=text, dpi=(300, 300))


def png(values, bits, colour, chunks=(), laced=False):
    """Write a PNG file of a few bits, as libpng would."""
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, colour, 0, 0, laced)
    parts = [values]
    if laced:
        steps = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))
        parts = [values[a::c, b::d] for a, b, c, d in (*steps, (1, 0, 2, 1))]
    lines = b""
    for part in parts:
        for row in part:
            if bits < 8:
                digits = "".join(f"{value:0{bits}b}" for value in row)
                digits += "0" * (-len(digits) % 8)
                row = np.array([int(digits[i : i + 8], 2) for i in range(0, len(digits), 8)])
            lines += b"\0" + row.astype(">u2" if bits == 16 else "u1").tobytes()
    every = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in every
    )


COLOURS = np.array([[0, 0, 0], [128, 64, 128], [244, 35, 232], [70, 70, 70]], np.uint8)
OPAQUE = np.array([0, 255, 255, 100], np.uint8)
PLTE = (b"PLTE", bytes(PALETTE))
PNGS = {
    "grey": lambda: pillow(LABELS, "PNG"),
    "grey of 16 bits": lambda: pillow(LABELS.astype(np.uint16) * 300, "PNG"),
    "one bit": lambda: pillow(LABELS, "PNG", "1"),
    "palette": lambda: pillow(LABELS, "PNG", "P"),
    "palette of two bits": lambda: pillow(LABELS, "PNG", "P", bits=2),
    "palette of four bits": lambda: png(LABELS, 4, 3, [PLTE, (b"tRNS", b"\0\xff")]),
    "grey of two bits": lambda: png(LABELS, 2, 0),
    "grey of four bits": lambda: png(LABELS, 4, 0, [(b"tRNS", b"\0\0")]),
    "grey of one bit": lambda: png(LABELS > 0, 1, 0),
    "text": with_text,
    "interlaced": lambda: png(LABELS, 8, 0, laced=True),
    "interlaced bits": lambda: png(LABELS, 2, 3, [PLTE], laced=True),
    "private chunk": lambda: png(LABELS, 8, 0, [(b"laBl", b"12"), (b"gAMA", b"\0\0\xb1\x8f")]),
    "two private chunks": lambda: png(LABELS, 8, 0, [(b"laBl", b"1"), (b"laBl", b"2")]),
    "time": lambda: png(LABELS, 8, 0, [(b"tIME", b"\x07\xe8\1\2\3\4\5")]),
    "colours": lambda: pillow(COLOURS[LABELS], "PNG"),
    "colours and opacity": lambda: pillow(np.dstack([COLOURS[LABELS], OPAQUE[LABELS]]), "PNG"),
    "grey colours": lambda: pillow(np.dstack([LABELS * 80] * 3), "PNG"),
    "grey and opacity": lambda: pillow(np.dstack([LABELS * 80, OPAQUE[LABELS]]), "PNG"),
    "bytes after": lambda: pillow(LABELS, "PNG") + b"more",
}
TIFFS = {
    "plain": tiff,
    "GeoTIFF": lambda: tiff(extratags=GEO, metadata=None, compression="zlib"),
    "big-endian": lambda: tiff(LABELS.astype("u2"), byteorder=">"),
    "BigTIFF": lambda: tiff(bigtiff=True, compression="zlib"),
    "tiles": lambda: tiff(tile=(16, 32)),
    "packed tiles": lambda: tiff(tile=(16, 16), compression="zlib", predictor=True),
    "strips": lambda: tiff(rowsperstrip=7, compression="zlib"),
    "predictor": lambda: tiff(LABELS.astype("u2"), predictor=True, compression="zlib"),
    "predictor, big-endian": lambda: tiff(
        LABELS.astype("i4"), predictor=True, compression="zlib", byteorder=">"
    ),
    "LZMA": lambda: tiff(compression="lzma"),
    "pages": lambda: tiff(STACK, photometric="minisblack", metadata=None, compression="zlib"),
    "shaped": lambda: tiff(STACK, photometric="minisblack"),
    "ImageJ": lambda: tiff(STACK, imagej=True, resolution=(3, 3), metadata={"unit": "um"}),
    "ImageJ hyperstack": lambda: tiff(
        STACK.reshape(2, 2, 60, 70).astype("u2"), imagej=True, metadata={"axes": "TZYX"}
    ),
    "OME": lambda: tiff(STACK, ome=True, metadata={"axes": "ZYX", "PhysicalSizeX": 0.3}),
    "OME, packed": lambda: tiff(STACK, ome=True, metadata={"axes": "ZYX"}, compression="zlib"),
    "pyramid": pyramid,
    "pyramid of big values": lambda: pyramid(LABELS.astype("u2") * 300),
    "description": lambda: tiff(description="drawn by hand", software="mine", metadata=None),
    "resolution": lambda: tiff(resolution=(118.0, 118.0), resolutionunit="CENTIMETER"),
    "white is 0": lambda: tiff(photometric="miniswhite"),
    "one bit": lambda: tiff(LABELS > 0),
    "colours": lambda: tiff(COLOURS[LABELS], photometric="rgb", compression="zlib"),
    "Pillow": lambda: pillow(LABELS, "TIFF"),
    "Pillow, Deflate": lambda: pillow(LABELS, "TIFF", compression="tiff_adobe_deflate"),
    "Pillow, palette": lambda: pillow(LABELS, "TIFF", "P"),
    "Pillow, one bit": lambda: pillow(LABELS, "TIFF", "1"),
    **{
        f"{dtype}": lambda dtype=dtype: tiff(LABELS.astype(dtype))
        for dtype in ("i1", "i2", "i4", "i8", "u4", "u8", "f4", "f8")
    },
}


def nifti(values, kind="Nifti1Image", packed=True, scaled=None, **header):
    """Write a NIfTI file by nibabel."""
    import nibabel

    image = getattr(nibabel, kind)(values, np.diag([-0.7, -0.8, 5.0, 1.0]))
    image.header.set_qform(image.affine, 2)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = b"drawn by hand"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"a comment"))
    if scaled:
        image.header.set_data_dtype(scaled)
    content = image.to_bytes()
    import gzip

    return gzip.compress(content, 1) if packed else content


VOLUME = np.ascontiguousarray(STACK.transpose(2, 1, 0))
NIFTIS = {
    **{f"{dtype}": lambda dtype=dtype: nifti(VOLUME.astype(dtype)) for dtype in ("u1", "i2", "u4")},
    "big-endian": lambda: nifti(VOLUME.astype(">i2")),
    "unpacked": lambda: nifti(VOLUME, packed=False),
    "NIfTI-2": lambda: nifti(VOLUME, "Nifti2Image"),
    "f4": lambda: nifti(VOLUME.astype("f4")),
    "f8": lambda: nifti(VOLUME.astype("f8")),
    "nearly whole": lambda: nifti((VOLUME * 0.99998474).astype("f4")),
    "not a number": lambda: nifti(np.where(VOLUME > 0, VOLUME, np.nan).astype("f4")),
    "scaled to i2": lambda: nifti(VOLUME.astype(float), scaled=np.int16),
    "scaled to u1": lambda: nifti(VOLUME.astype(float), scaled=np.uint8),
    "a plane": lambda: nifti(VOLUME[..., 0]),
    "four axes": lambda: nifti(VOLUME[..., np.newaxis]),
}


def npz(**arrays):
    """Write an archive of arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def npy(values):
    """Write an array."""
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


ARRAYS = {
    "labels.npy": lambda: npy(STACK),
    "fortran.npy": lambda: npy(np.asfortranarray(STACK.astype(">i4"))),
    "bool.npy": lambda: npy(STACK > 0),
    "float.npy": lambda: npy(STACK.astype("f4")),
    "one.npz": lambda: npz(arr=LABELS, image=np.ones((60, 70), "f4")),
    "several.npz": lambda: npz(image=LABELS * 3, labels=LABELS),
}
ZOO = {
    **{f"{name}.png": make for name, make in PNGS.items()},
    **{f"{name}.tif": make for name, make in TIFFS.items()},
    **{f"{name}.nii.gz": make for name, make in NIFTIS.items()},
    **ARRAYS,
}
