"""Label files of every kind: their labels change, and nothing else in them."""

from ._geometry import Grid
from ._label import LabelError, LabelFile, differs
from .formats import PICTURES, SUFFIXES, digest_of, encoded, read, shares_name, suffix_of
from .writing import publish, whole, write

__all__ = [
    "PICTURES",
    "SUFFIXES",
    "Grid",
    "LabelError",
    "LabelFile",
    "differs",
    "digest_of",
    "encoded",
    "publish",
    "read",
    "shares_name",
    "suffix_of",
    "whole",
    "write",
]
