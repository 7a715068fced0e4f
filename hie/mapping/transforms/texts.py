"""Text as sent: blanks, full width, null text and length (common rules §5.3, §5.5)."""

import re
from typing import Any

from hie.mapping.transforms.notes import Notes

NULL_TEXT = frozenset({"-", "--", "—", "/", "无", "NULL", "null", "同上"})
"""Texts that mean "no value" in demographic, identifier, contact, location and header fields."""

LENGTHS = {"code": 64, "name": 100, "short": 4_000, "long": 1_000_000}
"""The most characters of an identifier or code, a person or organisation name, other short text, and narrative."""

_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_HAN = re.compile(r"(?:\s*[〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af])+\s*")


def half_width(text: str) -> str:
    """`text` with full-width ASCII characters and the ideographic blank made half width; nothing else changes."""
    return text.translate(_HALF_WIDTH)


def trimmed(value: Any) -> str | None:
    """The text of `value` without blanks around it (of any script), None when nothing is left."""
    text = "" if value is None else str(value).strip().strip("\u3000\ufeff").strip()
    return text or None


def is_null_text(value: Any) -> bool:
    """Whether the trimmed text is one of those that mean "no value"."""
    return trimmed(value) in NULL_TEXT


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


def is_han(text: str) -> bool:
    """Whether `text` has Han characters only, blanks apart (with their compatibility and extension blocks)."""
    return _HAN.fullmatch(text) is not None
