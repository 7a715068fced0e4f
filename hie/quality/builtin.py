"""The predicates that quality rules name: one question about a draft each, whatever the region.

`predicate(draft, **options)` gives None when the rule holds, else the draft: as it was, or without the value that the
clause leaves out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from hie.base.draft import Contribution, Draft, Event, Key, Slots
from hie.base.moment import Moment, read
from hie.base.national_id import birth_date, gender, is_national_id
from hie.base.systems import NATIONAL_ID

Predicate = Callable[..., Draft | None]

INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
CRITICAL = frozenset({"HH", "LL", "AA"})
_DIRECTED = frozenset({"H", "HH", "L", "LL"})
_FULL_DATE = len("YYYY-MM-DD")


def national_id_birth_date(draft: Draft) -> Draft | None:
    """Digits 7-14 of a valid national id say the same as a full birth date (common rules §4.1)."""
    for slots in stated(draft, "Patient"):
        born = slots.get("birthDate")
        if isinstance(born, str) and len(born) == _FULL_DATE and any(birth_date(n) != born for n in _numbers(slots)):
            return draft
    return None


def national_id_gender(draft: Draft) -> Draft | None:
    """Digit 17 of a valid national id (odd is male) says the same as a known gender (common rules §4.1)."""
    for slots in stated(draft, "Patient"):
        sent = slots.get("gender")
        if sent in ("male", "female") and any(gender(number) != sent for number in _numbers(slots)):
            return draft
    return None


def slot_stated(draft: Draft, *, type: str, slot: str) -> Draft | None:
    """What a part states about a resource of `type` has `slot` (`name[]`, also by a named share `name[]#x`); several
    statements of one part about the same resource count together."""
    stated: dict[Key, bool] = {}
    for contribution in _live(draft):
        if contribution.target.type != type or not contribution.exists or contribution.slots.get("active") is False:
            continue
        has = any(name.partition("#")[0] == slot and _filled(value) for name, value in contribution.slots.items())
        stated[contribution.target] = stated.get(contribution.target, False) or has
    return None if all(stated.values()) else draft


def period_forward(draft: Draft) -> Draft | None:
    """No visit ends before it starts; the end is left out, the status stays (common rules §5.2)."""
    fixed = tuple(_without_early_end(contribution) for contribution in draft.contributions)
    return None if fixed == draft.contributions else replace(draft, contributions=fixed)


def report_after_sampling(draft: Draft) -> Draft | None:
    """No report is issued before its specimen was taken (common rules §5.2); both times are kept."""
    for contribution in _live(draft):
        issued = _moment(contribution.slots.get("issued"))
        if contribution.target.type != "DiagnosticReport" or issued is None:
            continue
        if any(issued.is_before(sampled) for sampled in _sampled(contribution)):
            return draft
    return None


def range_agrees_with_flag(draft: Draft) -> Draft | None:
    """No number outside its range is flagged N, none inside it H, HH, L or LL (common rules §7.4)."""
    return draft if any(_contradicts(slots) for slots in stated(draft, "Observation")) else None


def not_critical(draft: Draft) -> Draft | None:
    """No interpretation is HH, LL or AA (common rules §7.4)."""
    return draft if any(CRITICAL & _flags(slots) for slots in stated(draft, "Observation")) else None


PREDICATES: Mapping[str, Predicate] = {
    "national-id-birth-date": national_id_birth_date,
    "national-id-gender": national_id_gender,
    "not-critical": not_critical,
    "period-forward": period_forward,
    "range-agrees-with-flag": range_agrees_with_flag,
    "report-after-sampling": report_after_sampling,
    "slot-stated": slot_stated,
}
"""Name in a rule -> predicate."""


def stated(draft: Draft, resource_type: str) -> Iterator[Slots]:
    """The slots of every resource of a type that the draft states, roots and members; nothing that it takes back."""
    for contribution in _live(draft):
        if contribution.target.type == resource_type:
            yield contribution.slots
        for member in contribution.members:
            if member.key.type == resource_type and not member.gone:
                yield member.slots


def _live(draft: Draft) -> Iterator[Contribution]:
    return (c for c in draft.contributions if not c.revoke and not c.withdraw)


def _filled(value: Any) -> bool:
    return value is not None and value != [] and value != ""


def _items(slots: Slots, slot: str) -> Iterator[Mapping[str, Any]]:
    """The items of all shares of a repeating slot."""
    for name, value in slots.items():
        if name.partition("#")[0] == slot:
            yield from (value if isinstance(value, list) else (value,) if value else ())


def _numbers(slots: Slots) -> list[str]:
    """The national ids with a right check digit."""
    sent = [str(item.get("value", "")) for item in _items(slots, "identifier[]") if item.get("system") == NATIONAL_ID]
    return [number for number in sent if is_national_id(number)]


def _moment(value: Any) -> Moment | None:
    return read(value) if isinstance(value, str) else None


def _without_early_end(contribution: Contribution) -> Contribution:
    if contribution.target.type != "Encounter" or contribution.revoke:
        return contribution
    start = _moment(contribution.slots.get("period.start"))
    if start is None:
        return contribution
    end = _moment(contribution.slots.get("period.end"))
    slots = contribution.slots
    if end is not None and end.is_before(start):
        slots = {name: value for name, value in slots.items() if name != "period.end"}
    events = tuple(_without_early_time(event, start) for event in contribution.events)
    return replace(contribution, slots=slots, events=events)


def _without_early_time(event: Event, start: Moment) -> Event:
    at = _moment(event.at)
    return replace(event, at=None) if event.code == "discharge" and at is not None and at.is_before(start) else event


def _sampled(contribution: Contribution) -> Iterator[Moment]:
    """When the specimens of a report were taken: its effective time, and the collection of its specimens."""
    chosen = contribution.slots.get("effective[x]") or {}
    times = [contribution.slots.get("effectiveDateTime"), chosen.get("effectiveDateTime")]
    for member in contribution.members:
        if member.key.type == "Specimen":
            collection = member.slots.get("collection") or {}
            times += [collection.get("collectedDateTime"), member.slots.get("collection.collectedDateTime")]
            times.append((member.slots.get("collection.collected[x]") or {}).get("collectedDateTime"))
    return (moment for at in times if (moment := _moment(at)) is not None)


def _flags(slots: Slots) -> set[str]:
    codings = (coding for item in _items(slots, "interpretation[]") for coding in item.get("coding", ()))
    return {str(coding.get("code")) for coding in codings if coding.get("system") == INTERPRETATION}


def _contradicts(slots: Slots) -> bool:
    flags = _flags(slots)
    number = _number((slots.get("value[x]") or {}).get("valueQuantity") or {})
    if number is None or not flags:
        return False
    for limits in _items(slots, "referenceRange[]"):
        inside = _inside(number, limits)
        if inside is not None and (("N" in flags and not inside) or (bool(flags & _DIRECTED) and inside)):
            return True
    return False


def _number(quantity: Mapping[str, Any]) -> Decimal | None:
    """The number of a Quantity; one with a comparator is not judged."""
    if quantity.get("value") is None or quantity.get("comparator"):
        return None
    try:
        return Decimal(str(quantity["value"]))
    except InvalidOperation:
        return None


def _inside(number: Decimal, limits: Mapping[str, Any]) -> bool | None:
    """Whether a number lies in a range; None without limits. A limit written `<5` or `>5` lies outside itself."""
    low, high = _number(limits.get("low") or {}), _number(limits.get("high") or {})
    if low is None and high is None:
        return None
    sent = str(limits.get("text", "")).strip()
    is_open = sent[:1] in ("<", ">", "＜", "＞") and sent[1:2] not in ("=", "＝")
    above = low is None or number > low or (number == low and not is_open)
    below = high is None or number < high or (number == high and not is_open)
    return above and below
