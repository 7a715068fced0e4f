"""HL7 v2 data types as FHIR: CX, XPN, XAD, XTN, XCN, and the result in an OBX.

Components come as the tuples that a path such as `PID-5` yields.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hie.base.moment import read
from hie.base.systems import NATIONAL_ID_KIND, OID, STAFF
from hie.base.text import half_width
from hie.mapping.codes import CodeRow
from hie.mapping.context import Context
from hie.mapping.dialect import DELETED, Deleted
from hie.mapping.transforms.dates import date_time
from hie.mapping.transforms.identifiers import identifier, national_id, number
from hie.mapping.transforms.names import address, human_name, name_text, phone
from hie.mapping.transforms.results import interpretation, observation_result
from hie.mapping.transforms.texts import present

ORDER_NUMBER = f"{OID}.1.24"
_TYPE = 5
"""The component of CX that tells the kind of a number, when a map does not say another."""
_NATIONAL_SHAPE = re.compile(r"\d{17}[\dXx]", re.ASCII)
_ADDRESS = {"city": 3, "state": 4, "postalCode": 5, "country": 6, "district": 9}
"""Part of an Address -> component of XAD (HL7 v2.5.1 §2.A.85)."""

_YES_OR_NO: Mapping[str, bool | Deleted] = {"Y": True, "N": DELETED}

_CODED = frozenset({"CE", "CWE"})
_DATES = frozenset({"DT", "TS", "DTM"})
_EXPONENT = re.compile(r"[×xX*]?10\^\d")
_DATA = 4
_MAIN_TYPES = {
    "ap": "application",
    "au": "audio",
    "ft": "text",
    "im": "image",
    "tx": "text",
    "application": "application",
    "audio": "audio",
    "image": "image",
    "multipart": "multipart",
    "text": "text",
    "video": "video",
}
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"


def identifiers(
    values: Sequence[tuple[str, ...]], context: Context, *, types: str, by: int = _TYPE
) -> dict[str, Any] | None:
    """CX repeats as slots, one share of `identifier[]` per kind, so that a kind that is not sent stays as it was.

    `types` is the code map from CX.5 (or, with `by = 4`, the name of the assigning authority in CX.4) to the kind: an
    OID or a local kind. A repeat without type is a national id when it has that shape; any other type is `code-unknown`
    and left out.
    """
    slots: dict[str, Any] = {}
    for components in values:
        if not components[0].strip():
            continue
        kind = _kind(components, context, types, by)
        if kind is None:
            context.note("code-unknown")
            continue
        made = national_id(components[0], context) if kind == NATIONAL_ID_KIND else None
        if kind != NATIONAL_ID_KIND:
            made = identifier(components[0], context, kind=kind)
        if made is not None and made not in slots.setdefault(f"identifier[]#{kind}", []):
            slots[f"identifier[]#{kind}"].append(made)
    return {slot: found for slot, found in slots.items() if found} or None


def typed_number(
    values: Sequence[tuple[str, ...]],
    context: Context,
    *,
    types: str,
    kind: str,
    untyped: bool = False,
    by: int = _TYPE,
) -> str | None:
    """The first number of that kind among CX repeats (`types` and `by` as in `hl7-identifiers`); with `untyped` a
    single repeat without type counts as well."""
    for components in values:
        if _kind(components, context, types, by) == kind:
            found = number(components[0], context)
            if found is not None:
                return found
    if untyped and len(values) == 1 and not _sent_type(values[0], by):
        return number(values[0][0], context)
    return None


def _kind(components: tuple[str, ...], context: Context, types: str, by: int) -> str | None:
    sent = _sent_type(components, by)
    if not sent:
        return NATIONAL_ID_KIND if _NATIONAL_SHAPE.fullmatch(half_width(components[0]).strip()) else None
    row = context.code(types, sent) or _regardless_of_case(context.codes[types].rows, sent)
    return row.target_code if row is not None else None


def _sent_type(components: tuple[str, ...], by: int) -> str:
    """What says the kind of a number: the type, or the authority by the first of its sub-components."""
    return half_width(_part(components, by)).partition("&")[0].strip()


def _regardless_of_case(rows: Mapping[str, CodeRow], sent: str) -> CodeRow | None:
    folded = sent.casefold()
    return next((row for code, row in rows.items() if code.casefold() == folded), None)


def person_name(value: tuple[str, ...], context: Context, *, use: str | None = None) -> dict[str, Any] | None:
    """XPN: the full name in XPN.1, or family and given name in XPN.1 and XPN.2."""
    return human_name(value[0], context, given=_part(value, 2) or None, use=use)


def postal_address(value: tuple[str, ...], context: Context, *, uses: Mapping[str, str]) -> dict[str, Any] | None:
    """XAD with the whole address in XAD.1, else put together from its parts (common rules §5.4); `uses` gives the FHIR
    use for XAD.7."""
    sent: dict[str, Any] = {name: present(_part(value, n), context) for name, n in _ADDRESS.items()}
    street, more = (present(_part(value, n), context) for n in (1, 2))
    if more:
        sent["line"] = [line for line in (street, more) if line]
    whole = street or "".join(part for part in (sent["state"], sent["city"], sent["district"], more) if part)
    return address({**sent, "text": whole}, context, use=uses.get(_part(value, 7)))


def telephone(value: tuple[str, ...], context: Context, *, use: str | None = None) -> dict[str, Any] | None:
    """XTN: the number in XTN.1, else XTN.9, else XTN.12; null text is no number."""
    found = (phone(_part(value, n), context, use=use) for n in (1, 9, 12))
    return next((one for one in found if one is not None), None)


def staff(value: tuple[str, ...], context: Context) -> dict[str, Any] | None:
    """XCN `number^name` as a Reference with identifier (staff number) and display; a lone name is only a display."""
    name = name_text(_part(value, 2) + _part(value, 3), context)
    first = _part(value, 1)
    if not name and not first.isascii():
        name, first = name_text(first, context), ""
    found: dict[str, Any] = {}
    held = identifier(first, context, kind=STAFF) if first else None
    if held is not None:
        found["identifier"] = held
    if name:
        found["display"] = name
    return found or None


def participant(value: tuple[str, ...], context: Context, *, type: str) -> dict[str, Any] | None:
    """XCN as an item of Encounter.participant; `type` is a code of v3-ParticipationType."""
    person = staff(value, context)
    if person is None:
        return None
    return {"type": [{"coding": [{"system": _PARTICIPATION, "code": type}]}], "individual": person}


def staff_name(value: tuple[str, ...], context: Context) -> dict[str, Any] | None:
    """XCN as a Reference with the name only; without a name the number."""
    name = name_text(_part(value, 2) + _part(value, 3) or _part(value, 1), context)
    return {"display": name} if name else None


def interpreter(value: tuple[str, ...], context: Context) -> dict[str, Any] | None:
    """NDL as a Reference with the name only: number and names are sub-components of its first component, times follow
    (HL7 v2.5.1 §2.A.47); the usual `number^name` of the region as well."""
    parts = value[0].split("&")
    return staff_name(tuple(parts) if len(parts) > 1 and parts[0].isascii() else value, context)


def performer(value: tuple[str, ...], context: Context) -> dict[str, Any] | None:
    """XCN in OBX-16 as a Reference with the name only; a reference range copied from OBX-7 is no performer."""
    result = context.node.segment
    return None if result.field(16).strip() == result.field(7).strip() else staff_name(value, context)


def yes(value: str, context: Context) -> bool | Deleted | None:
    """ID of table 0136: true for `Y`; `N` takes back what was stated before, and states nothing itself."""
    return _YES_OR_NO.get(half_width(value).strip().upper())


def order(value: str, context: Context) -> dict[str, Any] | None:
    """The order number of a report as a logical Reference to the ServiceRequest, literal when that is known."""
    held = identifier(value, context, kind=ORDER_NUMBER)
    if held is None:
        return None
    reference = context.mention(context.key("ServiceRequest", ORDER_NUMBER, str(held["value"])))
    return {"reference": reference, "type": "ServiceRequest", "identifier": held}


def diagnosis(value: str, context: Context, *, table: str, default: str) -> dict[str, Any]:
    """An item of Encounter.diagnosis that refers to the Condition at work; its use by a code map from DG1-6."""
    row = context.code(table, half_width(value).strip() or default)
    found: dict[str, Any] = {"condition": {"reference": context.current.reference if context.current else ""}}
    if row is None:
        context.note("code-unknown")
    elif row.target is not None:
        found["use"] = {"coding": [row.target]}
    return found


def observation(value: tuple[str, ...], context: Context, *, flags: str) -> dict[str, Any]:
    """The slots of one OBX: `value[x]` or `dataAbsentReason`, `referenceRange[]`, `interpretation[]` (Wujiang §5.2).

    The parts are OBX-2, OBX-5 whole and its names (repeats of both as lines), OBX-5.1 to 5.4, OBX-6 whole, 6.1, 6.2,
    OBX-7 whole (`~` in it separates limits and nothing else, common rules §7.3), OBX-8 (repeats joined by `~`), and if
    given what stands for an empty OBX-5 (culture text in OBX-3.5). `flags` is the code map of OBX-8.
    """
    declared, whole, name, *number, unit, unit_code, unit_name, reference, sent_flags = value[:12]
    instead = value[12:]
    concepts = []
    context.path = "OBX-8"
    for flag in sent_flags.split("~"):
        concept = interpretation(flag, context, table=flags) if flag else None
        if concept is not None:
            concepts.append(concept)
    context.path = "OBX-5"
    text = whole or (instead[0] if instead else "")
    if declared == "SN" and whole and "\n" not in whole:
        text = "".join(number).removeprefix("=")
    elif declared in _CODED and whole:
        text = name
    elif declared in _DATES and read(half_width(text).strip()):
        text = date_time(text, context) or ""
    slots = observation_result(
        text,
        context,
        numeric=declared == "NM",
        unit=_unit(unit, unit_code, unit_name),
        reference=reference,
        flags=concepts,
    )
    if "value[x]" in slots:
        slots["value[x]"] = _as_declared(slots["value[x]"], declared, text)
    return slots


def attachment(value: tuple[str, ...], context: Context) -> dict[str, Any] | None:
    """ED (a document in OBX-5) as an Attachment that holds its bytes; None for whatever is no ED, so that the OBX-5 of
    all results may be offered. Bytes that do not fit their encoding in ED.4 are `value-malformed` and left out."""
    encoding = _ENCODINGS.get(_part(value, 4).casefold())
    if encoding is None or len(value) <= _DATA:
        return None
    try:
        data = encoding(value[_DATA])
    except ValueError:
        context.note("value-malformed")
        return None
    found = {"data": b64encode(data).decode(), "size": len(data)} if data else {}
    return {**_content_type(_part(value, 2).lower(), _part(value, 3).lower()), **found} if found else None


def _content_type(main: str, sub: str) -> dict[str, str]:
    """MIME type of ED.2 and ED.3 (tables 0834 and 0291, and the older 0191); senders put PDF into either."""
    if "pdf" in (main, sub):
        return {"contentType": "application/pdf"}
    main = _MAIN_TYPES.get(main, main)
    return {"contentType": f"{main}/{sub}"} if main in _MAIN_TYPES.values() and sub else {}


def _base64(text: str) -> bytes:
    return b64decode("".join(text.split()), validate=True)


_ENCODINGS: Mapping[str, Callable[[str], bytes]] = {"base64": _base64, "hex": bytes.fromhex, "a": str.encode}
"""ED.4 (table 0299) in small letters -> what makes bytes of ED.5."""


def _as_declared(found: dict[str, Any], declared: str, text: str) -> dict[str, Any]:
    """The value as its type in OBX-2 wants it: words of a coded one are a concept, a date or time is no number."""
    if declared in _CODED and "valueString" in found:
        return {"valueCodeableConcept": {"text": found["valueString"]}}
    if declared in _DATES and read(text):
        return {"valueDateTime": text}
    return {"valueString": text} if declared in _DATES or declared == "TM" else found


def _unit(whole: str, code: str, name: str) -> str:
    """OBX-6: the code, the name when there is no code; the `^` of an exponent (`10^9/L`) separates nothing."""
    return whole if _EXPONENT.match(whole) else code or name


def _part(value: Sequence[str], n: int) -> str:
    return value[n - 1].strip() if len(value) >= n else ""


TRANSFORMS: dict[str, Callable[..., Any]] = {
    "hl7-address": postal_address,
    "hl7-attachment": attachment,
    "hl7-diagnosis": diagnosis,
    "hl7-identifiers": identifiers,
    "hl7-interpreter": interpreter,
    "hl7-name": person_name,
    "hl7-observation": observation,
    "hl7-order": order,
    "hl7-participant": participant,
    "hl7-performer": performer,
    "hl7-phone": telephone,
    "hl7-staff": staff,
    "hl7-staff-name": staff_name,
    "hl7-typed-number": typed_number,
    "hl7-yes": yes,
}
"""Transforms of this module by the name maps use."""
