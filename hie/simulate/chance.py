"""Chance that repeats: a random stream for each thing that is decided, named by seed and purpose."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def chance(seed: int, *purpose: object) -> Random:
    """The random stream of one purpose. The same arguments give the same stream on every machine and Python."""
    return Random("/".join(str(part) for part in (seed, *purpose)))  # noqa: S311 - made-up data, nothing to guard


def weighted(stream: Random, table: Sequence[tuple[T, float]]) -> T:
    """One entry of `(value, weight)` rows."""
    total = sum(weight for _, weight in table)
    at = stream.random() * total
    for value, weight in table:
        at -= weight
        if at < 0:
            return value
    return table[-1][0]
