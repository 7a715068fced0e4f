"""Writing HL7 v2: escaping, and the acknowledgements of the Wujiang interface (§8.1 to §8.3).

All functions take plain values and give the bytes that go out, without MLLP framing.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeAlias

from hie.base.clock import CHINA
from hie.base.finding import Finding, Severity
from hie.wire.hl7v2 import HEADERS, STANDARD, Segment

Component: TypeAlias = "str | tuple[str, ...]"
"""Text, or a tuple of sub-components."""

Repeat: TypeAlias = "str | tuple[Component, ...]"
"""Text, or a tuple of components."""

Field: TypeAlias = "Repeat | list[Repeat]"
"""One repeat, or a list of repeats."""

ERROR_TEXTS: dict[int, str] = {
    100: "Segment sequence error",
    101: "Required field missing",
    102: "Data type error",
    103: "Table value not found",
    200: "Unsupported message type",
    201: "Unsupported event code",
    202: "Unsupported processing id",
    203: "Unsupported version id",
    204: "Unknown key identifier",
    205: "Duplicate key identifier",
    206: "Application record locked",
    207: "Application internal error",
}
"""HL7 table 0357, for ERR-3.2."""

_ERR_SEVERITY = {Severity.REJECT: "E", Severity.QUARANTINE: "E", Severity.WARN: "W"}
"""Severity -> ERR-4. A severity that is not here is not sent."""

_ESCAPES = {
    STANDARD.field: "F",
    STANDARD.component: "S",
    STANDARD.subcomponent: "T",
    STANDARD.repeat: "R",
    STANDARD.escape: "E",
    "\n": ".br",
}
"""Character -> its code between escape characters (HL7 v2.5.1 §2.7)."""

_LOCATION = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})(?:\[(?P<sequence>\d+)\])?"
    r"(?:-(?P<field>\d+)(?:\[(?P<repeat>\d+)\])?(?:\.(?P<component>\d+)(?:\.(?P<sub>\d+))?)?)?"
)


def escape(value: str) -> str:
    r"""One value made safe to stand between delimiters; line feed becomes `\.br\`, other controls `\Xhh\`."""
    if value.isprintable() and not any(character in value for character in _ESCAPES):
        return value
    return "".join(_escaped(character) for character in value)


def _escaped(character: str) -> str:
    code = _ESCAPES.get(character)
    if code is None and character < " ":
        code = f"X{ord(character):02X}"
    return character if code is None else STANDARD.escape + code + STANDARD.escape


def encode_segment(name: str, fields: Sequence[Field]) -> str:
    """One segment without its end. For `MSH`, `FHS` and `BHS` the fields begin with field 3."""
    head = [name, STANDARD.encoding] if name in HEADERS else [name]
    return STANDARD.field.join([*head, *map(_field, fields)])


def encode_message(segments: Iterable[tuple[str, Sequence[Field]]], charset: str = "utf-8") -> bytes:
    """A message from `(name, fields)` pairs; every segment ends with CR."""
    text = "".join(encode_segment(name, fields) + "\r" for name, fields in segments)
    return text.encode(charset, "replace")


def build_ack(
    request: Segment | None,
    code: str,
    *,
    raw_item_id: str = "",
    findings: Iterable[Finding] = (),
    now: datetime,
    control_id: str,
    charset: str = "utf-8",
) -> bytes:
    """An acknowledgement: MSH, MSA and one ERR per finding above info.

    `request` is the MSH answered to, or the BHS when a whole batch is refused (MSA-2 is then BHS-11), or `None` when
    there was none. `code` is AA, AE, AR or CA, CE, CR; `control_id` the id of the answer itself.
    """
    is_message = request is not None and request.fields[0] == "MSH"
    event = request.component(9, 2) if request and is_message else ""
    answered = request.text(10 if is_message else 11) if request else ""
    header: list[Field] = [*_addresses(request), hl7_time(now), "", ("ACK", event) if event else "ACK"]
    header += [control_id, "P", "2.4", "", "", "", "", "CHN"]
    header.append(request.text(18) if request and is_message else "")
    segments: list[tuple[str, Sequence[Field]]] = [("MSH", header), ("MSA", [code, answered, raw_item_id])]
    segments += [("ERR", _err(finding)) for finding in findings if finding.severity in _ERR_SEVERITY]
    return encode_message(segments, charset)


def build_batch_ack(
    header: Segment | None, acks: Sequence[bytes], *, now: datetime, control_id: str, charset: str = "utf-8"
) -> bytes:
    """The answer to a batch: `FHS BHS {ack} BTS FTS`, one ack per message in the same order.

    `header` is the BHS answered to; its BHS-11 comes back in BHS-12 (reference batch control id).
    """
    addresses = _addresses(header)
    reference = header.text(11) if header else ""
    batch: list[Field] = [*addresses, hl7_time(now), "", "", "", control_id, reference]
    opening = encode_message([("FHS", [*addresses, hl7_time(now)]), ("BHS", batch)], charset)
    closing = encode_message([("BTS", [str(len(acks))]), ("FTS", ["1"])], charset)
    return b"".join([opening, *acks, closing])


def hl7_time(at: datetime) -> str:
    """`YYYYMMDDHHMMSS` in China standard time (common rules §5.2)."""
    return at.astimezone(CHINA).strftime("%Y%m%d%H%M%S")


def location(path: str) -> Field:
    """ERR-2 (ERL) of a finding's path: `PID-3` is `PID^1^3`, `OBX[2]-5[1].4` is `OBX^2^5^1^4`; all count from 1.

    A path that is no HL7 path gives an empty location.
    """
    match = _LOCATION.fullmatch(path)
    if match is None:
        return ""
    repeat = match["repeat"] or ("1" if match["component"] else "")
    parts = [match["segment"], match["sequence"] or "1", match["field"], repeat, match["component"], match["sub"]]
    return tuple(part for part in parts if part)


def _addresses(request: Segment | None) -> list[Field]:
    """Fields 3 to 6 of an answer: us, then the sender's application and facility."""
    return ["HIE", "YRD", _copied(request, 3), _copied(request, 4)]


def _copied(request: Segment | None, n: int) -> Field:
    """A field of the request, to be written with our own delimiters."""
    if request is None:
        return ""
    return [_plain(request.components(n, repeat)) for repeat in range(len(request.repeats(n)))]


def _plain(components: list[str]) -> Repeat:
    return components[0] if len(components) == 1 else tuple(components)


def _err(finding: Finding) -> list[Field]:
    """ERR in the form of HL7 v2.5: location, 0357 code, severity, finding code, text."""
    err = finding.row.err
    code = (str(err), ERROR_TEXTS.get(err, ""), "HL70357")
    severity = _ERR_SEVERITY[finding.severity]
    return ["", location(finding.path), code, severity, finding.code, "", "", finding.text]


def _field(field: Field) -> str:
    return STANDARD.repeat.join(map(_repeat, field)) if isinstance(field, list) else _repeat(field)


def _repeat(repeat: Repeat) -> str:
    return escape(repeat) if isinstance(repeat, str) else STANDARD.component.join(map(_component, repeat))


def _component(component: Component) -> str:
    return escape(component) if isinstance(component, str) else STANDARD.subcomponent.join(map(escape, component))
