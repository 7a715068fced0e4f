"""Trends: one series per analyte over all laboratories, and its geometry for SVG.

Values are converted for drawing only, by the approved table below, and only when every factor is known; what cannot be
converted is listed apart, never dropped. Tables and labels always carry the original value and unit.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from hie.base.ids import sha256
from hie.browse.dates import day, local
from hie.browse.result import Result

KEY_ANALYTES = (
    "2823-3",
    "14682-9",
    "14749-6",
    "4548-4",
    "718-7",
    "6690-2",
    "777-3",
    "1988-5",
    "1742-6",
    "10839-9",
    "14933-6",
    "22748-8",
    "14647-2",
    "14927-8",
    "22664-7",
    "2951-2",
)
"""LOINC codes of the indicators of the summary, the most telling first (common rules §7.5)."""

FACTORS: Mapping[tuple[str, str, str], Decimal] = {
    ("14682-9", "mg/dL", "umol/L"): Decimal("88.4"),
    ("14749-6", "mg/dL", "mmol/L"): Decimal("0.0555"),
    ("14647-2", "mg/dL", "mmol/L"): Decimal("0.02586"),
    ("14646-4", "mg/dL", "mmol/L"): Decimal("0.02586"),
    ("22748-8", "mg/dL", "mmol/L"): Decimal("0.02586"),
    ("14927-8", "mg/dL", "mmol/L"): Decimal("0.01129"),
    ("14933-6", "mg/dL", "umol/L"): Decimal("59.48"),
    ("718-7", "g/dL", "g/L"): Decimal("10"),
    ("1988-5", "mg/dL", "mg/L"): Decimal("10"),
}
"""(LOINC, from, to) -> factor, from molar masses: creatinine 113.12, glucose 180.16, cholesterol 386.65,
triglycerides 885.4, urate 168.11 g/mol."""


LEAF = 120
"""Values on a page of a trend: as many as can still be told apart on its chart."""

WIDTH, HEIGHT = 640, 240
"""Pixels of a chart."""

MOST_INDICATORS = 12
"""How many indicators a summary shows."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a series: the original result, `y` in the unit of the axis (None when it cannot be drawn), and
    whether the result is in another unit; its reference range is so too, then."""

    result: Result
    y: Decimal | None
    converted: bool


@dataclass(frozen=True)
class Series:
    """One analyte, oldest first. `unit` is that of the axis."""

    key: str
    name: str
    unit: str
    points: tuple[Point, ...]

    @property
    def slug(self) -> str:
        """Names the series in a URL without naming the analyte."""
        return sha256(self.key.encode())[:12]

    @property
    def last(self) -> Result:
        """The newest result."""
        return self.points[-1].result

    @property
    def drawn(self) -> tuple[Point, ...]:
        """Points with a place on the axis."""
        return tuple(p for p in self.points if p.y is not None)

    @property
    def undrawn(self) -> tuple[Point, ...]:
        """Points without one: no plain number, or a unit that cannot be converted."""
        return tuple(p for p in self.points if p.y is None)


@dataclass(frozen=True)
class Leaf:
    """A part of a long series that fits a page: `number` 1 is the newest of `count`, `total` values are in all."""

    series: Series
    number: int
    count: int
    total: int


def leaf(series: Series, number: int) -> Leaf:
    """The part `number` of a series, or the nearest that there is."""
    total = len(series.points)
    count = max(1, -(-total // LEAF))
    number = min(max(1, number), count)
    end = total - (number - 1) * LEAF
    return Leaf(replace(series, points=series.points[max(0, end - LEAF) : end]), number, count, total)


def all_series(results: Iterable[Result]) -> dict[str, Series]:
    """Series of all results that are not withdrawn, by analyte; of those with one name each names its specimen."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if not result.ended and not result.long and result.value:
            groups[result.analyte].append(result)
    series = {key: _series(key, group) for key, group in groups.items() if key}
    named = Counter(one.name for one in series.values())
    return {key: one if named[one.name] == 1 else _with_specimen(one) for key, one in series.items()}


def _with_specimen(series: Series) -> Series:
    specimen = series.last.specimen
    return replace(series, name=f"{series.name} ({specimen})") if specimen else series


def key_series(series: Mapping[str, Series]) -> list[Series]:
    """The indicators of the summary: the key analytes that exist, then the most frequent others with numbers."""
    chosen = [series[key] for key in KEY_ANALYTES if key in series]
    others = [s for k, s in series.items() if k not in KEY_ANALYTES and len(s.drawn) > 1]
    others.sort(key=lambda s: (-len(s.points), s.key))
    return (chosen + others)[:MOST_INDICATORS]


def _series(key: str, group: Sequence[Result]) -> Series:
    ordered = sorted(group, key=lambda r: (local(r.at), r.id))
    units = Counter(r.unit_code for r in ordered if r.number is not None)
    reachable = {to for (loinc, _, to) in FACTORS if loinc == key}
    unit = max(units, key=lambda u: (u in reachable, units[u]), default="")
    points = tuple(Point(r, _on_axis(r, key, unit), r.unit_code != unit) for r in ordered)
    label = next((r.unit for r in reversed(ordered) if r.unit_code == unit), unit)
    return Series(key, ordered[-1].name, label, points)


def _on_axis(result: Result, key: str, unit: str) -> Decimal | None:
    if result.number is None:
        return None
    if result.unit_code == unit:
        return result.number
    factor = FACTORS.get((key, result.unit_code, unit))
    return None if factor is None else result.number * factor


def spark(series: Series, width: int = 72, height: int = 18, count: int = 10) -> str:
    """SVG polyline points of the last values, evenly spaced; empty with fewer than two."""
    values = [p.y for p in series.drawn][-count:]
    drawn = [v for v in values if v is not None]
    if len(drawn) < 2:
        return ""
    low, high = min(drawn), max(drawn)
    span = (high - low) or Decimal(1)
    step = Decimal(width - 6) / (len(drawn) - 1)
    inner = height - 6
    places = ((3 + n * step, 3 + inner - (v - low) / span * inner) for n, v in enumerate(drawn))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


@dataclass(frozen=True, slots=True)
class Mark:
    """One drawn point: pixel place and the result behind it."""

    x: float
    y: float
    result: Result


@dataclass(frozen=True)
class Drawing:
    """A chart in pixels: marks, the line through them, steps of the reference band, labels of both axes."""

    width: int
    height: int
    marks: tuple[Mark, ...]
    line: str
    bands: tuple[tuple[float, float, float, float], ...]
    y_labels: tuple[tuple[float, str], ...]
    x_labels: tuple[tuple[float, str], ...]


def draw(series: Series) -> Drawing:
    """Place a series on a chart; x is the order in time, evenly spaced, so gaps stay readable."""
    points = series.drawn
    values = [float(p.y) for p in points if p.y is not None]
    edges = [float(b) for p in points for b in (p.result.low, p.result.high) if b is not None and not p.converted]
    low, high = min([*values, *edges], default=0.0), max([*values, *edges], default=1.0)
    pad = (high - low) * 0.08 or 1.0
    low, high = low - pad, high + pad
    left, top, right, bottom = 56.0, 10.0, WIDTH - 14.0, HEIGHT - 28.0
    step = (right - left - 24) / max(1, len(values) - 1)
    first = left + 12 if len(values) > 1 else (left + right) / 2

    def y(value: float) -> float:
        return round(bottom - (value - low) / (high - low) * (bottom - top), 1)

    marks = tuple(
        Mark(round(first + n * step, 1), y(v), p.result) for n, (p, v) in enumerate(zip(points, values, strict=True))
    )
    bands = []
    for mark, point in zip(marks, points, strict=True):
        r = point.result
        if point.converted or (r.low is None and r.high is None):
            continue
        upper = y(float(r.high)) if r.high is not None else top
        lower = y(float(r.low)) if r.low is not None else bottom
        x0, x1 = max(left, mark.x - step / 2), min(right, mark.x + step / 2)
        bands.append((round(x0, 1), upper, round(x1 - x0, 1), round(lower - upper, 1)))
    ticks = [low + pad, (low + high) / 2, high - pad]
    every = max(1, len(marks) // 6)
    return Drawing(
        WIDTH,
        HEIGHT,
        marks,
        " ".join(f"{m.x},{m.y}" for m in marks),
        tuple(bands),
        tuple((y(t), f"{t:.4g}") for t in ticks),
        tuple((m.x, day(m.result.at)[2:]) for m in marks[::every]),
    )
