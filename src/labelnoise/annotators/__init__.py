"""Annotators: how people draw, as a few numbers, and how to find these from what they drew."""

from .annotator import Annotator, PerLabel
from .several import raters, soft

__all__ = ["Annotator", "PerLabel", "raters", "soft"]
