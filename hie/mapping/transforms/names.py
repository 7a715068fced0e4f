"""Names, phones and addresses (common rules §5.4)."""

import re
from collections.abc import Mapping
from typing import Any

from hie.base.text import half_width, is_han, whole_name, without_blanks
from hie.mapping.transforms.notes import Notes
from hie.mapping.transforms.texts import fits, present

COMPOUND_SURNAMES = frozenset(
    {"欧阳", "司马", "上官", "诸葛", "夏侯", "皇甫", "尉迟", "公孙", "慕容", "令狐", "长孙", "宇文", "司徒", "东方"}
)
"""Surnames of two characters; every other name of Han characters has a surname of one."""

_SCHEMES = frozenset({"tel", "mailto"})
_MOBILE = re.compile(r"1\d{10}", re.ASCII)
_PARTS = ("line", "city", "district", "state", "postalCode", "country")


def split_name(name: str) -> tuple[str, str] | None:
    """Family and given name of 2 to 4 Han characters, None for every other name."""
    if not 2 <= len(name) <= 4 or not is_han(name):
        return None
    length = 2 if len(name) > 2 and name[:2] in COMPOUND_SURNAMES else 1
    return name[:length], name[length:]


def human_name(value: Any, context: Notes, *, given: Any = None, use: str | None = None) -> dict[str, Any] | None:
    """A HumanName from a full name, or from a family name with `given` where the source splits them.

    A name that is too long is noted and kept: the part is quarantined, and loses nothing when it is released (§5.5).
    """
    family = present(value, context)
    second = present(given, context) if given is not None else None
    if family is None and second is None:
        return None
    name = _joined(whole_name(family or ""), whole_name(second or ""))
    fits(name["text"], "name", context)
    return {"use": use, **name} if use else name


def _joined(family: str, given: str) -> dict[str, Any]:
    if not (family and given):
        text = family or given
        parts = split_name(text)
        return {"text": text, "family": parts[0], "given": [parts[1]]} if parts else {"text": text}
    blank = "" if is_han(family + given) else " "
    return {"text": f"{family}{blank}{given}", "family": family, "given": [given]}


def name_text(value: Any, context: Notes) -> str | None:
    """The full name as text only: a person named in passing, such as a participant or a performer."""
    text = present(value, context)
    if text is None:
        return None
    name = whole_name(text)
    return name if fits(name, "name", context) else None


def phone(value: Any, context: Notes, *, use: str | None = None) -> dict[str, Any] | None:
    """A ContactPoint: the number as sent without blanks; `use` of the field, else mobile for 11 digits from 1."""
    text = present(value, context)
    if text is None or not fits(text, "short", context):
        return None
    number = without_blanks(text)
    kind = use or ("mobile" if _MOBILE.fullmatch(half_width(number)) else "home")
    return {"system": "phone", "value": number, "use": kind}


def contact_url(value: Any, context: Notes, *, use: str | None = None) -> dict[str, Any] | None:
    """A ContactPoint from a URL (HL7 v3 data type TEL): of `tel:` the number, of `mailto:` an e-mail address; anything
    else is a phone as sent."""
    text = present(value, context)
    scheme, colon, rest = (text or "").partition(":")
    if not colon or scheme.casefold() not in _SCHEMES:
        return phone(value, context, use=use)
    found = phone(rest, context, use=use)
    if found is None or scheme.casefold() == "tel":
        return found
    return {"system": "email", "value": found["value"], **({"use": use} if use else {})}


def address(value: Any, context: Notes, *, use: str | None = None, type: str | None = None) -> dict[str, Any] | None:
    """An Address: the full text as sent, or a mapping with `text` and the parts that the source has."""
    parts: Mapping[str, Any] = value if isinstance(value, Mapping) else {"text": value}
    text = present(parts.get("text"), context)
    if text is None or not fits(text, "short", context):
        return None
    found = {"use": use, "type": type, "text": text}
    found |= {part: parts[part] for part in _PARTS if parts.get(part)}
    return {name: part for name, part in found.items() if part}
