"""Trends as geometry for SVG: lines over days, gaps where nothing was checked."""

from collections.abc import Sequence
from dataclasses import dataclass

from hie.quality.score import Score


@dataclass(frozen=True, slots=True)
class Dot:
    """One value: pixel place, day and score."""

    x: float
    y: float
    day: str
    value: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it is of, its dots, and the stretches of days that follow each other (SVG points)."""

    name: str
    dots: tuple[Dot, ...]
    stretches: tuple[str, ...]


@dataclass(frozen=True)
class Chart:
    """Lines over the same days and scale, with the labels of both axes."""

    width: int
    height: int
    lines: tuple[Line, ...]
    y_labels: tuple[tuple[float, str], ...]
    x_labels: tuple[tuple[float, str], ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see."""
        return not any(line.dots for line in self.lines)


Values = Sequence[tuple[str, float]]
"""Days with their scores."""


def chart(days: Sequence[str], named: Sequence[tuple[str, Values]], width: int = 640, height: int = 220) -> Chart:
    """A chart of several lines; the scale ends at 100 and begins below the lowest value."""
    left, top, right, bottom = 44.0, 10.0, width - 20.0, height - 26.0
    low = min((value for _, values in named for _, value in values), default=99.0)
    low = max(0.0, low - max(0.5, (100 - low) * 0.15))
    step = (right - left - 16) / max(1, len(days) - 1)
    index = {day: n for n, day in enumerate(days)}

    def y(value: float) -> float:
        return round(bottom - (value - low) / (100 - low) * (bottom - top), 1)

    def x(day: str) -> float:
        return round(left + 8 + index[day] * step, 1)

    lines = []
    for name, values in named:
        dots = tuple(Dot(x(day), y(value), day, value) for day, value in values if day in index)
        lines.append(Line(name, dots, tuple(_stretches(dots, index))))
    every = max(1, -(-len(days) // 7))
    ticks = (low, (low + 100) / 2, 100.0)
    return Chart(
        width,
        height,
        tuple(lines),
        tuple((y(tick), f"{tick:.1f}") for tick in ticks),
        tuple((x(day), day[5:]) for day in days[::every]),
    )


def _stretches(dots: Sequence[Dot], index: dict[str, int]) -> list[str]:
    """Points of dots on days that follow each other; a single one needs no line."""
    found: list[list[Dot]] = []
    for dot in dots:
        if found and index[dot.day] == index[found[-1][-1].day] + 1:
            found[-1].append(dot)
        else:
            found.append([dot])
    return [" ".join(f"{dot.x},{dot.y}" for dot in group) for group in found if len(group) > 1]


def values_of(scores: Sequence[Score], dimension: str | None = None) -> list[tuple[str, float]]:
    """The days of some scores with the total, or with the score in one dimension."""
    found = ((score.day or "", score.total if dimension is None else score.dimensions[dimension]) for score in scores)
    return [(day, value) for day, value in found if value is not None]
