"""A picture of one case before and after."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..plot import grid
from ._cases import Pair, aligned, rows_of
from ._record import Entry
from ._scans import Scan
from ._views import aspect_of

_RESOLUTION = 150  # dots an inch


class _Planes:
    """The planes of an image, each read when it is asked for, in the direction of the labels'."""

    def __init__(self, scan: Scan, count: int, way: int) -> None:
        self._scan, self._count, self._way = scan, count, way

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> NDArray[Any]:
        plane: NDArray[Any] = self._scan.plane(place)[:: self._way, :: self._way]
        return plane


def draw(pair: Pair, image: Path | None, tolerance: float, output: Path) -> list[Entry]:
    """Draw the worst, median and best planes of a case; return its scores.

    Raises
    ------
    ValueError
        If the image does not lie where the labels do.
    """
    from matplotlib.figure import Figure

    file, maps, steps = aligned(pair)
    rows = rows_of(pair[0], maps, steps, tolerance)
    way = 1 if getattr(file, "grid", None) is None else -1  # seen from the feet, as in radiology
    clean, noisy = (labels.reshape(-1, *labels.shape[-2:])[:, ::way, ::way] for labels in maps)
    under: Any = (
        None if image is None else _Planes(Scan(image, file, maps[0].shape), len(clean), way)
    )
    figure = Figure((9.6, 6.8), layout="constrained")
    grid(clean, noisy, under, spacing=(aspect_of(file), 1.0), figure=figure)
    figure.savefig(output, dpi=_RESOLUTION, format="png", facecolor="white")
    return rows
