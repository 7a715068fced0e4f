"""Small elements: concepts of words only, references that only name somebody, annotations, lines of text."""

from collections.abc import Sequence
from typing import Any

from hie.base.systems import STAFF
from hie.base.text import trimmed
from hie.mapping.context import Context
from hie.mapping.transforms.identifiers import identifier_reference
from hie.mapping.transforms.names import name_text
from hie.mapping.transforms.results import read_number
from hie.mapping.transforms.texts import text, words


def lines(value: Sequence[str], context: Context) -> str | None:
    """Several values as one text, one line each (for fields with `all = true`)."""
    return "\n".join(value) or None


def concept_text(value: str | Sequence[str], context: Context) -> dict[str, Any] | None:
    """A CodeableConcept of words only; of several values (`all = true`) it names each once."""
    values = (value,) if isinstance(value, str) else value
    found = "、".join(dict.fromkeys(said for one in values if (said := one.strip())))
    return {"text": found} if found else None


def concept_words(value: str, context: Context) -> dict[str, Any] | None:
    """A CodeableConcept of the words of a demographic, contact or location field: null text is no value."""
    found = words(value, context)
    return {"text": found} if found else None


def display(value: str, context: Context) -> dict[str, Any] | None:
    """A Reference that only names somebody; null text means no value."""
    found = name_text(value, context)
    return {"display": found} if found else None


def staff(value: Sequence[str], context: Context) -> dict[str, Any] | None:
    """A Reference to somebody by (staff number, name), either of which may be missing."""
    number, name = value
    found = identifier_reference(number, context, kind=STAFF) or {}
    return {**found, **(display(name, context) or {})} or None


def text_extension(value: str, context: Context, *, url: str) -> dict[str, Any] | None:
    """An extension that is a text."""
    found = text(value, context)
    return {"url": url, "valueString": found} if found else None


def quantity(value: Sequence[str], context: Context) -> dict[str, Any] | None:
    """A Quantity of (number, unit), the unit as sent: a dose, an amount (results: `row-result`). What is no number is
    `value-not-numeric` and states nothing."""
    sent, unit = map(trimmed, value)
    reading = read_number(sent) if sent else None
    if reading is None:
        if sent:
            context.note("value-not-numeric")
        return None
    return {"value": reading.number, "unit": unit} if unit else {"value": reading.number}


def annotation(value: str | Sequence[str], context: Context) -> dict[str, Any] | None:
    """An Annotation; several values become lines."""
    found = value if isinstance(value, str) else "\n".join(value)
    return {"text": found} if found.strip() else None
