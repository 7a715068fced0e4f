"""JSON with decimals exactly as written, and with limits (FHIR R4 §2.24.0.3, RFC 8259).

`loads` reads with the C scanner of the standard library; what it accepts, `dumps` writes back with the same decimals
(`1.10`, `1E5`, `-0.0`). Whatever is wrong with the input is an `HieError` that says where, without quoting it.
"""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any

import orjson

from hie.base.errors import Category, HieError
from hie.wire.jsonfault import Fault, JsonLimits, first_fault

LIMITS = JsonLimits()

_BOM = b"\xef\xbb\xbf"
_NOT_STRUCTURE = bytes(byte for byte in range(256) if byte not in b'{}[]"')
_SAFE_INTEGER_DIGITS = 18
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_STEP = {ord("["): 1, ord("]"): -1}
_CHEAP_ROUNDS = 20
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD]")


class ExactDecimal(Decimal):
    """A decimal that remembers how it was written; equal to and hashed like any `Decimal` of the same value."""

    __slots__ = ("text",)

    text: str
    """The JSON number as it was read."""

    def __new__(cls, text: str) -> "ExactDecimal":
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type["ExactDecimal"], tuple[str]]:
        return ExactDecimal, (self.text,)


class _Refused(Exception):
    """Raised by the hooks; `loads` then looks for the place."""


@dataclass(frozen=True, slots=True)
class _Hooks:
    """What the scanner calls for numbers and objects."""

    limits: JsonLimits

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object; a key that comes twice is refused."""
        members = dict(pairs)
        if len(members) != len(pairs):
            raise _Refused
        return members

    def decimal(self, text: str) -> ExactDecimal:
        """A number with a fraction or an exponent."""
        if len(text) > self.limits.digits or not self.limits.exponent_fits(text):
            raise _Refused
        return ExactDecimal(text)

    def integer(self, text: str) -> int | ExactDecimal:
        """A whole number; one that no 64-bit integer holds, or `-0`, is kept as a decimal."""
        if len(text) <= _SAFE_INTEGER_DIGITS and text != "-0":
            return int(text)
        return self.decimal(text)

    def constant(self, _: str) -> Any:
        """`NaN`, `Infinity`, `-Infinity`: not JSON."""
        raise _Refused


def _decoder(limits: JsonLimits) -> json.JSONDecoder:
    hooks = _Hooks(limits)
    return json.JSONDecoder(
        object_pairs_hook=hooks.pairs,
        parse_float=hooks.decimal,
        parse_int=hooks.integer,
        parse_constant=hooks.constant,
    )


_DECODER = _decoder(LIMITS)
_OWN_DECODER = json.JSONDecoder(parse_float=ExactDecimal, parse_int=_Hooks(LIMITS).integer)


def loads(body: bytes | str, limits: JsonLimits = LIMITS) -> Any:
    """The value of a JSON text; decimals as `ExactDecimal`, a byte order mark is skipped.

    Raises `HieError`: `TOO_LARGE` for the size, `INVALID` with line and column for everything else: not UTF-8, not
    JSON, too deep, too many objects, a key twice, a number beyond the limits, NaN, half a surrogate pair.
    """
    text, raw = _text(body, limits)
    decoder = _DECODER if limits is LIMITS else _decoder(limits)
    try:
        value = decoder.decode(text)
        if _too_deep(raw, limits) or not _surrogates_pair(raw):
            raise _Refused
    except json.JSONDecodeError as error:
        raise _invalid(Fault(error.msg, error.pos), text) from None
    except (_Refused, RecursionError, ValueError):
        raise _invalid(first_fault(text, limits) or Fault("JSON cannot be read", 0), text) from None
    return value


_EXACT = re.compile(rb"[0-9][.eE]|-0|[0-9]{18}")
"""A number that only `loads` reads as it was written."""


def loads_own(body: bytes) -> Any:
    """What `dumps` wrote, as `loads` reads it but without its checks; several times as fast without decimals."""
    plain = _ESCAPED.sub(b"", body) if b"\\" in body else body
    if _EXACT.search(b"".join(plain.split(b'"')[::2])):
        return _OWN_DECODER.decode(body.decode())
    return orjson.loads(body)


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON; an `ExactDecimal` as it was read, another `Decimal` as Python writes it.

    Raises `HieError` (`INVALID`) for what JSON cannot say: a decimal NaN, half a surrogate pair, unknown types. A
    `float` is written as orjson does; code that builds resources uses `Decimal`.
    """
    try:
        return orjson.dumps(value, default=_fragment)
    except TypeError:
        raise HieError(Category.INVALID, "The value cannot be written as JSON") from None


def says_same(one: Any, other: Any) -> bool:
    """Whether two values that `dumps` can write say the same: members of objects in any order, decimals as written."""
    if one != other:
        return False
    first, second = (orjson.dumps(value, default=_fragment, option=orjson.OPT_SORT_KEYS) for value in (one, other))
    return first == second


def _fragment(value: Any) -> orjson.Fragment:
    if isinstance(value, ExactDecimal):
        return orjson.Fragment(value.text)
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value))
    raise TypeError


def _text(body: bytes | str, limits: JsonLimits) -> tuple[str, bytes]:
    """Text and UTF-8 bytes of the body, with its size checked."""
    try:
        raw = body.encode("utf-8") if isinstance(body, str) else body
        if len(raw) > limits.bytes:
            raise HieError(Category.TOO_LARGE, f"JSON of more than {limits.bytes} bytes")
        raw = raw.removeprefix(_BOM)
        return raw.decode("utf-8"), raw
    except UnicodeError as error:
        at = getattr(error, "start", 0)
        raise HieError(Category.INVALID, f"JSON is not UTF-8 at offset {at}") from None


def _too_deep(raw: bytes, limits: JsonLimits) -> bool:
    """Whether brackets nest deeper, or are more, than allowed; cheap for the usual shallow resource.

    Without strings and scalars only brackets are left; each round takes the innermost pairs away, so the number of
    rounds is the depth. What is left after some rounds is counted bracket by bracket.
    """
    brackets = _outside_strings(raw)
    opened = brackets.count(b"[")
    if opened <= limits.depth:
        return False
    if opened > limits.containers:
        return True
    for _ in range(min(_CHEAP_ROUNDS, limits.depth)):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    deepest = max(accumulate(map(_STEP.__getitem__, brackets)))
    return deepest + min(_CHEAP_ROUNDS, limits.depth) > limits.depth


def _outside_strings(raw: bytes) -> bytes:
    """The brackets that are structure, braces as square ones: every second part between unescaped quotes.

    Neighbouring quotes go first: whether what follows is inside a string does not change, and nearly all are gone.
    """
    if b"\\" in raw:
        raw = _ESCAPED.sub(b"", raw)
    return b"".join(raw.translate(_ONE_KIND, _NOT_STRUCTURE).replace(b'""', b"").split(b'"')[::2])


def _surrogates_pair(raw: bytes) -> bool:
    """Whether every escaped surrogate has its other half: orjson refuses it otherwise."""
    if b"\\" not in raw or not _SURROGATE.search(raw):
        return True
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return True


def _invalid(fault: Fault, text: str) -> HieError:
    line = text.count("\n", 0, fault.position) + 1
    column = fault.position - text.rfind("\n", 0, fault.position)
    return HieError(Category.INVALID, f"Invalid JSON: {fault.reason} (line {line}, column {column})")
