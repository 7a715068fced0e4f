"""Answers to HL7 v2 items: which acknowledgement, when (Wujiang interface §8; HL7 v2.5.1 §2.9)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from hie.base.finding import Disposition, Finding
from hie.base.outcome import Answer, ItemOutcome, PartOutcome
from hie.wire.hl7v2 import Segment
from hie.wire.hl7v2_ack import build_ack, build_batch_ack
from hie.wire.hl7v2_envelope import Hl7Envelope

CONTENT_TYPE = "application/hl7-v2"

ACKNOWLEDGE: Mapping[Disposition, str] = {
    Disposition.ACCEPTED: "AA",
    Disposition.ACCEPTED_WITH_WARNINGS: "AA",
    Disposition.DUPLICATE: "AA",
    Disposition.QUARANTINED: "AE",
    Disposition.REJECTED: "AR",
}
"""Disposition -> MSA-1 in original mode, and acknowledgement/@typeCode of MCCI (common rules §2.1)."""

NOT_ACCEPTABLE = frozenset({"type-unknown", "event-unknown", "processing-id", "version-unsupported"})
"""Findings about MSH-9, 11 and 12, which make an accept acknowledgement CR."""

FOLLOWS: Mapping[str, frozenset[str]] = {
    "AL": frozenset({"AA", "AE", "AR"}),
    "ER": frozenset({"AE", "AR"}),
    "SU": frozenset({"AA"}),
}
"""MSH-16 -> after which MSA-1 the application acknowledgement follows the accept acknowledgement (HL7 table 0155);
`NE` and empty: after none."""

_NO_ENVELOPE = Hl7Envelope((), ())
_FOLLOWING = re.compile(rb"(?<=\r)(?=MSH)")


def answer(outcome: ItemOutcome, now: datetime) -> Answer:
    """The answer to one item; `outcome.context` is the `Hl7Envelope` of its parser.

    An item without a readable header gets AR and HTTP status 400. In enhanced mode the body has the accept
    acknowledgement and, if asked for, the application acknowledgement after it; on MLLP these are two frames.
    """
    envelope = outcome.context if isinstance(outcome.context, Hl7Envelope) else _NO_ENVELOPE
    if not envelope.is_readable:
        body = _ack(outcome, None, "AR", outcome.all_findings, now, "0", "utf-8")
        return Answer(body, CONTENT_TYPE, 400)
    if envelope.is_batch:
        return Answer(_batch(outcome, envelope, now), CONTENT_TYPE)
    acks = _single(outcome, envelope, now)
    return Answer(b"".join(acks), CONTENT_TYPE, frames=tuple(acks) if len(acks) > 1 else ())


def repeat(saved: Answer) -> Answer:
    """The answer to a duplicate: the saved bytes, unchanged (common rules §2.2), in the frames of the first time."""
    acks = _FOLLOWING.split(saved.body)
    return replace(saved, frames=tuple(acks)) if saved.body.startswith(b"MSH") and len(acks) > 1 else saved


def _single(outcome: ItemOutcome, envelope: Hl7Envelope, now: datetime) -> list[bytes]:
    header, charset = envelope.headers[0], envelope.charsets[0]
    findings = outcome.all_findings
    code = _code(outcome.parts[0]) if outcome.parts else ACKNOWLEDGE[outcome.disposition]
    application = _ack(outcome, header, code, findings, now, "0", charset)
    if header is None or header.value(15).strip() != "AL":
        return [application]
    accept = "CE" if outcome.failed else _accept_code(findings)
    shown = () if accept == "CA" else findings
    acks = [_ack(outcome, header, accept, shown, now, "1", charset)]
    return [*acks, application] if code in FOLLOWS.get(header.value(16).strip(), ()) else acks


def _batch(outcome: ItemOutcome, envelope: Hl7Envelope, now: datetime) -> bytes:
    if not outcome.parts and outcome.disposition is not Disposition.ACCEPTED:
        return _ack(outcome, envelope.batch, ACKNOWLEDGE[outcome.disposition], outcome.findings, now, "0", "utf-8")
    acks = [_part(outcome, part, envelope, now) for part in outcome.parts]
    charset = envelope.charsets[0] if envelope.charsets else "utf-8"
    return build_batch_ack(envelope.batch, acks, now=now, control_id=_control_id(outcome, "b"), charset=charset)


def _part(outcome: ItemOutcome, part: PartOutcome, envelope: Hl7Envelope, now: datetime) -> bytes:
    header, charset = envelope.headers[part.part], envelope.charsets[part.part]
    return _ack(outcome, header, _code(part), part.findings, now, str(part.part), charset)


def _code(part: PartOutcome) -> str:
    """MSA-1 of one message; one that is known gets that of the first time."""
    return ACKNOWLEDGE[part.original or part.disposition]


def _accept_code(findings: tuple[Finding, ...]) -> str:
    return "CR" if any(found.code in NOT_ACCEPTABLE for found in findings) else "CA"


def _ack(
    outcome: ItemOutcome,
    header: Segment | None,
    code: str,
    findings: tuple[Finding, ...],
    now: datetime,
    suffix: str,
    charset: str,
) -> bytes:
    return build_ack(
        header,
        code,
        raw_item_id=outcome.id,
        findings=findings,
        now=now,
        control_id=_control_id(outcome, suffix),
        charset=charset,
    )


def _control_id(outcome: ItemOutcome, suffix: str) -> str:
    """Our own MSH-10: at most 20 characters, different for every acknowledgement of an item (HL7 v2.4 §2.16.9.10)."""
    return (outcome.id.replace("-", "")[: 19 - len(suffix)] + "-" + suffix).strip("-")
