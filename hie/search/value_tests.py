"""Values of a search parameter -> tests, by the type of the parameter (FHIR R4 search §3.1.1.4)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from hie.base.errors import Category, HieError
from hie.fhir.element import SearchParameter
from hie.fhir.ucum import UCUM
from hie.search import literal, values
from hie.search.clause import (
    Compare,
    Hierarchy,
    IdentifierTest,
    Kind,
    OfTypeTest,
    QuantityTest,
    RangeTest,
    ReferenceTest,
    StringTest,
    Test,
    TokenPrefixTest,
    TokenTest,
    TokenTextTest,
    UriCompare,
    UriTest,
)
from hie.search.fold import fold
from hie.search.hierarchy import parent_of
from hie.search.setting import Setting, invalid, no_modifier

_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/([A-Za-z0-9.-]{1,64}))?")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_MEDIA = re.compile(r"(application|audio|font|image|message|model|multipart|text|video)(/[\w.+-]*)?")
"""A media type or its first part, which `:below` takes by its beginning (FHIR R4 search §3.1.1.4.10)."""

_TYPED_AT_MOST = 10
"""A bare id is looked up under each target type when a parameter has no more targets than this."""


def tests_of(
    setting: Setting, definition: SearchParameter, kind: Kind, label: str, modifier: str | None, texts: Sequence[str]
) -> tuple[Test, ...]:
    """The tests that values of a parameter ask for; raises INVALID for one that it cannot have."""
    parse = _PARSERS[kind]
    try:
        return tuple(test for value in texts for test in parse(setting, definition, label, modifier, value))
    except ValueError as error:
        raise invalid(label, str(error)) from error


def _ordered(kind: Kind) -> Callable[..., Sequence[Test]]:
    def parse(
        setting: Setting, definition: SearchParameter, label: str, modifier: str | None, text: str
    ) -> Sequence[Test]:
        no_modifier(label, modifier)
        return [range_test(setting, kind, text)]

    return parse


def range_test(setting: Setting, kind: Kind, text: str) -> RangeTest:
    """A date or a number with its prefix; ValueError for neither."""
    return literal.date_range(text, setting.now) if kind is Kind.DATE else literal.number_range(text)


def _string(
    setting: Setting, definition: SearchParameter, label: str, modifier: str | None, text: str
) -> Sequence[Test]:
    text = literal.unescape(text)
    if modifier == "exact":
        return [StringTest(text, Compare.EXACT)]
    if modifier not in (None, "contains"):
        no_modifier(label, modifier)
    return [StringTest(fold(text), Compare.CONTAINS if modifier else Compare.STARTS)]


def _token(
    setting: Setting, definition: SearchParameter, label: str, modifier: str | None, text: str
) -> Sequence[Test]:
    if modifier is None:
        return [_token_test(text)]
    if modifier == "text":
        return [TokenTextTest(fold(literal.unescape(text)))]
    if modifier in ("in", "above", "below"):
        return _expanded(setting, label, modifier, literal.unescape(text))
    if modifier == "of-type":
        return [_of_type(text)]
    raise invalid(label, "has a modifier that is not defined for its type")


def _token_test(text: str) -> TokenTest:
    parts = [literal.unescape(part) for part in literal.split(text, "|")]
    if len(parts) == 1:
        return TokenTest(None, parts[0])
    if len(parts) > 2 or parts == ["", ""]:
        raise ValueError("takes [system]|[code]")
    return TokenTest(parts[0], parts[1] or None)


def _of_type(text: str) -> OfTypeTest:
    parts = [literal.unescape(part) for part in literal.split(text, "|")]
    if len(parts) != 3 or not all(parts):
        raise ValueError("takes [system]|[code]|[value]")
    return OfTypeTest(*parts)


def _expanded(setting: Setting, label: str, modifier: str, text: str) -> Sequence[Test]:
    if modifier == "below" and _MEDIA.fullmatch(text):
        return [TokenPrefixTest(text)]
    if setting.terminology is None:
        raise HieError(
            Category.NOT_SUPPORTED, f"Search parameter {label} needs a terminology service.", expression=label
        )
    try:
        meant = setting.terminology(modifier, text)
    except HieError as error:
        told = f"Search parameter {label}: {error.message}."
        raise HieError(Category.INVALID, told, issue=error.issue, expression=label) from None
    return [TokenTest(system, code) for system, code in meant]


def _reference(
    setting: Setting, definition: SearchParameter, label: str, modifier: str | None, text: str
) -> Sequence[Test]:
    if modifier == "identifier":
        token = _token_test(text)
        return [IdentifierTest(token.system, token.code)]
    text = literal.unescape(text)
    if modifier in ("above", "below"):
        return _lines(setting, definition, label, modifier, text)
    if modifier is not None:
        return [_typed(setting, definition, label, modifier, text)]
    return _named(setting, definition, text)


def _named(setting: Setting, definition: SearchParameter, text: str) -> list[ReferenceTest]:
    """What a reference without modifier names: a resource here, a bare id, something elsewhere."""
    if setting.base and text.startswith(setting.base.rstrip("/") + "/"):
        text = text[len(setting.base.rstrip("/")) + 1 :]
    url, _, version = text.partition("|")
    local = _LOCAL.fullmatch(url)
    if local and setting.definitions.is_resource(local[1]):
        return [ReferenceTest(local[1], local[2], None, local[3] or version or None)]
    if _ID.fullmatch(text):
        few = definition.target if 0 < len(definition.target) <= _TYPED_AT_MOST else (None,)
        return [ReferenceTest(kind, text) for kind in few]
    return [ReferenceTest(url=url, version=version or None)]


def _lines(
    setting: Setting, definition: SearchParameter, label: str, modifier: str, text: str
) -> Sequence[ReferenceTest]:
    """All above or below a resource, itself included; a bare id is that of any type with a hierarchy."""
    found = []
    for test in _named(setting, definition, text):
        parent = parent_of(setting.definitions, test.type) if test.type and test.version is None else None
        if parent is not None:
            found.append(replace(test, hierarchy=Hierarchy(parent, modifier == "above")))
    if not found:
        raise invalid(label, "takes a resource of a type that has a hierarchy")
    return found


def _typed(setting: Setting, definition: SearchParameter, label: str, kind: str, text: str) -> ReferenceTest:
    local = _LOCAL.fullmatch(text)
    if not setting.definitions.is_resource(kind) or (definition.target and kind not in definition.target):
        raise invalid(label, "has a modifier that is neither defined nor a type it can refer to")
    if (local and local[1] != kind) or not (local or _ID.fullmatch(text)):
        raise invalid(label, f"takes the id of a {kind}")
    return ReferenceTest(kind, local[2] if local else text)


def _quantity(
    setting: Setting, definition: SearchParameter, label: str, modifier: str | None, text: str
) -> Sequence[Test]:
    no_modifier(label, modifier)
    parts = [literal.unescape(part) for part in literal.split(text, "|")]
    if len(parts) not in (1, 3):
        raise ValueError("takes [number] or [number]|[system]|[code]")
    found = literal.number_range(parts[0])
    if len(parts) == 1:
        return [QuantityTest(found)]
    canonical = _canonical(parts[0], parts[2]) if parts[1] == UCUM else None
    return [QuantityTest(found, parts[1] or None, parts[2] or None, *(canonical or ()))]


def _canonical(text: str, code: str) -> tuple[RangeTest, str] | None:
    """The range in base units and their name; None when `code` is not UCUM."""
    op, value = literal.number(text)
    ends = [values.canonical(str(end), code) for end in literal.number_bounds(op, value)]
    if ends[0] is None or ends[1] is None:
        return None
    return RangeTest(op, ends[0][0], ends[1][0]), ends[0][1]


def _uri(setting: Setting, definition: SearchParameter, label: str, modifier: str | None, text: str) -> Sequence[Test]:
    if modifier not in (None, "above", "below"):
        no_modifier(label, modifier)
    return [UriTest(literal.unescape(text), UriCompare(modifier) if modifier else UriCompare.EXACT)]


_PARSERS: dict[Kind, Callable[..., Sequence[Test]]] = {
    Kind.NUMBER: _ordered(Kind.NUMBER),
    Kind.DATE: _ordered(Kind.DATE),
    Kind.STRING: _string,
    Kind.TOKEN: _token,
    Kind.REFERENCE: _reference,
    Kind.QUANTITY: _quantity,
    Kind.URI: _uri,
}
