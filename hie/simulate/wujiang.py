"""Wujiang: a visit as HL7 v2.4 messages (interface document `wujiang-hl7v2`)."""

from dataclasses import dataclass
from datetime import timedelta

from hie.simulate.history import Report, Result, Visit
from hie.simulate.item import Act, compact

DOOR, ENDING = "wujiang-hl7v2", "hl7"
_CLASSES = {"outpatient": "O", "emergency": "E", "inpatient": "I"}
_SECOND_WARD = ("W15", "重症监护病区")

Segment = list[str]


@dataclass
class Message:
    """A message before it is written: segments as lists of fields (index 0 is the name; MSH-1 is left out of MSH).

    `charset` writes the bytes, whatever MSH-18 says; `end` is what ends a segment.
    """

    type: str
    segments: list[Segment]
    charset: str
    end: str

    def first(self, name: str) -> Segment | None:
        """The first segment of a name."""
        return next((segment for segment in self.segments if segment[0] == name), None)

    def bytes(self) -> bytes:
        """The message as it is sent, without MLLP framing."""
        lines = ["|".join(_trimmed(segment)) for segment in self.segments]
        return (self.end.join(lines) + self.end).encode(self.charset)


def acts(visit: Visit) -> list[Act]:
    """What is sent about a visit, in order."""
    if visit.cancelled:
        return [Act(visit.start, "A04"), Act(visit.start + timedelta(minutes=20), "A11")]
    found = [Act(visit.start, "A01" if visit.end else "A04")]
    if visit.moved:
        found.append(Act(visit.moved, "A02", thread="adt", swaps=True))
    for number, report in enumerate(visit.reports):
        found.append(Act(report.sampled - timedelta(minutes=5), "ORM", number))
        found.append(Act(report.issued, "ORU", number))
        if report.again:
            found.append(Act(report.issued + timedelta(hours=3), "ORU-C", number))
    if visit.end:
        found.append(Act(visit.end - timedelta(hours=1), "A08", thread="adt", swaps=True))
        found.append(Act(visit.end, "A03", thread="adt"))
    elif visit.record.person.number % 5 == 0:
        found.append(Act(visit.start + timedelta(hours=7), "A31"))
    return sorted(found, key=lambda act: act.at)


def message(visit: Visit, act: Act) -> Message:
    """The message of an act."""
    if act.what == "ORM":
        return _order(visit, act)
    if act.what.startswith("ORU"):
        return _report(visit, act)
    return _event(visit, act)


def _event(visit: Visit, act: Act) -> Message:
    type_ = f"ADT^{act.what}"
    segments = [_header(visit, act, "HIS", type_), ["EVN", act.what, compact(act.at)], _person(visit, full=True)]
    if visit.fresh and act.what in ("A01", "A04") and visit.record.person.married:
        segments.append(["NK1", "1", visit.record.name[0] + "先生", "配偶", "", visit.record.person.phone])
    if act.what != "A31":
        segments.append(_visit(visit, act))
    if act.what == "A01":
        segments.append(_diagnosis(visit, "A"))
    if act.what == "A03":
        segments.append(_diagnosis(visit, "F"))
    return _message(visit, type_, segments)


def _order(visit: Visit, act: Act) -> Message:
    report = visit.reports[act.report]
    number = _number("SQ", visit, act.report)
    segments = [
        _header(visit, act, "HIS", "ORM^O01"),
        _person(visit),
        _visit(visit, act),
        ["ORC", "NW", number, *[""] * 6, compact(act.at), "", "", f"D{visit.hospital.number}01^{visit.doctor}"],
        ["OBR", "1", number, "", _service(report)],
    ]
    return _message(visit, "ORM^O01", segments)


def _report(visit: Visit, act: Act) -> Message:
    report = visit.reports[act.report]
    corrected = act.what == "ORU-C"
    analyser = visit.hospital.code == "WJZY" and all(result.analyte.number for result in report.results)
    type_ = "OUL^R24" if analyser else "ORU^R01"
    order = ["OBR", "1", _number("SQ", visit, act.report), _number("B", visit, act.report), _service(report)]
    order += ["", "", compact(report.sampled), *[""] * 7]
    order += ["" if analyser else "^".join(report.panel.specimen), *[""] * 6, compact(act.at), "", ""]
    order.append("C" if corrected else "F")
    segments = [_header(visit, act, "LIS", type_), _person(visit), _visit(visit, act), order]
    if analyser:
        segments.append(["SPM", "1", _number("BB", visit, act.report), "", "^".join(report.panel.specimen)])
    results = (report.again,) if corrected and report.again else report.results
    for place, result in enumerate(results, start=1):
        segments.append(_observation(place, result, analyser, "C" if corrected else "F"))
    return _message(visit, type_, segments)


def _observation(place: int, result: Result, analyser: bool, status: str) -> Segment:
    analyte = result.analyte
    item = f"^^^{analyte.number}^{analyte.name}^99WJN" if analyser else f"{analyte.code}^{analyte.name}^99WJL"
    value = [result.value, analyte.unit, analyte.interval, result.flag]
    return ["OBX", str(place), "NM", item, "", *value, "", "", status]


def _header(visit: Visit, act: Act, application: str, type_: str) -> Segment:
    hospital = visit.hospital
    control = f"{hospital.code}{visit.number}{act.what}{act.report}"
    sent = compact(act.at)
    sender = f"{hospital.code}^{hospital.uscc}^USCC"
    return ["MSH", "^~\\&", application, sender, "HIE", "YRD", sent, "", type_, control, "P", "2.4",
            "", "", "", "", "CHN", hospital.label]  # fmt: skip


def _person(visit: Visit, full: bool = False) -> Segment:
    record, person = visit.record, visit.record.person
    types = ("21", "1", "51", "HealthCard") if visit.hospital.code == "WJZY" else _TYPES
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
    return [*segment, "20^已婚" if person.married else "10^未婚", "", "", "", "", "", "1^汉族"]


_TYPES = ("IDCard", "LocalID", "IdentifyNO", "HealthCard")
"""CX.5 of hospital card, patient index, national id and health card; the hospital card is shared by design."""


def _visit(visit: Visit, act: Act) -> Segment:
    moved = visit.moved is not None and act.at >= visit.moved
    ward, name = _SECOND_WARD if moved else visit.disease.ward
    bed = f"{visit.record.local % 40 + 1:02d}"
    place = f"{bed}^^^{ward}^{name}" if visit.hospital.code == "WJZY" else f"{ward}^{ward[1:]}01^{bed}^^^^^^{name}"
    segment = ["PV1", "1", _CLASSES[visit.kind], place, "", "", "", f"D{visit.hospital.number}01^{visit.doctor}"]
    segment += [""] * 6
    segment.append({"inpatient": "2", "emergency": "1", "outpatient": ""}[visit.kind])
    segment += [""] * (19 - len(segment))
    segment.append(f"V{visit.number}")
    segment += [""] * (36 - len(segment))
    segment.append("1" if act.what == "A03" else "")
    segment += [""] * (44 - len(segment))
    segment.append(compact(visit.start))
    return [*segment, compact(act.at)] if act.what == "A03" else segment


def _diagnosis(visit: Visit, kind: str) -> Segment:
    return ["DG1", "1", "", f"{visit.disease.code}^{visit.disease.name}^I10", "", "", kind]


def _service(report: Report) -> str:
    return f"{report.panel.code}^{report.panel.name}^99WJL"


def _number(prefix: str, visit: Visit, report: int) -> str:
    return f"{prefix}{visit.number}{report}"


def _message(visit: Visit, type_: str, segments: list[Segment]) -> Message:
    end = "\r\n" if visit.hospital.code == "WJSL" else "\r"
    return Message(type_, segments, visit.hospital.charset, end)


def _trimmed(segment: Segment) -> Segment:
    last = max((n for n, field in enumerate(segment) if field), default=0)
    return segment[: last + 1]


