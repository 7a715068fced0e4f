"""Medicines: prescriptions as they were written, and what a person takes according to all of them."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from hie.base.resource import Resource
from hie.browse.chart import Chart, standing
from hie.browse.dates import day, days_before, local, today
from hie.browse.elements import EMPTY, concept_text, first, items, target, text_of
from hie.browse.place import Place
from hie.browse.value import between, number_text, unit_text
from hie.browse.words import Words

_TAKEN = frozenset({"active", "completed", "on-hold", "stopped", "unknown"})
_RECENT_DAYS = 90


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a dose: how much, how `often` in `period` times `unit` (UCUM).

    `said` is what the source has in words only. `needed` says `prn` for what is taken only when needed, and for what.
    """

    amount: str
    often: str
    period: str
    unit: str
    said: str
    route: str
    needed: str


@dataclass(slots=True)
class Drug:
    """A medicine merged over all prescriptions: the newest dose, all prescribers."""

    text: str
    dose: tuple[Step, ...]
    at: str
    until: str
    current: bool
    request: str
    places: list[Place] = field(default_factory=list)

    @property
    def overlap(self) -> bool:
        """Whether more than one organisation prescribes it."""
        return len({p.uscc for p in self.places}) > 1


def prescriptions(chart: Chart) -> dict[str, list[Resource]]:
    """MedicationRequests by prescription: the group identifier, else the request itself."""
    groups: dict[str, list[Resource]] = defaultdict(list)
    for request in chart.all("MedicationRequest"):
        group = first(request, "groupIdentifier")
        groups[f"{text_of(group, 'system')}|{text_of(group, 'value')}" if group else text_of(request, "id")].append(
            request
        )
    for group_items in groups.values():
        group_items.sort(key=lambda r: _number_at_end(text_of(first(r, "identifier"), "value")))
    return groups


def _number_at_end(value: str) -> tuple[int, str]:
    tail = value.rsplit(":", 1)[-1]
    return (int(tail) if tail.isdecimal() else 0, value)


def medicine(chart: Chart, request: Resource) -> str:
    """What a request prescribes: its own words, those of the Medication it refers to, else of the reference."""
    reference = first(request, "medicationReference")
    contained = {f"#{text_of(r, 'id')}": r for r in items(request, "contained")}
    literal = text_of(reference, "reference")
    known = contained.get(literal) or chart.medicines.get(target(reference)[1], EMPTY)
    words = concept_text(first(request, "medicationCodeableConcept")) or concept_text(first(known, "code"))
    return words or text_of(reference, "display") or text_of(first(reference, "identifier"), "value") or literal


def drugs_of(chart: Chart, now: datetime) -> list[Drug]:
    """Every medicine that was prescribed, the newest first."""
    drugs: dict[str, Drug] = {}
    requests = [r for group in prescriptions(chart).values() for r in group]
    for request in sorted(requests, key=lambda r: local(text_of(r, "authoredOn"))):
        if text_of(request, "status") not in _TAKEN or standing(request) in ("forbidden", "planned"):
            continue
        text = medicine(chart, request)
        at, until = local(text_of(request, "authoredOn")), ends(request)
        current = _is_current(request, until, at, now)
        drug = drugs.setdefault(text, Drug(text, (), at, until, False, ""))
        if current and not drug.current:
            drug.places.clear()
        if current or not drug.current:
            drug.dose, drug.at, drug.until, drug.request = steps_of(request), at, until, text_of(request, "id")
        drug.current = drug.current or current
        place = chart.directory.place(request)
        if place not in drug.places and (current or not drug.current):
            drug.places.append(place)
    return sorted(drugs.values(), key=lambda d: d.at, reverse=True)


def _is_current(request: Resource, until: str, at: str, now: datetime) -> bool:
    """Active and within its days; without stated days, not older than 90 days."""
    if text_of(request, "status") != "active":
        return False
    return until >= today(now).isoformat() if until else at >= days_before(now, _RECENT_DAYS)


def ends(request: Resource) -> str:
    """The last day of a prescription with stated days (UCUM `d`, `wk`, `mo`) or a stated end, or empty."""
    start = day(text_of(request, "authoredOn"))
    return max((_ends(dosage, start) for dosage in items(request, "dosageInstruction")), default="")


def _ends(dosage: Resource, start: str) -> str:
    repeat = first(first(dosage, "timing"), "repeat")
    bounds = first(repeat, "boundsDuration")
    factor = {"d": 1, "wk": 7, "mo": 30}.get(text_of(bounds, "code"))
    try:
        days = int(float(number_text(bounds.get("value")) or 0)) * (factor or 0)
        return (date.fromisoformat(start) + timedelta(days=days)).isoformat() if days else _stated_end(repeat)
    except (ValueError, OverflowError):
        return ""


def _stated_end(repeat: Resource) -> str:
    return day(text_of(first(repeat, "boundsPeriod"), "end"))


def steps_of(request: Resource) -> tuple[Step, ...]:
    """The steps of the dose of a request."""
    return tuple(_step(dosage) for dosage in items(request, "dosageInstruction"))


def _step(dosage: Resource) -> Step:
    rate = first(dosage, "doseAndRate")
    dose, bounds = first(rate, "doseQuantity"), first(rate, "doseRange")
    timing = first(dosage, "timing")
    repeat = first(timing, "repeat")
    often = "-".join(t for name in ("frequency", "frequencyMax") if (t := text_of(repeat, name)))
    amount = f"{number_text(dose.get('value'))}{unit_text(dose)}" if dose else ""
    if bounds:
        amount = f"{between(bounds)}{unit_text(first(bounds, 'high') or first(bounds, 'low'))}"
    needed = first(dosage, "asNeededCodeableConcept")
    period = "-".join(t for name in ("period", "periodMax") if (t := number_text(repeat.get(name))))
    written = concept_text(first(timing, "code"))
    return Step(
        amount=amount,
        often=often,
        period="" if period == "1" else period,
        unit=text_of(repeat, "periodUnit"),
        said=written or ("" if often and amount else text_of(dosage, "text")),
        route=concept_text(first(dosage, "route")),
        needed=f"prn {concept_text(needed)}".strip() if needed or dosage.get("asNeededBoolean") is True else "",
    )


def dose_text(steps: Iterable[Step], t: Words) -> str:
    """Dose, frequency and route of every step, in the words of a page: `0.5g 2次/日 口服`, `0.5g 2×/day 口服`."""
    return "; ".join(text for step in steps if (text := _step_text(step, t)))


def _step_text(step: Step, t: Words) -> str:
    each = step.said
    if step.often:
        span = _span(step, t)
        each = t("dose.often", n=step.often, span=span) if span else t("dose.times", n=step.often)
        if not step.amount:
            each = f"{step.said} {each}".strip()
    repeated = step.amount and re.search(rf"(?<![\d.]){re.escape(step.amount)}", step.said)
    return " ".join(part for part in ("" if repeated else step.amount, each, step.route, step.needed) if part)


def _span(step: Step, t: Words) -> str:
    """The time in which a dose is repeated; a unit that the catalogue does not have stays as the source wrote it."""
    known = t.maybe(f"dose.{step.unit}-n" if step.period else f"dose.{step.unit}", "")
    return known.format(n=step.period) if known else f"{step.period}{step.unit}"
