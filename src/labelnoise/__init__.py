"""Label noise for segmentation masks: wrong as human annotators are, by a known amount.

Errors of boundaries (`natural`, `choppy`, `wobble`, `bias`, `coarse`), of patches (`shift`,
`elastic`, `ends`), of objects (`omit`, `invent`, `confuse`) and of pixels (`random`); their values
(`Noise`, `Chain`), and those of a person (`Annotator`, `PerLabel`) and of several (`raters`,
`soft`); scores (`scores`, `dice`, `iou`, `nsd`,
`hd95`, `assd`, `volume_difference`, `error_rate`); two
ways to find the strength that gives a wanted score (`calibrate` for a data set, `match` for one
mask); the noise that belongs to a sample (`sample_rng`), and the samples that have some
(`in_share`); and what errors of one's own are made of (`perturbation`, `perturb`, `redraw`).
"""

from ._patch import Patch, perturb, perturbation
from ._redraw import Region, redraw
from ._streams import in_share, sample_rng
from .annotators import Annotator, PerLabel, raters, soft
from .calibration import Calibration, Match, calibrate, match
from .errors import (
    bias,
    choppy,
    coarse,
    confuse,
    elastic,
    ends,
    invent,
    natural,
    omit,
    random,
    shift,
    wobble,
)
from .metrics import (
    assd,
    dice,
    error_rate,
    hd95,
    iou,
    nsd,
    scores,
    volume_difference,
)
from .noise import Chain, Noise

__version__ = "0.1.0"

__all__ = [
    "Annotator",
    "Calibration",
    "Chain",
    "Match",
    "Noise",
    "Patch",
    "PerLabel",
    "Region",
    "assd",
    "bias",
    "calibrate",
    "choppy",
    "coarse",
    "confuse",
    "dice",
    "elastic",
    "ends",
    "error_rate",
    "hd95",
    "in_share",
    "invent",
    "iou",
    "match",
    "natural",
    "nsd",
    "omit",
    "perturb",
    "perturbation",
    "random",
    "raters",
    "redraw",
    "sample_rng",
    "scores",
    "shift",
    "soft",
    "volume_difference",
    "wobble",
]
