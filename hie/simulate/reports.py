"""Laboratory reports: values about what is usual for a person, shifted by the disease and its course."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from hie.simulate.catalogue import Disease
from hie.simulate.chance import chance
from hie.simulate.laboratory import ANALYTES, Panel
from hie.simulate.people import KEPT, Person
from hie.simulate.results import Draw, Result, measured_again, results


@dataclass(frozen=True, slots=True)
class Report:
    """A laboratory report; `again` is the item that was repeated for a correction, if any."""

    panel: Panel
    sampled: datetime
    issued: datetime
    results: tuple[Result, ...]
    again: Result | None

    @property
    def repeated(self) -> int:
        """The place of the item that a correction repeats."""
        return self.panel.analytes.index(self.panel.repeated)

    @property
    def corrected(self) -> tuple[Result, ...]:
        """The results after the correction."""
        place = self.repeated
        return (*self.results[:place], self.again or self.results[place], *self.results[place + 1 :])


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

    def draw(spread: float) -> Draw:
        return lambda analyte: (
            usual.deviations[analyte.code] + stream.gauss(0, spread),
            disease.shifts.get(analyte.code, 1.0) ** course,
        )

    for number, panel in enumerate(panels):
        sampled = start + timedelta(minutes=30 + 7 * number)
        issued = sampled + timedelta(minutes=stream.randrange(40, 100))
        found, again = results(panel, who.male, draw(0.6)), measured_again(panel, who.male, draw(0.4))
        yield Report(panel, sampled, issued, found, again if stream.random() < 0.05 else None)


@lru_cache(maxsize=KEPT)
def _usual(seed: int, number: int) -> _Usual:
    stream = chance(seed, "usual", number)
    return _Usual({code: stream.gauss(0, 0.8) for code in ANALYTES}, stream.random() < 0.25)


def _course(disease: Disease, worse: bool, index: int) -> float:
    """How strong the disease shows at a visit: a chronic one is brought under control or, for some, gets worse."""
    if not disease.chronic:
        return 1.0
    settled = 1 - 0.8**index
    return 1.0 + 0.4 * settled if worse else 1.3 - 0.8 * settled
