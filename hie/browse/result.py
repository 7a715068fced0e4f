"""Observations as they are shown: value as written, unit, range, flag. Nothing is rounded or converted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hie.base.resource import Resource
from hie.base.systems import INTERPRETATION, LOINC
from hie.browse.elements import code_in, codings, concept_text, effective, first, items, text_of
from hie.browse.place import Place
from hie.browse.value import range_text, value_text, value_unit
from hie.fhir.quantity import same_unit, side

AMENDED = frozenset({"amended", "corrected", "appended"})
UNFINISHED = frozenset({"registered", "partial", "preliminary"})
WITHDRAWN = "entered-in-error"
ENDED: Mapping[str, str] = {WITHDRAWN: "withdrawn", "cancelled": "cancelled"}
"""Statuses of what does not count -> the mark that says so."""


@dataclass(frozen=True, slots=True)
class Flag:
    """How one interpretation is shown: `code` is the key of its word, `arrow` stands before it, `rank` sorts."""

    code: str
    arrow: str
    rank: int

    @property
    def abnormal(self) -> bool:
        """Whether it deserves a mark."""
        return self.rank < 4

    @property
    def critical(self) -> bool:
        """Whether it is a critical value."""
        return self.rank == 0


FLAGS: Mapping[str, Flag] = {
    "HH": Flag("HH", "↑↑", 0),
    "LL": Flag("LL", "↓↓", 0),
    "AA": Flag("AA", "‼", 0),
    "HU": Flag("H", "↑", 1),
    "H": Flag("H", "↑", 1),
    "LU": Flag("L", "↓", 1),
    "L": Flag("L", "↓", 1),
    "A": Flag("A", "※", 2),
    "N": Flag("N", "", 5),
}
"""Interpretation codes that have a mark (common rules §7.4)."""
UNKNOWN = Flag("unknown", "", 4)
SAID = frozenset({"S", "SDD", "I", "R", "NS", "POS", "NEG", "IND", "DET", "ND"})
"""Interpretation codes that have a word and no mark: susceptibility, and what a test came out as."""


@dataclass(frozen=True, slots=True)
class Result:
    """One result. `value` is the text of the source decimal, `range` empty when the laboratory gave none.

    `derived` says that the flag is ours, from the laboratory's own range, because the source gave none; `said` is what
    the source said where no mark stands for it, each as the key of its word or in words. `absent` is why there is no
    value, as a code or in words. `about` are other results that it belongs to, with the key of the word for how: the
    organism that an antibiotic was tested on, the panel that it is a member of.
    `word` is the key of the word that stands for the value of a yes-or-no result.
    `code` is system and code of the first coding that says more than the name does; `specimen` the kind of material.
    `number` is for drawing only and None when the value is no plain number. `part` names the component that this is; it
    is empty for the Observation as a whole.
    """

    id: str
    name: str
    value: str
    unit: str
    range: str
    flag: Flag
    derived: bool
    status: str
    at: str
    loinc: str
    number: Decimal | None
    unit_code: str
    low: Decimal | None
    high: Decimal | None
    notes: tuple[str, ...]
    method: str
    device: str
    long: bool
    place: Place
    said: tuple[str, ...] = ()
    absent: str = ""
    part: str = ""
    word: str = ""
    code: str = ""
    specimen: str = ""
    about: tuple[tuple[str, str], ...] = ()

    @property
    def analyte(self) -> str:
        """What results of one trend have in common: the LOINC code, else system and code of the laboratory, else name,
        unit and specimen together. Empty for a result without a name."""
        if self.loinc or self.code or not self.name:
            return self.loinc or self.code
        return "\n".join((self.name, self.unit_code, self.specimen))

    @property
    def amended(self) -> bool:
        """Whether the issuer has changed it since."""
        return self.status in AMENDED

    @property
    def withdrawn(self) -> bool:
        """Whether the issuer has taken it back."""
        return self.status == WITHDRAWN

    @property
    def ended(self) -> bool:
        """Whether it does not count: taken back, or cancelled."""
        return self.status in ENDED

    @property
    def mark(self) -> str:
        """Key of the word for a status that is not simply final, or empty."""
        return ENDED.get(self.status) or ("amended" if self.amended else "preliminary" if self.unfinished else "")

    @property
    def unfinished(self) -> bool:
        """Whether the issuer has not verified it yet."""
        return self.status in UNFINISHED


def decimal(value: Any) -> Decimal | None:
    """A JSON number for comparing and drawing."""
    return Decimal(str(value)) if isinstance(value, Decimal | int | float) and not isinstance(value, bool) else None


def flag_of(holder: Resource, low: Decimal | None, high: Decimal | None) -> tuple[Flag, bool]:
    """The flag and whether it is derived from these bounds. The gravest flag of the source wins, whatever they say."""
    stated = items(holder, "interpretation")
    if not stated:
        return _derived(holder, low, high)
    known = [FLAGS[code] for c in stated if (code := code_in(c, INTERPRETATION)) in FLAGS]
    return min(known, key=lambda f: f.rank, default=UNKNOWN), False


_DERIVED = {-1: "L", 0: "N", 1: "H"}


def _derived(holder: Resource, low: Decimal | None, high: Decimal | None) -> tuple[Flag, bool]:
    quantity = first(holder, "valueQuantity")
    value = decimal(quantity.get("value"))
    if value is None or "comparator" in quantity:
        return UNKNOWN, False
    where = side(value, low, high, text_of(first(holder, "referenceRange"), "text"))
    return (UNKNOWN, False) if where is None else (FLAGS[_DERIVED[where]], True)


def bounds(holder: Resource) -> tuple[Decimal | None, Decimal | None]:
    """Low and high of the reference range.

    None of several ranges, as it is not known here which holds, nor one in another unit than that of the value.
    """
    ranges, value = items(holder, "referenceRange"), first(holder, "valueQuantity")
    if len(ranges) != 1 or not value:
        return None, None
    ends = [first(ranges[0], end) for end in ("low", "high")]
    low, high = (decimal(end.get("value")) if same_unit(end, value) else None for end in ends)
    return low, high


def results(observation: Resource, place: Place, specimen: str = "") -> list[Result]:
    """An Observation as it is read: one line for its own value, one for each component (systolic and diastolic).

    A panel that only holds others together has none.
    """
    parts = [_part(observation, component, place, specimen) for component in items(observation, "component")]
    own = result(observation, place, specimen)
    empty = not (own.value or own.absent or own.flag.abnormal)
    return parts if empty and (parts or "hasMember" in observation) else [own, *parts]


def _part(observation: Resource, component: Resource, place: Place, specimen: str) -> Result:
    name = concept_text(first(component, "code"))
    one = result({**component, **{k: observation[k] for k in _OF_THE_WHOLE if k in observation}}, place, specimen)
    whole = concept_text(first(observation, "code"))
    return replace(one, name=f"{whole} · {name}" if whole and name else whole or name, part=name)


_OF_THE_WHOLE = ("id", "status", "effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued")


def _local_code(concept: Resource) -> str:
    """System and code of the first coding that has both; a code that only repeats the name says nothing of its own."""
    named = ((text_of(c, "system"), text_of(c, "code")) for c in codings(concept))
    name = concept_text(concept)
    return next((f"{system}|{code}" for system, code in named if system and code and code != name), "")


def _interpreted(concept: Resource) -> str:
    """An interpretation as the source wrote it, else the key of the word for its code, else as it is coded."""
    code = code_in(concept, INTERPRETATION)
    return f"said.{code}" if code in SAID and not text_of(concept, "text") else concept_text(concept)


def result(observation: Resource, place: Place, specimen: str = "") -> Result:
    """One Observation as a `Result`, without its components; `specimen` is what it was measured in, if known."""
    quantity = first(observation, "valueQuantity")
    low, high = bounds(observation)
    flag, derived = flag_of(observation, low, high)
    value = value_text(observation)
    reason = first(observation, "dataAbsentReason")
    stated = [_interpreted(c) for c in items(observation, "interpretation")]
    return Result(
        id=text_of(observation, "id"),
        name=concept_text(first(observation, "code")),
        value=value,
        word=f"yes-no.{value}" if "valueBoolean" in observation and value in ("true", "false") else "",
        unit=value_unit(observation),
        range=range_text(observation),
        flag=flag,
        derived=derived,
        status=text_of(observation, "status"),
        at=effective(observation) or text_of(observation, "issued"),
        loinc=code_in(first(observation, "code"), LOINC),
        code=_local_code(first(observation, "code")),
        specimen=specimen,
        number=None if "comparator" in quantity else decimal(quantity.get("value")),
        unit_code=text_of(quantity, "code") or text_of(quantity, "unit"),
        low=low,
        high=high,
        notes=tuple(t for n in items(observation, "note") if (t := text_of(n, "text"))),
        method=concept_text(first(observation, "method")),
        device=text_of(first(observation, "device"), "display"),
        long=len(value) > 60 or "\n" in value,
        place=place,
        said=tuple(t for t in stated if t) if flag is UNKNOWN else (),
        absent=next((text_of(c, "code") for c in codings(reason)), "") or text_of(reason, "text"),
    )
