"""How each region turns a visit into bytes: one row each, so that traffic knows no region by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hie.simulate import jiashan, jiashan_faults, qingpu, qingpu_faults, wujiang, wujiang_faults
from hie.simulate.history import Visit
from hie.simulate.item import Act, Fault, patient_reference, temporary_number, temporary_reference


@dataclass(frozen=True)
class Region:
    """`acts` and `message` make what is sent, `door` says where it goes; `habits` are the findings above info that an
    item without fault gets, because of how the hospital writes or what its clerk got wrong for good. `late` are the
    findings of an act that arrives after the next of its thread; `early` those of the one that came too soon; `patient`
    names the Patient that an item is about."""

    acts: Callable[[Visit], list[Act]]
    message: Callable[[Visit, Act], Any]
    door: Callable[[Any], str]
    ending: str
    faults: Sequence[Fault[Any]]
    rename: Callable[[Any], None]
    habits: Callable[[Visit, Any], frozenset[str]]
    lag: timedelta
    late: frozenset[str] = frozenset()
    early: frozenset[str] = frozenset()
    patient: Callable[[Visit, Any], str] = lambda visit, _: patient_reference(visit.record)


def _clerk(visit: Visit) -> frozenset[str]:
    return frozenset({visit.record.spoilt} - {""})


def _wujiang_habits(visit: Visit, message: wujiang.Message | wujiang.Batch) -> frozenset[str]:
    if isinstance(message, wujiang.Batch):
        return frozenset().union(*(_wujiang_habits(visit, one) for one in message.messages))
    person = message.first("PID") or []
    shown = bool(visit.record.national_id) and visit.record.national_id in person[3]
    inverse = message.type == "ADT^A40" and message.segments[0][9].endswith("A40-I0")
    return (_clerk(visit) if shown else frozenset()) | (frozenset({"merge-inverse"}) if inverse else frozenset())


def _wujiang_patient(visit: Visit, message: wujiang.Message | wujiang.Batch) -> str:
    one = message.messages[0] if isinstance(message, wujiang.Batch) else message
    temporary = temporary_number(visit) in (one.first("PID") or [""] * 4)[3]
    return temporary_reference(visit) if temporary else patient_reference(visit.record)


def _jiashan_habits(visit: Visit, document: jiashan.Document) -> frozenset[str]:
    flat = document.type == "C0007" and visit.hospital.code == "JSWT"
    several = flat and len(visit.reports[document.report].results) > 1
    return _clerk(visit) | (frozenset({"pairing-assumed"}) if several else frozenset())


def _qingpu_habits(visit: Visit, envelope: qingpu.Envelope) -> frozenset[str]:
    misdeclared = visit.hospital.label != "UTF-8" and envelope.declared == "UTF-8"
    habits = frozenset({"charset-mismatch"}) if misdeclared else frozenset()
    return habits | (_clerk(visit) if envelope.of(qingpu.PATIENT) else frozenset())


REGIONS: Mapping[str, Region] = {
    "wujiang": Region(
        acts=wujiang.acts,
        message=wujiang.message,
        door=lambda _: wujiang.DOOR,
        ending=wujiang.ENDING,
        faults=wujiang_faults.FAULTS,
        rename=wujiang_faults.rename,
        patient=_wujiang_patient,
        habits=_wujiang_habits,
        lag=timedelta(seconds=2),
        late=frozenset({"stale-update"}),
    ),
    "jiashan": Region(
        acts=jiashan.acts,
        message=jiashan.message,
        door=lambda document: jiashan.DOORS[document.registered],
        ending=jiashan.ENDING,
        faults=jiashan_faults.FAULTS,
        rename=jiashan_faults.rename,
        habits=_jiashan_habits,
        lag=timedelta(seconds=30),
        late=frozenset({"stale-update"}),
    ),
    "qingpu": Region(
        acts=qingpu.acts,
        message=qingpu.message,
        door=lambda _: qingpu.DOOR,
        ending=qingpu.ENDING,
        faults=qingpu_faults.FAULTS,
        rename=qingpu_faults.rename,
        habits=_qingpu_habits,
        lag=timedelta(seconds=10),
        early=frozenset({"orphan-reference"}),
    ),
}
"""Region code -> how it sends."""
