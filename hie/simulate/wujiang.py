"""Wujiang: a visit as HL7 v2.4 messages and batches (interface document `wujiang-hl7v2`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from hie.simulate.history import Visit
from hie.simulate.item import Act, compact, temporary_number
from hie.simulate.wujiang_segments import (
    Segment,
    diagnosis,
    header,
    number_types,
    order_number,
    person_segment,
    result_segment,
    service,
    unknown,
    visit_segment,
)

DOOR, ENDING = "wujiang-hl7v2", "hl7"


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
    segments = [
        header(visit, act, "HIS", type_),
        ["EVN", act.what, compact(act.at)],
        person_segment(visit, act, full=True),
    ]
    person = visit.record.person
    if visit.fresh and act.what in ("A01", "A04") and person.spouse:
        segments.append(["NK1", "1", person.spouse + ("女士" if person.male else "先生"), "配偶", "", person.phone])
    if act.what != "A31":
        segments.append(visit_segment(visit, act))
    if act.what == "A01":
        segments.append(diagnosis(visit, "A"))
    if act.what == "A03":
        segments.append(diagnosis(visit, "F"))
    return _message(visit, type_, segments)


def _merge(visit: Visit, act: Act) -> Message:
    """The temporary registration into the record; `A40-I` is the operator who picks the wrong side afterwards (§9)."""
    kept, prior = person_segment(visit, act, full=True), f"{temporary_number(visit)}^^^^{number_types(visit)[1]}"
    if act.what == "A40-I":
        kept, prior = unknown(visit), f"L{visit.record.local:08d}^^^^{number_types(visit)[1]}"
    segments = [header(visit, act, "HIS", "ADT^A40"), ["EVN", "A40", compact(act.at)], kept, ["MRG", prior]]
    return _message(visit, "ADT^A40", segments)


def _examination(visit: Visit, act: Act) -> Message:
    """An imaging examination is ordered, or is done."""
    done = visit.examination
    assert done is not None
    order = ["ORC", "NW" if act.what == "ORM-X" else "CM", f"JC{visit.number}", *[""] * 6, compact(act.at)]
    segments = [
        header(visit, act, "HIS", "ORM^O01"),
        person_segment(visit, act),
        visit_segment(visit, act),
        [*order, "", "", f"{visit.doctor_number}^{visit.doctor}"],
        ["OBR", "1", order[2], "", f"JC{done.type}^{done.name}^99WJL"],
    ]
    return _message(visit, "ORM^O01", segments)


def _order(visit: Visit, act: Act) -> Message:
    report = visit.reports[act.report]
    number = order_number("SQ", visit, act.report)
    segments = [
        header(visit, act, "HIS", "ORM^O01"),
        person_segment(visit, act),
        visit_segment(visit, act),
        ["ORC", "NW", number, *[""] * 6, compact(act.at), "", "", f"{visit.doctor_number}^{visit.doctor}"],
        ["OBR", "1", number, "", service(report)],
    ]
    return _message(visit, "ORM^O01", segments)


def _report(visit: Visit, act: Act) -> Message:
    report = visit.reports[act.report]
    corrected = act.what == "ORU-C"
    analyser = visit.hospital.code == "WJZY" and report.panel.analyser
    type_ = "OUL^R24" if analyser else "ORU^R01"
    order = ["OBR", "1", order_number("SQ", visit, act.report), order_number("B", visit, act.report), service(report)]
    order += ["", "", compact(report.sampled), *[""] * 7]
    order += ["" if analyser else "^".join(report.panel.specimen), *[""] * 6, compact(act.at), "", ""]
    order.append("C" if corrected else "F")
    segments = [header(visit, act, "LIS", type_), person_segment(visit, act), visit_segment(visit, act), order]
    if analyser:
        segments.append(["SPM", "1", order_number("BB", visit, act.report), "", "^".join(report.panel.specimen)])
    results = (report.again,) if corrected and report.again else report.results
    for place, result in enumerate(results, start=1):
        segments.append(result_segment(place, result, analyser, "C" if corrected else "F"))
    return _message(visit, type_, segments)


def _message(visit: Visit, type_: str, segments: list[Segment]) -> Message:
    end = "\r\n" if visit.hospital.code == "WJSL" else "\r"
    return Message(type_, segments, visit.hospital.charset, end)


def _trimmed(segment: Segment) -> Segment:
    last = max((n for n, field in enumerate(segment) if field), default=0)
    return segment[: last + 1]
