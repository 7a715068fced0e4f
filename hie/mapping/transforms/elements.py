"""Small elements: concepts of words only, references that only name somebody, annotations, lines of text."""

from collections.abc import Sequence
from typing import Any

from hie.mapping.context import Context
from hie.mapping.transforms.names import name_text


def lines(value: Sequence[str], context: Context) -> str | None:
    """Several values as one text, one line each (for fields with `all = true`)."""
    return "\n".join(value) or None


def concept_text(value: str | Sequence[str], context: Context) -> dict[str, Any] | None:
    """A CodeableConcept of words only; of several values (`all = true`) it names each once."""
    values = (value,) if isinstance(value, str) else value
    found = "、".join(dict.fromkeys(words for one in values if (words := one.strip())))
    return {"text": found} if found else None


def display(value: str, context: Context) -> dict[str, Any] | None:
    """A Reference that only names somebody; null text means no value."""
    found = name_text(value, context)
    return {"display": found} if found else None


def annotation(value: str | Sequence[str], context: Context) -> dict[str, Any] | None:
    """An Annotation; several values become lines."""
    found = value if isinstance(value, str) else "\n".join(value)
    return {"text": found} if found.strip() else None
