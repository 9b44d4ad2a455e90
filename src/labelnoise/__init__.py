"""Label noise for segmentation masks: wrong as human annotators are, by a known amount.

Three perturbations (`natural`, `choppy`, `random`), two scores (`dice`, `iou`), two ways to find
the strength that gives a wanted score (`calibrate` for a data set, `match` for one mask), and the
noise that belongs to a sample (`sample_rng`).
"""

from ._streams import sample_rng
from .calibration import Calibration, Match, calibrate, match
from .metrics import dice, iou
from .perturbations import choppy, natural, random

__version__ = "0.1.0"

__all__ = [
    "Calibration",
    "Match",
    "calibrate",
    "choppy",
    "dice",
    "iou",
    "match",
    "natural",
    "random",
    "sample_rng",
]
