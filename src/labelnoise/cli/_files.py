"""Label files, NIfTI and pictures: their labels change, and nothing else in them."""

import gzip
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

PICTURES = (".png", ".tif", ".tiff")
SUFFIXES = (".nii.gz", ".nii", *PICTURES)
_WORLD = {"axial": (1, 0), "sagittal": (2, 1), "coronal": (2, 0)}  # rows and columns run along
_MILLIMETRES = {"meter": 1000.0, "micron": 0.001}


class LabelFile(Protocol):
    """A label map, and how to write another one in its stead."""

    labels: NDArray[Any]

    def axes(self, plane: str, volumes: bool) -> tuple[int, ...]:
        """Return the (row, column) axes of planes that are called axial, sagittal or coronal.

        Of volumes, return the axis of their slices before.
        """

    def spacing(self, axes: tuple[int, ...]) -> tuple[float, ...]:
        """Return the millimetres from pixel to pixel along each axis."""

    def upright(self, axes: tuple[int, ...]) -> NDArray[Any]:
        """Return the labels with these axes last, each in a direction that no file chooses."""

    def lies_as(self, other: "LabelFile") -> bool:
        """Return whether the upright labels of another file lie in the same place."""

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the file's bytes with other labels."""

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return the bytes of a file with a number for each pixel, of the same geometry."""


def suffix_of(name: str) -> str:
    """Return the ending of a label file's name, or nothing."""
    return next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")


def read(path: Path) -> tuple[LabelFile, str]:
    """Read a label file; return it with the SHA-256 of its bytes.

    Raises
    ------
    ValueError
        If the file is broken, or holds other values than integers.
    """
    raw = path.read_bytes()
    kind: Callable[[str, bytes], LabelFile] = _Nifti
    if suffix_of(path.name) in PICTURES:
        kind = _Picture
    try:
        return kind(path.name, raw), sha256(raw).hexdigest()
    except (_LabelError, ImportError):
        raise
    except Exception as error:  # each library has its own for broken files
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ValueError(f"cannot be read ({reason}); copy or download it again") from error


def shares_name(file: Path) -> Path:
    """Return the name of a file with a number for each pixel: PNG holds none, TIFF does."""
    return file.with_suffix(".tif") if suffix_of(file.name) == ".png" else file


def publish(path: Path, content: bytes) -> None:
    """Write a file; one that is there must be the same already."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, content)
    elif path.read_bytes() != content:
        raise FileExistsError(f"{path.name} is there with other content; move it away")


def write(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with whole(path) as part:
        part.write_bytes(content)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a path to write to, and give the file its name when that is done."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class _LabelError(ValueError):
    """What a whole file holds is no label map."""


class _Nifti:
    """A NIfTI-1 or -2 file; its header, extensions and scaling stay, byte for byte."""

    def __init__(self, name: str, raw: bytes) -> None:
        import nibabel

        self._packed = suffix_of(name).endswith(".gz")
        self._content = gzip.decompress(raw) if self._packed else raw
        for kind in nibabel.Nifti1Image, nibabel.Nifti2Image:
            if kind.header_class.may_contain_header(self._content[:540]):
                break
        else:
            raise ValueError("no NIfTI header")
        self._image = kind.from_bytes(self._content)
        proxy = self._image.dataobj
        stored = proxy.get_unscaled()
        self._scaled = (proxy.slope, proxy.inter) != (1, 0)
        self.labels = _whole(stored * proxy.slope + proxy.inter if self._scaled else stored)

    def axes(self, plane: str, volumes: bool) -> tuple[int, ...]:
        from nibabel.orientations import io_orientation

        world = io_orientation(self._image.affine)[:, 0].tolist()
        if sorted(world) != [0, 1, 2]:
            raise ValueError("has an affine that does not tell its axes; write a valid one")
        axes = {name: (world.index(row), world.index(col)) for name, (row, col) in _WORLD.items()}
        shape = (*self.labels.shape, 1, 1)
        wide = [name for name, pair in axes.items() if min(shape[axis] for axis in pair) > 1]
        if plane not in wide and (wide or max(axes[plane]) >= self.labels.ndim):
            remedy = f"pass --plane={wide[0]}" if wide else "store planes or volumes"
            raise ValueError(
                f"shape {self.labels.shape} has no {plane} planes wider than one pixel; {remedy}"
            )
        if not volumes:
            return axes[plane]
        across = ({0, 1, 2} - set(axes[plane])).pop()
        if across >= self.labels.ndim:
            raise ValueError(f"shape {self.labels.shape} has no volume; pass --no-volumes")
        return across, *axes[plane]

    def spacing(self, axes: tuple[int, ...]) -> tuple[float, ...]:
        header = self._image.header
        try:
            unit = _MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)
        except KeyError as error:
            raise ValueError(
                f"has the unknown unit {error} in its header; mend it, or pass --spacing=pixel"
            ) from error
        return tuple(float(header.get_zooms()[axis]) * unit for axis in axes)

    def upright(self, axes: tuple[int, ...]) -> NDArray[Any]:
        from nibabel.orientations import io_orientation

        ways = io_orientation(self._image.affine)[: self.labels.ndim, 1]
        labels = np.flip(self.labels, tuple(np.flatnonzero(ways < 0).tolist()))
        return np.moveaxis(labels, axes, range(-len(axes), 0))

    def lies_as(self, other: LabelFile) -> bool:
        if not isinstance(other, _Nifti):
            return False
        (affine, shape), (its, _) = self._upright_grid(), other._upright_grid()
        corners = np.vstack([np.eye(3, 4) * shape[:, np.newaxis], np.ones(4)])
        return np.allclose(np.linalg.solve(affine, its @ corners), corners, atol=0.5)

    def _upright_grid(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return affine and shape of the volume whose axes run right, forward and up."""
        from nibabel.orientations import inv_ornt_aff, io_orientation

        ways = io_orientation(self._image.affine)
        shape = np.array((*self.labels.shape, 1, 1)[:3])
        return self._image.affine @ inv_ornt_aff(ways, shape), shape[np.argsort(ways[:, 0])]

    def encode(self, labels: NDArray[Any]) -> bytes:
        proxy = self._image.dataobj
        stored: NDArray[Any] = labels
        if self._scaled:
            stored = np.rint((labels - proxy.inter) / proxy.slope)
        stored = stored.astype(proxy.dtype, copy=False)
        end = proxy.offset + stored.nbytes
        return self._pack(
            self._content[: proxy.offset], stored.tobytes(order="F"), self._content[end:]
        )

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        header = self._image.header.copy()
        header.set_data_dtype(np.float32)
        return self._pack(type(self._image)(shares, self._image.affine, header).to_bytes())

    def _pack(self, *parts: bytes) -> bytes:
        if not self._packed:
            return b"".join(parts)
        packed = io.BytesIO()
        with gzip.GzipFile("", "wb", 1, packed, mtime=0) as file:
            file.writelines(parts)
        return packed.getvalue()


class _Picture:
    """A PNG or TIFF file of one page or several; mode, palette and bit depth stay."""

    def __init__(self, name: str, raw: bytes) -> None:
        from PIL import Image, ImageSequence

        Image.MAX_IMAGE_PIXELS = None  # masks of whole slides are no attack
        self._name = name
        with Image.open(io.BytesIO(raw)) as image:
            self._format, self._options = image.format, _options(image, raw)
            pages = [page.copy() for page in ImageSequence.Iterator(image)]
        kinds = {(page.mode, page.size) for page in pages}
        mode, (width, height) = kinds.pop()
        if kinds:
            raise _LabelError("has pages of different modes or sizes; store one page a file")
        if mode not in ("1", "L", "P", "I") and not mode.startswith("I;16"):
            raise _LabelError(f"has mode {mode}, not one number a pixel; convert it to grey values")
        self._pages = pages
        planes = np.stack([np.asarray(page) for page in pages])
        shape = (height, width) if len(pages) == 1 else planes.shape
        self._dtype = planes.dtype
        self.labels = (planes.view(np.uint8) if mode == "1" else planes).reshape(shape)

    def axes(self, plane: str, volumes: bool) -> tuple[int, ...]:
        if plane != "axial":
            raise ValueError(f"a picture has no {plane} planes; leave --plane out")
        if volumes and self.labels.ndim < 3:
            raise ValueError("a picture of one page has no volume; pass --no-volumes")
        return tuple(range(self.labels.ndim))[-3 if volumes else -2 :]

    def spacing(self, axes: tuple[int, ...]) -> tuple[float, ...]:
        raise ValueError("a picture has no millimetres; leave --spacing out")

    def upright(self, axes: tuple[int, ...]) -> NDArray[Any]:
        return self.labels

    def lies_as(self, other: LabelFile) -> bool:
        return isinstance(other, _Picture)

    def encode(self, labels: NDArray[Any]) -> bytes:
        pages = []
        for page, plane in zip(self._pages, labels.reshape(len(self._pages), -1), strict=True):
            new = page.copy()
            rows = plane.reshape(page.height, page.width)
            data = np.packbits(rows, axis=1) if page.mode == "1" else rows.astype(self._dtype)
            new.frombytes(data.tobytes())
            pages.append(new)
        buffer = io.BytesIO()
        more = {"save_all": True, "append_images": pages[1:]} if len(pages) > 1 else {}
        pages[0].save(buffer, self._format, **self._options, **more)
        content = buffer.getvalue()
        again = _Picture(self._name, content)
        if not np.array_equal(again.labels, labels) or again._pages[0].mode != pages[0].mode:
            raise ValueError("is stored in a way that loses labels; convert it to a lossless PNG")
        return content

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        from PIL import Image

        first = self._pages[0]
        planes = shares.reshape(len(self._pages), first.height, first.width)
        pages = [Image.fromarray(plane) for plane in planes]
        dpi = {"dpi": self._options["dpi"]} if "dpi" in self._options else {}
        buffer = io.BytesIO()
        pages[0].save(
            buffer,
            "TIFF",
            save_all=True,
            append_images=pages[1:],
            compression="tiff_adobe_deflate",
            **dpi,
        )
        return buffer.getvalue()


def _options(image: Any, raw: bytes) -> dict[str, Any]:
    """Tell how a picture is stored, beyond what its pixels say."""
    options = {key: image.info[key] for key in ("compression", "dpi") if key in image.info}
    if image.format == "PNG":
        bits, colour = raw[24], raw[25]
        if image.mode == "L" and bits < 8:
            raise _LabelError(f"has {bits} bits a grey value; convert it to 8 bits")
        if colour == 3:
            options["bits"] = bits
    return options


def _whole(values: NDArray[Any]) -> NDArray[Any]:
    """Return label values as integers."""
    if values.dtype.kind in "iu":
        return values
    if values.dtype.kind != "f":
        raise _LabelError(f"has values of type {values.dtype}; store labels as integers")
    with np.errstate(invalid="ignore"):
        whole: NDArray[Any] = values.astype(np.int32)
    wrong = values[whole != values]
    if wrong.size:
        raise _LabelError(
            f"holds the label {wrong[0]:g}, but labels are integers; "
            "resample it with nearest neighbour, not with interpolation"
        )
    return whole
