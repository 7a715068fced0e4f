"""Text as sent: null text and length, with their findings (common rules §5.3, §5.5)."""

from typing import Any

from hie.base.text import LENGTHS, NULL_TEXT, trimmed
from hie.mapping.transforms.notes import Notes


def present(value: Any, context: Notes) -> str | None:
    """Trimmed text; null text gives None and `null-text` (common rules §5.3)."""
    text = trimmed(value)
    if text in NULL_TEXT:
        context.note("null-text")
        return None
    return text


def fits(text: str, length: str, context: Notes) -> bool:
    """Whether `text` has at most the characters of its class in `LENGTHS`; else `field-too-long` (§5.5)."""
    limit = LENGTHS[length]
    if len(text) <= limit:
        return True
    context.note("field-too-long", f"more than {limit} characters")
    return False


def text(value: Any, context: Notes, *, length: str = "short") -> str | None:
    """Clinical text: trimmed, null text kept because it may mean something, too long text noted but not cut."""
    found = trimmed(value)
    if found is not None:
        fits(found, length, context)
    return found


def words(value: Any, context: Notes, *, length: str = "short") -> str | None:
    """Text of a demographic, contact, location or header field: null text is no value."""
    found = present(value, context)
    if found is not None:
        fits(found, length, context)
    return found
