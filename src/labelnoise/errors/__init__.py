"""The kinds of error that annotators make, one a file."""

from .bias import bias
from .choppy import choppy
from .coarse import coarse
from .confuse import confuse
from .elastic import elastic
from .ends import ends
from .invent import invent
from .natural import natural
from .omit import omit
from .random import random
from .shift import shift
from .wobble import wobble

__all__ = [
    "bias",
    "choppy",
    "coarse",
    "confuse",
    "elastic",
    "ends",
    "invent",
    "natural",
    "omit",
    "random",
    "shift",
    "wobble",
]
