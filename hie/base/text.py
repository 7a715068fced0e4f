"""Text of the feeds: blanks, full width, null text, Han characters (common rules §4, §5.3)."""

import re
from collections.abc import Mapping
from typing import Any

NULL_TEXT = frozenset({"-", "--", "—", "/", "无", "NULL", "null", "同上"})
"""Texts that mean "no value" in demographic, identifier, contact, location and header fields."""

LENGTHS: Mapping[str, int] = {"code": 64, "name": 100, "short": 4_000, "long": 1_000_000}
"""The most characters of an identifier or code, a person or organisation name, other short text, and narrative (common
rules §5.5)."""

_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_HAN = re.compile(r"(?:\s*[〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af])+\s*")
_BLANKS = re.compile(r"\s+")


def half_width(text: str) -> str:
    """`text` with full-width ASCII characters and the ideographic blank made half width; nothing else changes."""
    return text if text.isascii() else text.translate(_HALF_WIDTH)


def trimmed(value: Any) -> str | None:
    """The text of `value` without blanks around it (of any script), None when nothing is left."""
    if value is None:
        return None
    text: str = value.strip() if type(value) is str else str(value).strip()
    if text and "\ufeff" in (text[0], text[-1]):
        text = text.strip("\ufeff").strip()
    return text or None


def is_null_text(value: Any) -> bool:
    """Whether the trimmed text is one of those that mean "no value"."""
    return trimmed(value) in NULL_TEXT


def is_han(text: str) -> bool:
    """Whether `text` has Han characters only, blanks apart (with their compatibility and extension blocks)."""
    return _HAN.fullmatch(text) is not None


def without_blanks(text: str) -> str:
    """`text` without any blank in it."""
    return _BLANKS.sub("", text)


def whole_name(text: str) -> str:
    """A full name as it is shown: blanks inside a name of Han characters go, others become one (§5.4)."""
    return without_blanks(text) if is_han(text) else _BLANKS.sub(" ", text).strip()
