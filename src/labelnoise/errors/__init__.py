"""The kinds of error that annotators make, one a file."""

from .bias import bias
from .choppy import choppy
from .natural import natural
from .random import random
from .wobble import wobble

__all__ = ["bias", "choppy", "natural", "random", "wobble"]
