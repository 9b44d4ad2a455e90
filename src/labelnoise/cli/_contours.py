"""Two contours over an image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

CLEAN, NOISY = "#4cc9f0", "#ff9f1c"
_WIDTHS = 3.0, 1.5  # points; the clean contour shows behind the noisy one


def contours(reference: NDArray[Any], other: NDArray[Any], image: Any, ax: Any) -> None:
    """Draw the contours of two masks, over an image if there is one."""
    if image is not None:
        ax.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="none")
    rows, columns = (np.arange(-1, size + 1) for size in reference.shape)
    for mask, colour, width in zip((reference, other), (CLEAN, NOISY), _WIDTHS, strict=True):
        if mask.any():
            wide = np.pad(mask, 1).astype(float)
            ax.contour(columns, rows, wide, [0.5], colors=colour, linewidths=width)
    ax.set(xlim=(-0.5, len(columns) - 2.5), ylim=(len(rows) - 2.5, -0.5))
