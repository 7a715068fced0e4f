"""Primitive values (FHIR R4 datatypes §2.24.0.1): formats, ranges and the real calendar.

`CHECKS[type](value)` says whether a JSON value is one of the type. Its JSON kind is part of the answer: `"7"` is no
decimal and `"true"` no boolean (FHIR R4 json §2.6.2).
"""

import binascii
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from hie.wire.safejson import ExactDecimal

MAX_TEXT = 1024 * 1024
"""Characters a string may have."""

_DAY = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-9]))"
)
_YEAR = r"(?!0000)[0-9]{4}"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_MONTH = r"(?:0[1-9]|1[0-2])"

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
"""A logical id (FHIR R4 datatypes, `id`)."""

_date = re.compile(rf"{_YEAR}(?:-{_DAY}|-{_MONTH})?").fullmatch
_date_time = re.compile(rf"{_YEAR}(?:-{_DAY}(?:T{_CLOCK}{_ZONE})?|-{_MONTH})?").fullmatch
_instant = re.compile(rf"{_YEAR}-{_DAY}T{_CLOCK}{_ZONE}").fullmatch
_time = re.compile(_CLOCK).fullmatch
_id = ID.fullmatch
_oid = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+").fullmatch
_uuid = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_blank = re.compile(r"\s").search
_code = re.compile(r"\S+(?: \S+)*").fullmatch
_control = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]").search
_space = re.compile(r"\s+")

DECIMALS = frozenset((int, float, Decimal, ExactDecimal))


def _real_day(value: str) -> bool:
    """Whether a formatted date exists: 29 February needs a leap year."""
    if value[5:10] != "02-29":
        return value[5:10] != "02-30" and value[5:10] != "02-31"
    year = int(value[:4])
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def is_date(value: Any) -> bool:
    """`2024`, `2024-02`, `2024-02-29`."""
    return value.__class__ is str and _date(value) is not None and _real_day(value)


def is_date_time(value: Any) -> bool:
    """A date, or a date with time and zone; seconds are mandatory then."""
    return value.__class__ is str and _date_time(value) is not None and _real_day(value)


def is_instant(value: Any) -> bool:
    """A moment to the second at least, with zone."""
    return value.__class__ is str and _instant(value) is not None and _real_day(value)


def is_time(value: Any) -> bool:
    """A time of day without zone."""
    return value.__class__ is str and _time(value) is not None


def is_text(value: Any) -> bool:
    """A string or markdown: not empty, at most 1 MiB, without control characters."""
    return value.__class__ is str and 0 < len(value) <= MAX_TEXT and (value.isprintable() or _control(value) is None)


def is_code(value: Any) -> bool:
    """A code: no blank at either end, single blanks inside."""
    return value.__class__ is str and _code(value) is not None and _control(value) is None


def is_uri(value: Any) -> bool:
    """A URI: not empty, without blanks."""
    return value.__class__ is str and value != "" and _blank(value) is None


def is_id(value: Any) -> bool:
    """A resource id."""
    return value.__class__ is str and _id(value) is not None


def is_oid(value: Any) -> bool:
    """`urn:oid:` and an OID."""
    return value.__class__ is str and _oid(value) is not None


def is_uuid(value: Any) -> bool:
    """`urn:uuid:` and a UUID."""
    return value.__class__ is str and _uuid(value) is not None


def is_boolean(value: Any) -> bool:
    """JSON true or false."""
    return value is True or value is False


def is_integer(value: Any) -> bool:
    """A JSON number without fraction, of 32 bits."""
    return value.__class__ is int and -2147483648 <= value <= 2147483647


def is_unsigned(value: Any) -> bool:
    """0 or more."""
    return value.__class__ is int and 0 <= value <= 2147483647


def is_positive(value: Any) -> bool:
    """1 or more."""
    return value.__class__ is int and 1 <= value <= 2147483647


def is_decimal(value: Any) -> bool:
    """A JSON number."""
    return value.__class__ in DECIMALS or isinstance(value, Decimal)


def is_base64(value: Any) -> bool:
    """Base64 with padding; white space between is allowed."""
    if value.__class__ is not str or value == "":
        return False
    try:
        binascii.a2b_base64(_space.sub("", value), strict_mode=True)
    except ValueError:
        return False
    return True


def is_string(value: Any) -> bool:
    """Any JSON string with content: XHTML, whose rules are in `narrative`."""
    return value.__class__ is str and value != ""


CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "base64Binary": is_base64,
    "boolean": is_boolean,
    "canonical": is_uri,
    "code": is_code,
    "date": is_date,
    "dateTime": is_date_time,
    "decimal": is_decimal,
    "id": is_id,
    "instant": is_instant,
    "integer": is_integer,
    "markdown": is_text,
    "oid": is_oid,
    "positiveInt": is_positive,
    "string": is_text,
    "time": is_time,
    "unsignedInt": is_unsigned,
    "uri": is_uri,
    "url": is_uri,
    "uuid": is_uuid,
    "xhtml": is_string,
}

FORMS: Mapping[str, str] = {
    "base64Binary": "base64 text",
    "boolean": "true or false, without quotes",
    "canonical": "a URI without blanks",
    "code": "text without blanks at its ends and without double blanks",
    "date": "a real date: YYYY, YYYY-MM or YYYY-MM-DD",
    "dateTime": "a real date, or a date and time with seconds and time zone",
    "decimal": "a number, without quotes",
    "id": "1 to 64 letters, digits, hyphens and dots",
    "instant": "a real date and time with seconds and time zone",
    "integer": "a whole number of 32 bits, without quotes",
    "markdown": "text that is not empty and has no control characters",
    "oid": "urn:oid: and an OID",
    "positiveInt": "a whole number from 1, without quotes",
    "string": "text that is not empty and has no control characters",
    "time": "a time of day hh:mm:ss without time zone",
    "unsignedInt": "a whole number from 0, without quotes",
    "uri": "a URI without blanks",
    "url": "a URL without blanks",
    "uuid": "urn:uuid: and a UUID",
    "xhtml": "text",
}
"""What a value of each type looks like, for messages."""
