"""Laboratory reports: values about what is usual for a person, shifted by the disease and its course."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from hie.simulate.catalogue import ANALYTES, Analyte, Disease, Panel
from hie.simulate.chance import chance
from hie.simulate.people import KEPT, Person


@dataclass(frozen=True, slots=True)
class Result:
    """One value of a report; `flag` is N, H, L, HH or LL, `interval` the reference range as hospitals write it."""

    analyte: Analyte
    value: str
    flag: str
    interval: str


@dataclass(frozen=True, slots=True)
class Report:
    """A laboratory report: `number` is the visit's, `again` the corrected value of the first result, if any."""

    panel: Panel
    sampled: datetime
    issued: datetime
    results: tuple[Result, ...]
    again: Result | None


@dataclass(frozen=True, slots=True)
class _Usual:
    """What is usual for a person: by how many deviations each item differs from the middle, and whether a chronic
    disease gets worse."""

    deviations: Mapping[str, float]
    worse: bool


def reports(
    seed: int, who: Person, index: int, start: datetime, disease: Disease, panels: tuple[Panel, ...]
) -> tuple[Report, ...]:
    """The reports of a visit that begins at `start`, one after the other."""
    return tuple(_reports(seed, who, index, start, disease, panels))


def _reports(
    seed: int, who: Person, index: int, start: datetime, disease: Disease, panels: tuple[Panel, ...]
) -> Iterator[Report]:
    stream, usual = chance(seed, "reports", who.number, index), _usual(seed, who.number)
    course = _course(disease, usual.worse, index)
    for number, panel in enumerate(panels):
        sampled = start + timedelta(minutes=30 + 7 * number)
        issued = sampled + timedelta(minutes=stream.randrange(40, 100))
        results = tuple(
            _result(who, disease, course, usual.deviations[code] + stream.gauss(0, 0.6), ANALYTES[code])
            for code in panel.analytes
        )
        first = results[0].analyte
        again = _result(who, disease, course, usual.deviations[first.code] + stream.gauss(0, 0.4), first)
        corrected = again if stream.random() < 0.05 else None
        yield Report(panel, sampled, issued, _within_total(who, results, corrected), corrected)


@lru_cache(maxsize=KEPT)
def _usual(seed: int, number: int) -> _Usual:
    stream = chance(seed, "usual", number)
    return _Usual({code: stream.gauss(0, 0.8) for code in ANALYTES}, stream.random() < 0.25)


def _within_total(who: Person, results: tuple[Result, ...], again: Result | None) -> tuple[Result, ...]:
    """LDL is a part of all cholesterol, before and after a correction: at most four fifths of it."""
    totals = [float(one.value) for one in (*results, again) if one and one.analyte.code == "TC"]
    if not totals:
        return results
    most = 0.8 * min(totals)
    return tuple(
        _measured(who, one.analyte, min(float(one.value), most)) if one.analyte.code == "LDL" else one
        for one in results
    )


def _result(who: Person, disease: Disease, course: float, deviations: float, analyte: Analyte) -> Result:
    """A value so many deviations from the middle, shifted by the disease; some lie outside of the range by chance, none
    at less than half of its lower end but for the disease."""
    low, high = analyte.normal(who.male)
    middle, width = (low + high) / 2, (high - low) / 4.3
    shift = disease.shifts.get(analyte.code, 1.0) ** course
    return _measured(who, analyte, max(middle + deviations * width, low / 2, 0.1) * shift)


def _measured(who: Person, analyte: Analyte, value: float) -> Result:
    low, high = analyte.normal(who.male)
    text = f"{value:.{analyte.decimals}f}"
    return Result(analyte, text, _flag(float(text), analyte, low, high), f"{low:g}-{high:g}")


def _course(disease: Disease, worse: bool, index: int) -> float:
    """How strong the disease shows at a visit: a chronic one is brought under control or, for some, gets worse."""
    if not disease.chronic:
        return 1.0
    settled = 1 - 0.8**index
    return 1.0 + 0.4 * settled if worse else 1.3 - 0.8 * settled


def _flag(value: float, analyte: Analyte, low: float, high: float) -> str:
    lowest, highest = analyte.critical or (0.0, float("inf"))
    if value > high:
        return "HH" if value > highest else "H"
    if value < low:
        return "LL" if value < lowest else "L"
    return "N"
