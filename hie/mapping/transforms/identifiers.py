"""Identifiers: normalised values, systems by rule L, and the national id (common rules §4)."""

from collections.abc import Sequence
from typing import Any

from hie.base.national_id import is_legacy, is_national_id
from hie.base.systems import GLOBAL_KINDS, NATIONAL_ID
from hie.base.text import half_width, trimmed
from hie.mapping.transforms.notes import Notes
from hie.mapping.transforms.texts import fits, present

_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"


def number(value: Any, context: Notes) -> str | None:
    """An identifier value: trimmed, full width made ASCII; null text is no value, over 64 characters too long."""
    text = trimmed(value)
    normal = present(half_width(text), context) if text is not None else None
    return normal if normal and fits(normal, "code", context) else None


def name_number(value: Any, context: Notes) -> str | None:
    """An identifier value that is a name (an item without a code, Jiashan §7): trimmed, full width made ASCII (common
    rules §4); null text is a name as any other, and it may have 4,000 characters, else `field-too-long`."""
    text = trimmed(value)
    return half_width(text) if text is not None and fits(text, "short", context) else None


def identifier(
    value: Any,
    context: Notes,
    *,
    kind: str | None = None,
    system: str | None = None,
    use: str | None = None,
    type: str | None = None,
    prefix: str = "",
    suffix: str = "",
) -> dict[str, Any] | None:
    """An Identifier of `system`, or of `kind` in the sending organisation (OID or local kind, rule L).

    `type` is a code of v2-0203; `prefix` and `suffix` surround the value (`<INSTANCEUID>:YXBX:1`).
    """
    text = number(value, context)
    if text is None:
        return None
    found: dict[str, Any] = {"use": use} if use else {}
    if type:
        found["type"] = {"coding": [{"system": _TYPES, "code": type}]}
    where = system if system is not None else system_of(kind or "", context)
    return {**found, "system": where, "value": f"{prefix}{text}{suffix}"}


def qualified_identifier(
    value: Sequence[str], context: Notes, *, kind: str, type: str | None = None
) -> dict[str, Any] | None:
    """An Identifier of a number whose kind depends on another value: `value` is (number, qualifier), `kind` has `{}`
    for the qualifier (`card-{}`), in which blanks and colons are written as in a URI."""
    text, qualifier = value
    name = "%20".join(half_width(qualifier).split()).replace(":", "%3A")
    return identifier(text, context, kind=kind.format(name), type=type) if name else None


def identifier_reference(value: Any, context: Notes, *, kind: str) -> dict[str, Any] | None:
    """A logical Reference to somebody or something known by a number only."""
    found = identifier(value, context, kind=kind)
    return {"identifier": found} if found else None


def system_of(kind: str, context: Notes) -> str:
    """The identifier system of `kind`: `urn:oid:` for a number that is the same everywhere, else rule L."""
    return f"urn:oid:{kind}" if kind in GLOBAL_KINDS else context.local_system(kind)


def national_id(value: Any, context: Notes) -> dict[str, Any] | None:
    """The Identifier of a national id with the findings of common rules §4.1; a masked number is left out."""
    text = number(value, context)
    if text is None:
        return None
    normal = text.upper()
    if "*" in normal:
        context.note("id-masked")
        return None
    if is_legacy(normal):
        context.note("id-legacy")
    elif not is_national_id(normal):
        context.note("id-checksum")
    kind = {"coding": [{"system": _TYPES, "code": "NI"}]}
    return {"type": kind, "system": NATIONAL_ID, "value": normal}


def uscc(value: Any, context: Notes) -> str | None:
    """A unified social credit code in upper case; whether it is registered is for the feed to decide."""
    text = number(value, context)
    return text.upper() if text else None
