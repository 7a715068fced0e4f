"""Predicates about results: value against range, flag and what a body can have."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from hie.base.draft import Key
from hie.base.systems import CODE_SYSTEM, CRITICAL_FLAGS, INTERPRETATION, LOINC
from hie.fhir.quantity import same_unit, side
from hie.quality.about import About, Stated
from hie.quality.predicate import DocumentTest, Predicate, ResourceTest
from hie.quality.shape import as_number, quantity_number

QUALITATIVE = f"{CODE_SYSTEM}/qualitative"
_DIRECTED = frozenset({"H", "HH", "L", "LL"})
_HIGH, _LOW = frozenset({"H", "HH"}), frozenset({"L", "LL"})
_ABNORMAL = frozenset({"A", "AA"})

Rows = Sequence[Mapping[str, str]]


def range_agrees_with_flag(stated: Stated, about: About) -> bool:
    """No number outside its range is flagged N, none inside it H, HH, L or LL (common rules §7.4)."""
    where = _side(stated)
    if where is None:
        return True
    flags = _flags(stated)
    return not ("N" in flags if where else flags & _DIRECTED)


def not_critical(stated: Stated, about: About) -> bool:
    """No interpretation is HH, LL or AA (common rules §7.4)."""
    return CRITICAL_FLAGS.isdisjoint(_flags(stated))


def flag_points_the_right_way(stated: Stated, about: About) -> bool:
    """No number below its range is flagged high, none above it low."""
    where = _side(stated)
    return not where or _flags(stated).isdisjoint(_HIGH if where < 0 else _LOW)


def flag_stated(stated: Stated, about: About) -> bool:
    """A number outside its range has a flag."""
    return not _side(stated) or bool(stated.resource.get("interpretation"))


def word_agrees_with_flag(stated: Stated, about: About) -> bool:
    """No negative result is flagged A, AA, H or HH, no positive one N, unless the range says that positive is usual."""
    codings = (stated.resource.get("valueCodeableConcept") or {}).get("coding", ())
    words = {coding.get("code") for coding in codings if coding.get("system") == QUALITATIVE}
    if not words:
        return True
    flags = _flags(stated)
    usual = {str(limits.get("text", "")).strip() for limits in stated.resource.get("referenceRange", ())}
    if "neg" in words:
        return flags.isdisjoint(_ABNORMAL | _HIGH) or bool(usual & {"阳性", "(+)", "+"})
    return "pos" not in words or "N" not in flags or bool(usual & {"阳性", "(+)", "+"})


def plausible(*, table: Rows) -> ResourceTest:
    """A number with a LOINC and UCUM code lies within what a living body can have (`table`: loinc, unit, low, high)."""
    limits = {(row["loinc"], row["unit"]): (_limit(row["low"]), _limit(row["high"])) for row in table}

    def test(stated: Stated, about: About) -> bool:
        quantity = stated.resource.get("valueQuantity")
        if not quantity:
            return True
        found = limits.get((_loinc(stated), str(quantity.get("code", ""))))
        number = as_number(quantity.get("value")) if found is not None else None
        return found is None or number is None or found[0] <= number <= found[1]

    return test


def _limit(text: str) -> Decimal:
    number = as_number(text)
    if number is None:
        raise ValueError(f"{text!r} is no number")
    return number


def usual_unit(*, table: Rows) -> ResourceTest:
    """A number of a known item has one of its units (`table`: loinc, unit, ...); one without unit is not judged."""
    units: dict[str, set[str]] = {}
    for row in table:
        units.setdefault(row["loinc"], set()).add(row["unit"])

    def test(stated: Stated, about: About) -> bool:
        quantity = stated.resource.get("valueQuantity")
        unit = (quantity.get("code") or quantity.get("unit")) if quantity else None
        known = units.get(_loinc(stated)) if unit else None
        return known is None or unit in known

    return test


def final_results(about: About) -> bool:
    """A final report has no preliminary or registered results."""
    open_ = ("preliminary", "registered")
    return not any(
        result.contribution.slots.get("status") == "final" and result.slots.get("status") in open_
        for result in about.of("Observation")
        if not result.root
    )


def adds_up(*, total: str, parts: Sequence[str], tolerance: float) -> DocumentTest:
    """The result with LOINC code `total` is no smaller than each of `parts` (less `tolerance`) in the same report and
    unit."""
    slack = Decimal(str(tolerance))

    def test(about: About) -> bool:
        reports: dict[Key, dict[tuple[str, str], Decimal]] = {}
        for one in _measured(about):
            quantity = one.resource["valueQuantity"]
            number = quantity_number(quantity)
            if number is not None:
                found = reports.setdefault(one.contribution.target, {})
                found[_loinc(one), str(quantity.get("code", ""))] = number
        return all(
            whole + slack >= found.get((part, unit), whole)
            for found in reports.values()
            for (loinc, unit), whole in found.items()
            if loinc == total
            for part in parts
        )

    return test


def _measured(about: About) -> Iterator[Stated]:
    return (one for one in about.of("Observation") if "valueQuantity" in one.resource)


def _loinc(stated: Stated) -> str:
    """The LOINC code of a result, empty without one."""
    if "loinc" not in stated.known:
        codings = (stated.resource.get("code") or {}).get("coding", ())
        stated.known["loinc"] = next((str(c.get("code")) for c in codings if c.get("system") == LOINC), "")
    found: str = stated.known["loinc"]
    return found


def _flags(stated: Stated) -> frozenset[str]:
    """The international flags of a result."""
    if "flags" not in stated.known:
        stated.known["flags"] = frozenset(
            str(coding.get("code"))
            for concept in stated.resource.get("interpretation", ())
            for coding in concept.get("coding", ())
            if coding.get("system") == INTERPRETATION
        )
    found: frozenset[str] = stated.known["flags"]
    return found


def _side(stated: Stated) -> int | None:
    """Where the number of a result lies: -1 below its range, 0 inside, 1 above; None without a number or limits.

    None too with several ranges, as it is not known here which of them holds for the person (R4
    Observation.referenceRange.appliesTo, age), and where a limit is in another unit.
    """
    if "side" not in stated.known:
        ranges = stated.resource.get("referenceRange", ())
        stated.known["side"] = _placed(stated.resource.get("valueQuantity"), ranges[0]) if len(ranges) == 1 else None
    found: int | None = stated.known["side"]
    return found


def _placed(quantity: Mapping[str, Any] | None, limits: Mapping[str, Any]) -> int | None:
    number, ends = quantity_number(quantity), [limits.get(end) or {} for end in ("low", "high")]
    if quantity is None or number is None or not all(same_unit(end, quantity) for end in ends):
        return None
    low, high = map(quantity_number, ends)
    return side(number, low, high, str(limits.get("text", "")))


PREDICATES = {
    "range-agrees-with-flag": Predicate("resource", lambda: range_agrees_with_flag),
    "not-critical": Predicate("resource", lambda: not_critical),
    "flag-points-the-right-way": Predicate("resource", lambda: flag_points_the_right_way),
    "flag-stated": Predicate("resource", lambda: flag_stated),
    "word-agrees-with-flag": Predicate("resource", lambda: word_agrees_with_flag),
    "plausible": Predicate("resource", plausible, table=True),
    "usual-unit": Predicate("resource", usual_unit, table=True),
    "final-results": Predicate("document", lambda: final_results),
    "adds-up": Predicate("document", adds_up),
}
