"""How annotators are found from what they drew."""

from collections.abc import Iterable
from typing import Any


def fit_pairs(
    pairs: Iterable[Any], labels: list[int] | None, axes: tuple[int, ...] | None, rng: Any
) -> dict[int, dict[str, Any]]:
    raise NotImplementedError
