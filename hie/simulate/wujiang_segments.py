"""Segments of Wujiang's messages about a visit (interface document `wujiang-hl7v2`)."""

from hie.simulate.history import Visit
from hie.simulate.item import Act, compact, temporary_number
from hie.simulate.reports import Report
from hie.simulate.results import Result

Segment = list[str]
"""Fields of a segment: index 0 is the name; MSH-1 is left out of MSH."""

_CLASSES = {"outpatient": "O", "emergency": "E", "inpatient": "I"}
_SECOND_WARD = ("W15", "重症监护病区")
_TYPES = ("IDCard", "LocalID", "IdentifyNO", "HealthCard")
"""CX.5 of hospital card, patient index, national id and health card; the hospital card is shared by design."""


def header(visit: Visit, act: Act, application: str, type_: str) -> Segment:
    """MSH of a message; the control id is told apart by visit, act and report."""
    hospital = visit.hospital
    control = f"{hospital.code}{visit.number}{act.what}{act.report}"
    sent = compact(act.at)
    sender = f"{hospital.code}^{hospital.uscc}^USCC"
    return ["MSH", "^~\\&", application, sender, "HIE", "YRD", sent, "", type_, control, "P", "2.4",
            "", "", "", "", "CHN", hospital.label]  # fmt: skip


def _nameless(visit: Visit, act: Act) -> bool:
    """Whether a message goes under the temporary registration: the laboratory never learns of the merge."""
    return visit.merged is not None and (act.at < visit.merged or not act.what.startswith("A"))


def unknown(visit: Visit) -> Segment:
    """Somebody whose papers nobody has seen yet."""
    record = visit.record
    number = f"{temporary_number(visit)}^^^^{number_types(visit)[1]}"
    return ["PID", "1", "", number, "", record.name, "", f"{record.person.born:%Y%m%d}", "MF"[not record.person.male]]


def number_types(visit: Visit) -> tuple[str, ...]:
    """CX.5 of hospital card, patient index, national id and health card."""
    return ("21", "1", "51", "HealthCard") if visit.hospital.code == "WJZY" else _TYPES


def person_segment(visit: Visit, act: Act, full: bool = False) -> Segment:
    """PID, with address, phone and marriage where it is `full`; of somebody whose name is not known yet only that."""
    if _nameless(visit, act):
        return unknown(visit)
    record, person = visit.record, visit.record.person
    types = number_types(visit)
    numbers = [
        (f"{record.local % 50_000:010d}", types[0]),
        (f"L{record.local:08d}", types[1]),
        (record.national_id, types[2]),
        (record.health_card, types[3]),
    ]
    identifiers = "~".join(f"{number}^^^^{kind}" for number, kind in numbers if number)
    segment = ["PID", "1", "", identifiers, "", record.name, "", f"{person.born:%Y%m%d}", "M" if person.male else "F"]
    if not full:
        return segment
    segment += ["", "", f"{person.address}^^^^^^H", "", person.phone, "", ""]
    return [*segment, "20^已婚" if person.spouse else "10^未婚", "", "", "", "", "", "1^汉族"]


def visit_segment(visit: Visit, act: Act) -> Segment:
    """PV1: class, place and doctor; the end of a stay only when it is over."""
    moved = visit.moved is not None and act.at >= visit.moved and not (visit.returned and act.at >= visit.returned)
    segment = [
        "PV1",
        "1",
        _CLASSES[visit.kind],
        _place(visit, *(_SECOND_WARD if moved else visit.place)),
        "",
        "",
        "",
        f"{visit.doctor_number}^{visit.doctor}",
    ]
    segment += [""] * 6
    segment.append({"inpatient": "2", "emergency": "1", "outpatient": ""}[visit.kind])
    segment += [""] * (19 - len(segment))
    segment.append(f"V{visit.number}")
    segment += [""] * (36 - len(segment))
    segment.append("1" if act.what == "A03" else "")
    segment += [""] * (44 - len(segment))
    segment.append(compact(visit.start))
    return [*segment, compact(act.at)] if act.what == "A03" else segment


def _place(visit: Visit, code: str, name: str) -> str:
    """Where somebody is; only those who stay have a room and a bed."""
    room, bed = (f"{code[1:]}01", f"{visit.record.local % 40 + 1:02d}") if visit.end else ("", "")
    return f"{bed}^^^{code}^{name}" if visit.hospital.code == "WJZY" else f"{code}^{room}^{bed}^^^^^^{name}"


def diagnosis(visit: Visit, kind: str) -> Segment:
    """DG1: what somebody was admitted for (`A`) or had (`F`), by ICD-10."""
    return ["DG1", "1", "", f"{visit.disease.code}^{visit.disease.name}^I10", "", "", kind]


def service(report: Report) -> str:
    """OBR-4: what was ordered, by the code of the hospital."""
    return f"{report.panel.code}^{report.panel.name}^99WJL"


def order_number(prefix: str, visit: Visit, report: int) -> str:
    """The number of an order, a specimen or a report of a visit."""
    return f"{prefix}{visit.number}{report}"


def result_segment(place: int, result: Result, analyser: bool, status: str) -> Segment:
    """OBX of one result; an analyser names the item by its number."""
    analyte = result.analyte
    item = f"^^^{analyte.number}^{analyte.name}^99WJN" if analyser else f"{analyte.code}^{analyte.name}^99WJL"
    value = [result.value, analyte.unit, result.interval, result.flag]
    return ["OBX", str(place), "NM" if result.numeric else "ST", item, "", *value, "", "", status]
