"""One search parameter with its modifier and values -> a clause (FHIR R4 search §3.1.1.4, §3.1.1.5)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hie.base.errors import Category, HieError
from hie.fhir.definitions import Definitions
from hie.fhir.element import SearchParameter
from hie.fhir.ucum import UCUM
from hie.search import literal, values
from hie.search.clause import (
    Clause,
    Compare,
    CompositeMatch,
    Hierarchy,
    IdentifierTest,
    IdIs,
    Kind,
    Match,
    Near,
    Not,
    OfTypeTest,
    Or,
    Present,
    QuantityTest,
    RangeTest,
    ReferenceTest,
    StringTest,
    Test,
    TokenPrefixTest,
    TokenTest,
    TokenTextTest,
    UpdatedIs,
    UriCompare,
    UriTest,
    Words,
)
from hie.search.derived import expanded
from hie.search.fold import fold
from hie.search.hierarchy import parent_of
from hie.search.text import pieces

Terminology = Callable[[str, str], Sequence[tuple[str, str]]]
"""(modifier `in`, `above` or `below`, value set URL or `system|code`) -> (system, code) of all that are meant.

It raises `HieError` with a message for the caller when it cannot tell."""

_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/([A-Za-z0-9.-]{1,64}))?")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_MEDIA = re.compile(r"(application|audio|font|image|message|model|multipart|text|video)(/[\w.+-]*)?")
"""A media type or its first part, which `:below` takes by its beginning (FHIR R4 search §3.1.1.4.10)."""

_TYPED_AT_MOST = 10
"""A bare id is looked up under each target type when a parameter has no more targets than this."""

_KM = {"km": 1.0, "m": 0.001, "[mi_us]": 1.609347219, "[mi_i]": 1.609344, "mi": 1.609344, "": 1.0}
_HALF_ROUND_KM = 20_100.0
"""No two places are further apart."""
_NEAR_KM = 10.0
"""The distance of `near` when none is given."""


@dataclass(frozen=True)
class Setting:
    """What parsing needs beside the text: definitions, now (microseconds), our own base URL, terminology."""

    definitions: Definitions
    now: int
    base: str | None = None
    terminology: Terminology | None = None


def invalid(name: str, why: str) -> HieError:
    """A parameter that cannot be honoured; the message has its name and `why`, a verb and what follows it, never its
    value."""
    return HieError(Category.INVALID, f"Search parameter {name} {why}.", expression=name)


def parameter(setting: Setting, types: Sequence[str], name: str) -> SearchParameter:
    """The parameter `name` of all `types`; INVALID when one of them has none."""
    found = [setting.definitions.search_parameters(kind).get(name) for kind in types or ("Resource",)]
    first = found[0]
    if first is None or any(other is None or other.type != first.type for other in found):
        raise invalid(name, f"is not known for {', '.join(types) or 'all types'}; /metadata lists those that are")
    if not served(first):
        raise invalid(name, "has no expression in R4, so nothing is indexed for it")
    return first


def served(definition: SearchParameter) -> bool:
    """Whether a search can use the parameter: it has an expression, or a meaning of its own."""
    return bool(definition.expression) or definition.code in _SPECIAL or definition.code == "_filter"


def clause(setting: Setting, types: Sequence[str], name: str, modifier: str | None, text: str) -> Clause:
    """What `name:modifier=text` asks for, `text` holding all alternatives."""
    return expanded(setting.definitions, types, _stated(setting, types, name, modifier, text))


def _stated(setting: Setting, types: Sequence[str], name: str, modifier: str | None, text: str) -> Clause:
    definition = parameter(setting, types, name)
    kind = Kind(definition.type)
    label = f"{name}:{modifier}" if modifier else name
    texts = [part for part in literal.split(text, ",") if part]
    if not texts:
        raise invalid(label, "has no value")
    if modifier == "missing":
        return _missing(name, kind, label, texts)
    special = _SPECIAL.get(name)
    if special is not None:
        return special(setting, label, modifier, texts)
    if modifier in ("not", "not-in") and kind is Kind.TOKEN:
        positive = "in" if modifier == "not-in" else None
        return Not(Match(name, kind, _tests(setting, definition, kind, label, positive, texts)))
    if kind is Kind.COMPOSITE:
        _no_modifier(label, modifier)
        return _composite(setting, definition, label, texts)
    return Match(name, kind, _tests(setting, definition, kind, label, modifier, texts))


def _missing(name: str, kind: Kind, label: str, texts: Sequence[str]) -> Clause:
    if texts not in (["true"], ["false"]) or name in _SPECIAL or kind is Kind.SPECIAL:
        raise invalid(label, "takes true or false, on a parameter with entries")
    return Not(Present(name, kind)) if texts == ["true"] else Present(name, kind)


def _tests(
    setting: Setting, definition: SearchParameter, kind: Kind, label: str, modifier: str | None, texts: Sequence[str]
) -> tuple[Test, ...]:
    parse = _PARSERS[kind]
    try:
        return tuple(test for value in texts for test in parse(setting, definition, label, modifier, value))
    except ValueError as error:
        raise invalid(label, str(error)) from error


def _no_modifier(label: str, modifier: str | None) -> None:
    if modifier is not None:
        raise invalid(label, "has a modifier that is not defined for its type")


# -- one value of each type ------------------------------------------------------------------------------------------


def _ordered(kind: Kind) -> Callable[..., Sequence[Test]]:
    def parse(
        setting: Setting, definition: SearchParameter, label: str, modifier: str | None, text: str
    ) -> Sequence[Test]:
        _no_modifier(label, modifier)
        return [_range(setting, kind, text)]

    return parse


def _range(setting: Setting, kind: Kind, text: str) -> RangeTest:
    return literal.date_range(text, setting.now) if kind is Kind.DATE else literal.number_range(text)


def _string(
    setting: Setting, definition: SearchParameter, label: str, modifier: str | None, text: str
) -> Sequence[Test]:
    text = literal.unescape(text)
    if modifier == "exact":
        return [StringTest(text, Compare.EXACT)]
    if modifier not in (None, "contains"):
        _no_modifier(label, modifier)
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
    _no_modifier(label, modifier)
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
        _no_modifier(label, modifier)
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


def _composite(setting: Setting, definition: SearchParameter, label: str, texts: Sequence[str]) -> Clause:
    components = [setting.definitions.search_parameter(component.definition) for component in definition.components]
    kinds = tuple(Kind(component.type) for component in components if component is not None)
    alternatives: list[tuple[Test, ...]] = []
    for value in texts:
        parts = literal.split(value, "$")
        if len(parts) != len(kinds) or not all(parts):
            raise invalid(label, f"takes {len(kinds)} values with $ between them")
        combined: list[tuple[Test, ...]] = [()]
        for component, kind, part in zip(components, kinds, parts, strict=True):
            assert component is not None
            tests = _tests(setting, component, kind, label, None, [part])
            combined = [(*done, test) for done in combined for test in tests]
        alternatives += combined
    return CompositeMatch(definition.code, kinds, tuple(alternatives))


# -- parameters with a meaning of their own --------------------------------------------------------------------------


def _id(setting: Setting, label: str, modifier: str | None, texts: Sequence[str]) -> Clause:
    if modifier not in (None, "not"):
        _no_modifier(label, modifier)
    named = IdIs(tuple(literal.unescape(value) for value in texts))
    return Not(named) if modifier else named


def _updated(setting: Setting, label: str, modifier: str | None, texts: Sequence[str]) -> Clause:
    _no_modifier(label, modifier)
    try:
        return UpdatedIs(tuple(_range(setting, Kind.DATE, value) for value in texts))
    except ValueError as error:
        raise invalid(label, str(error)) from error


def _words(narrative: bool) -> Callable[..., Clause]:
    def parse(setting: Setting, label: str, modifier: str | None, texts: Sequence[str]) -> Clause:
        _no_modifier(label, modifier)
        found = tuple(Words(pieces(fold(literal.unescape(value))), narrative) for value in texts)
        if not all(words.words for words in found):
            raise invalid(label, "has no word in it")
        return found[0] if len(found) == 1 else Or(found)

    return parse


def _near(setting: Setting, label: str, modifier: str | None, texts: Sequence[str]) -> Clause:
    _no_modifier(label, modifier)
    try:
        points = tuple(_near_one(value) for value in texts)
    except ValueError as error:
        raise invalid(label, "takes [latitude]|[longitude]|[distance]|[units]") from error
    return points[0] if len(points) == 1 else Or(points)


def _near_one(text: str) -> Near:
    parts = [literal.unescape(part) for part in literal.split(text, "|")]
    latitude, longitude = float(parts[0]), float(parts[1] if len(parts) > 1 else "")
    unit = _KM.get(parts[3] if len(parts) > 3 else "")
    if unit is None or len(parts) > 4 or not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise ValueError
    km = float(parts[2]) * unit if len(parts) > 2 and parts[2] else _NEAR_KM
    if not 0 <= km <= _HALF_ROUND_KM:
        raise ValueError
    return Near(latitude, longitude, km)


_SPECIAL: dict[str, Callable[..., Clause]] = {
    "_id": _id,
    "_lastUpdated": _updated,
    "_text": _words(True),
    "_content": _words(False),
    "near": _near,
}
