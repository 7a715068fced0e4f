"""The search plan: what a URL asks for, as typed values only (design decision 6)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """One search on one resource type (or several, at system level)."""

    types: tuple[str, ...]
    count: int = 50
    cursor: str | None = None
