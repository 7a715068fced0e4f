"""Wujiang: a visit as HL7 v2.4 messages and batches (interface document `wujiang-hl7v2`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from hie.simulate.history import Visit
from hie.simulate.item import Act, compact, temporary_number
from hie.simulate.reports import Report
from hie.simulate.results import Result

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


@dataclass
class Batch:
    """Messages of one evening in one body: `FHS BHS {message} BTS FTS` (§8.3); `count` is BTS-1 when it is wrong."""

    messages: list[Message]
    sender: str
    number: str
    sent: str
    count: int | None = None
    type: str = "batch"

    def bytes(self) -> bytes:
        """The batch as it is sent; every message keeps its segment ends."""
        end = self.messages[0].end
        place = f"HIS|{self.sender}|HIE|YRD|{self.sent}|"
        count = len(self.messages) if self.count is None else self.count
        head = f"FHS|^~\\&|{place}{end}BHS|^~\\&|{place}|||{self.number}{end}"
        body = b"".join(message.bytes() for message in self.messages)
        return head.encode() + body + f"BTS|{count}{end}FTS|1{end}".encode()


BATCHES = "WJSL"
"""The hospital that sends some of its orders and reports in the evening."""

_NOTHING = frozenset({"nothing-to-cancel"})
_IN_ORDER: frozenset[str] = frozenset()
_EVENING = 20


def acts(visit: Visit) -> list[Act]:
    """What is sent about a visit, in order; orders and reports of an evening as one batch."""
    if visit.cancelled:
        return [Act(visit.start, "A04"), Act(visit.start + timedelta(minutes=20), "A11")]
    found = list(_stay(visit) if visit.end else _call(visit))
    ancillary = list(_ancillary(visit))
    if _in_batch(visit) and ancillary:
        evening = visit.start.replace(hour=_EVENING, minute=visit.index, second=0)
        found.append(Act(max(evening, max(act.at for act in ancillary)), "batch"))
    else:
        found += ancillary
    return sorted(found, key=lambda act: act.at)


def _in_batch(visit: Visit) -> bool:
    return visit.hospital.code == BATCHES and (visit.record.person.number + visit.index) % 3 == 0


def _call(visit: Visit) -> Iterator[Act]:
    """An outpatient or an emergency; one whose name was not known at first is merged into the record."""
    yield Act(visit.start, "A04")
    if visit.merged:
        yield Act(visit.merged, "A40")
        if visit.record.person.number % 6 == 0:
            yield Act(visit.merged + timedelta(minutes=10), "A40-I")
    elif visit.record.person.number % 5 == 0:
        yield Act(visit.start + timedelta(hours=7), "A31")


def _stay(visit: Visit) -> Iterator[Act]:
    """An inpatient: announced, admitted, moved and perhaps back, discharged, and perhaps once more."""
    assert visit.end is not None
    if visit.planned:
        yield Act(visit.start, "A05")
    yield Act(visit.start + timedelta(minutes=15 if visit.planned else 0), "A01")
    if visit.moved and visit.returned:
        yield Act(visit.moved, "A02", thread="move", swaps=True, early=_NOTHING)
        yield Act(visit.returned, "A12", thread="move")
    elif visit.moved:
        yield Act(visit.moved, "A02", thread="adt", swaps=True)
    yield Act(visit.end - timedelta(hours=1), "A08", thread="adt", swaps=True)
    yield Act(visit.end, "A03", thread="adt")
    if visit.reopened:
        yield Act(visit.reopened, "A13", thread="out")
        yield Act(visit.reopened + timedelta(hours=20), "A03", 1)


def _ancillary(visit: Visit) -> Iterator[Act]:
    """Orders, reports and corrections; an order may come after its report. Imaging is ordered and done, not reported:
    the interface has no imaging reports."""
    for number, report in enumerate(visit.reports):
        yield Act(report.sampled - timedelta(minutes=5), "ORM", number, f"report/{number}", swaps=True, late=_IN_ORDER)
        yield Act(report.issued, "ORU", number, f"report/{number}")
        if report.again:
            yield Act(report.issued + timedelta(hours=3), "ORU-C", number)
    if visit.examination:
        yield Act(visit.start + timedelta(minutes=12), "ORM-X")
        yield Act(visit.start + timedelta(minutes=95), "ORM-D")


def message(visit: Visit, act: Act) -> Message | Batch:
    """The message of an act, or the batch of an evening."""
    if act.what != "batch":
        return _single(visit, act)
    hospital = visit.hospital
    parts = [_single(visit, one) for one in sorted(_ancillary(visit), key=lambda one: one.at)]
    return Batch(parts, f"{hospital.code}^{hospital.uscc}^USCC", f"B{visit.number}", compact(act.at))


def _single(visit: Visit, act: Act) -> Message:
    if act.what in ("ORM-X", "ORM-D"):
        return _examination(visit, act)
    if act.what.startswith("A40"):
        return _merge(visit, act)
    if act.what == "ORM":
        return _order(visit, act)
    if act.what.startswith("ORU"):
        return _report(visit, act)
    return _event(visit, act)


def _event(visit: Visit, act: Act) -> Message:
    type_ = f"ADT^{act.what}"
    segments = [_header(visit, act, "HIS", type_), ["EVN", act.what, compact(act.at)], _person(visit, act, full=True)]
    person = visit.record.person
    if visit.fresh and act.what in ("A01", "A04") and person.spouse:
        segments.append(["NK1", "1", person.spouse + ("女士" if person.male else "先生"), "配偶", "", person.phone])
    if act.what != "A31":
        segments.append(_visit(visit, act))
    if act.what == "A01":
        segments.append(_diagnosis(visit, "A"))
    if act.what == "A03":
        segments.append(_diagnosis(visit, "F"))
    return _message(visit, type_, segments)


def _merge(visit: Visit, act: Act) -> Message:
    """The temporary registration into the record; `A40-I` is the operator who picks the wrong side afterwards (§9)."""
    kept, prior = _person(visit, act, full=True), f"{temporary_number(visit)}^^^^{_types(visit)[1]}"
    if act.what == "A40-I":
        kept, prior = _unknown(visit), f"L{visit.record.local:08d}^^^^{_types(visit)[1]}"
    segments = [_header(visit, act, "HIS", "ADT^A40"), ["EVN", "A40", compact(act.at)], kept, ["MRG", prior]]
    return _message(visit, "ADT^A40", segments)


def _examination(visit: Visit, act: Act) -> Message:
    """An imaging examination is ordered, or is done."""
    done = visit.examination
    assert done is not None
    order = ["ORC", "NW" if act.what == "ORM-X" else "CM", f"JC{visit.number}", *[""] * 6, compact(act.at)]
    segments = [
        _header(visit, act, "HIS", "ORM^O01"),
        _person(visit, act),
        _visit(visit, act),
        [*order, "", "", f"{visit.doctor_number}^{visit.doctor}"],
        ["OBR", "1", order[2], "", f"JC{done.type}^{done.name}^99WJL"],
    ]
    return _message(visit, "ORM^O01", segments)


def _order(visit: Visit, act: Act) -> Message:
    report = visit.reports[act.report]
    number = _number("SQ", visit, act.report)
    segments = [
        _header(visit, act, "HIS", "ORM^O01"),
        _person(visit, act),
        _visit(visit, act),
        ["ORC", "NW", number, *[""] * 6, compact(act.at), "", "", f"{visit.doctor_number}^{visit.doctor}"],
        ["OBR", "1", number, "", _service(report)],
    ]
    return _message(visit, "ORM^O01", segments)


def _report(visit: Visit, act: Act) -> Message:
    report = visit.reports[act.report]
    corrected = act.what == "ORU-C"
    analyser = visit.hospital.code == "WJZY" and report.panel.analyser
    type_ = "OUL^R24" if analyser else "ORU^R01"
    order = ["OBR", "1", _number("SQ", visit, act.report), _number("B", visit, act.report), _service(report)]
    order += ["", "", compact(report.sampled), *[""] * 7]
    order += ["" if analyser else "^".join(report.panel.specimen), *[""] * 6, compact(act.at), "", ""]
    order.append("C" if corrected else "F")
    segments = [_header(visit, act, "LIS", type_), _person(visit, act), _visit(visit, act), order]
    if analyser:
        segments.append(["SPM", "1", _number("BB", visit, act.report), "", "^".join(report.panel.specimen)])
    results = (report.again,) if corrected and report.again else report.results
    for place, result in enumerate(results, start=1):
        segments.append(_observation(place, result, analyser, "C" if corrected else "F"))
    return _message(visit, type_, segments)


def _observation(place: int, result: Result, analyser: bool, status: str) -> Segment:
    analyte = result.analyte
    item = f"^^^{analyte.number}^{analyte.name}^99WJN" if analyser else f"{analyte.code}^{analyte.name}^99WJL"
    value = [result.value, analyte.unit, result.interval, result.flag]
    return ["OBX", str(place), "NM" if result.numeric else "ST", item, "", *value, "", "", status]


def _header(visit: Visit, act: Act, application: str, type_: str) -> Segment:
    hospital = visit.hospital
    control = f"{hospital.code}{visit.number}{act.what}{act.report}"
    sent = compact(act.at)
    sender = f"{hospital.code}^{hospital.uscc}^USCC"
    return ["MSH", "^~\\&", application, sender, "HIE", "YRD", sent, "", type_, control, "P", "2.4",
            "", "", "", "", "CHN", hospital.label]  # fmt: skip


def _nameless(visit: Visit, act: Act) -> bool:
    """Whether a message goes under the temporary registration: the laboratory never learns of the merge."""
    return visit.merged is not None and (act.at < visit.merged or not act.what.startswith("A"))


def _unknown(visit: Visit) -> Segment:
    """Somebody whose papers nobody has seen yet."""
    record = visit.record
    number = f"{temporary_number(visit)}^^^^{_types(visit)[1]}"
    return ["PID", "1", "", number, "", record.name, "", f"{record.person.born:%Y%m%d}", "MF"[not record.person.male]]


def _types(visit: Visit) -> tuple[str, ...]:
    """CX.5 of hospital card, patient index, national id and health card."""
    return ("21", "1", "51", "HealthCard") if visit.hospital.code == "WJZY" else _TYPES


def _person(visit: Visit, act: Act, full: bool = False) -> Segment:
    if _nameless(visit, act):
        return _unknown(visit)
    record, person = visit.record, visit.record.person
    types = _types(visit)
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


_TYPES = ("IDCard", "LocalID", "IdentifyNO", "HealthCard")
"""CX.5 of hospital card, patient index, national id and health card; the hospital card is shared by design."""


def _visit(visit: Visit, act: Act) -> Segment:
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
