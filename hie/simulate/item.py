"""What leaves a hospital: acts, the items that tell of them, and faults that spoil items."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Generic, TypeVar

from hie.base.draft import Key
from hie.base.finding import disposition, finding
from hie.simulate.history import Record, Visit

M = TypeVar("M")

REFUSED = ("rejected", "quarantined")
"""Dispositions of items of which nothing is written."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that a hospital tells about a visit: when, what, and the number of the report it is about.

    `thread`: acts of one thread are about the same thing; one that `swaps` may arrive after the next of its thread.
    `late` are the findings of this act when it comes late, `early` those of the one that it changes places with; None
    means those of the region.
    """

    at: datetime
    what: str
    report: int = 0
    thread: str = ""
    swaps: bool = False
    late: frozenset[str] | None = None
    early: frozenset[str] | None = None


@dataclass(frozen=True)
class Fault(Generic[M]):
    """Something wrong with an item, of a kind of `dirt.FAULTS`, that can happen to messages `of` a class.

    `spoil` changes the message and gives True, or gives False when it does not apply to it. `findings` are those above
    info that the exchange must report. `refused`: the exchange does not take the item, so that the sender sends it
    again as it should be; `status` is the disposition of the spoilt one.
    """

    name: str
    kind: str
    spoil: Callable[[M], bool]
    findings: frozenset[str]
    status: str = "accepted-with-warnings"
    of: type = object

    @property
    def refused(self) -> bool:
        """Whether the item has to be sent again."""
        return self.status in REFUSED


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery: bytes, door and file ending, and the truth about it.

    `findings` are those above info that the exchange must report; of a refused item it may report `perhaps` as well,
    as far as it came to look.
    """

    at: datetime
    door: str
    ending: str
    body: bytes
    label: str
    person: int
    patient: str
    fault: str
    status: str
    findings: frozenset[str]
    perhaps: frozenset[str] = frozenset()

    @property
    def taken(self) -> bool:
        """Whether the exchange writes what it says."""
        return self.status not in REFUSED


@lru_cache(maxsize=256)
def status_of(findings: frozenset[str]) -> str:
    """The disposition of an item of one part with these findings."""
    return disposition(tuple(finding(code) for code in findings)).value


def patient_reference(record: Record) -> str:
    """The Patient that the exchange makes of a record: its natural key by the interface document of the region."""
    hospital, local = record.hospital, record.local
    kind, value = {
        "wujiang": ("2.16.156.10011.2.5.1.4", f"L{local:08d}"),
        "jiashan": _document_key(record),
        "qingpu": ("card-1", f"KH{local:08d}"),
    }[hospital.region]
    return Key(hospital.region, hospital.uscc, "Patient", kind, value).reference


def temporary_number(visit: Visit) -> str:
    """The LocalID under which an emergency was registered before it was known who came."""
    return f"T{visit.number}"


def temporary_reference(visit: Visit) -> str:
    """The Patient that the exchange makes of a temporary registration, and retires when it is merged."""
    hospital = visit.hospital
    value = temporary_number(visit)
    return Key(hospital.region, hospital.uscc, "Patient", "2.16.156.10011.2.5.1.4", value).reference


def _document_key(record: Record) -> tuple[str, str]:
    if record.national_id:
        return "2.16.156.10011.1.3", record.national_id
    return "2.16.156.10011.1.19", record.health_card


def compact(moment: datetime) -> str:
    """`YYYYMMDDHHMMSS`."""
    return f"{moment:%Y%m%d%H%M%S}"
