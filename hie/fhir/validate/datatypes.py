"""Rules on data types that the definitions give in words only."""

import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from hie.base.systems import CORE
from hie.fhir.definitions import official
from hie.fhir.ucum import UCUM, parse_unit
from hie.fhir.validate.bindings import Bindings, Fault
from hie.fhir.validate.options import Options

_TAG = re.compile(r"<(?:/?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?|!--.*--)>", re.DOTALL)
_EXAMPLE = re.compile(r"https?://(?:[^/]+\.)?example\.(?:org|com|net)(?:[:/]|$)")


_RELATIVE = re.compile(r"(\w+)(?:/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]{1,64})?|\?.+)").fullmatch


class Judge(Protocol):
    """What a rule may ask: the options, and the coded-value checks of the walk's tools."""

    options: Options

    @property
    def bindings(self) -> Bindings:
        """The checks of coded values."""


Rule = Callable[[Any, Judge], Iterator[Fault]]


def no_faults(value: Any, judge: Judge) -> Iterator[Fault]:
    """The rule of a type without rules."""
    return iter(())


def _string(value: Any, judge: Judge) -> Iterator[Fault]:
    if isinstance(value, str):
        if value != value.strip():
            yield "warning", "value", "string-blanks", "A string should not begin or end with blanks"
        if _TAG.search(value):
            yield judge.options.html_in_text, "invalid", "string-html", "The text looks like HTML"


def _markdown(value: Any, judge: Judge) -> Iterator[Fault]:
    if isinstance(value, str) and _TAG.search(value):
        yield judge.options.markdown_html, "invalid", "markdown-html", "The markdown contains HTML"


def _coding(value: Any, judge: Judge) -> Iterator[Fault]:
    if isinstance(value, Mapping):
        yield from judge.bindings.coding_faults(value)


def _attachment(value: Any, judge: Judge) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        return
    data, size = value.get("data"), value.get("size")
    if isinstance(data, str) and isinstance(size, int):
        try:
            actual = len(binascii.a2b_base64(re.sub(r"\s", "", data), strict_mode=True))
        except ValueError:
            return
        if actual != size:
            yield "error", "structure", "attachment-size", "The stated size is not the size of the data"


def _url(value: Any, judge: Judge) -> Iterator[Fault]:
    if isinstance(value, str) and not judge.options.example_urls and _EXAMPLE.match(value):
        yield "error", "invalid", "example-url", "An example URL is not allowed here"


def _quantity(value: Any, judge: Judge) -> Iterator[Fault]:
    code = value.get("code") if isinstance(value, Mapping) and value.get("system") == UCUM else None
    if isinstance(code, str) and parse_unit(code) is None:
        yield "warning", "code-invalid", "ucum", "The code is no UCUM unit known here"


def _reference(value: Any, judge: Judge) -> Iterator[Fault]:
    """A relative one names a type and an id, or conditions in a transaction (FHIR R4 references §2.3.0.1)."""
    literal, kind = (value.get("reference"), value.get("type")) if isinstance(value, Mapping) else (None, None)
    if not isinstance(literal, str) or literal[:1] in ("", "#") or ":" in literal:
        return
    match = _RELATIVE(literal)
    if match is None or not official().is_resource(match[1]):
        yield "error", "value", "reference-form", "A relative reference is a resource type of R4 and an id: Patient/1"
    elif isinstance(kind, str) and kind not in (match[1], CORE + match[1]):
        yield "error", "invalid", "reference-type", "The type and the reference disagree"


DATATYPE_RULES: Mapping[str, Rule] = {
    "Attachment": _attachment,
    "Coding": _coding,
    "Quantity": _quantity,
    "Reference": _reference,
    "markdown": _markdown,
    "string": _string,
    "url": _url,
}
"""Type -> its rule."""
