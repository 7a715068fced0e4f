"""Codes outside of code maps: local concepts of one organisation, and checks against a closed table."""

from collections.abc import Sequence
from typing import Any

from hie.base.text import half_width, trimmed
from hie.mapping.context import Context
from hie.mapping.transforms.identifiers import system_of
from hie.mapping.transforms.texts import fits


def check_code(value: Any, context: Context, *, table: str) -> None:
    """States nothing; notes `code-unknown` for a code that is not in the closed table (common rules §5.6)."""
    code = trimmed(half_width(str(value)))
    if code is not None and code not in context.codes[table].rows:
        context.note("code-unknown")


def local_concept(value: Sequence[str], context: Context, *, kind: str = "", system: str = "") -> dict[str, Any] | None:
    """A CodeableConcept of a (code, name) without code map: coding of `system`, or of `kind` in the organisation."""
    code, name = (trimmed(part) for part in value)
    found: dict[str, Any] = {}
    if code:
        fits(code, "code", context)
        coding = {"system": system or system_of(kind, context), "code": " ".join(half_width(code).split())}
        name = context.called(coding["system"], coding["code"], name or "")
        found["coding"] = [{**coding, **({"display": name} if name else {}), "userSelected": True}]
    if name:
        found["text"] = name
    return found or None
