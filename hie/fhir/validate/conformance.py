"""Rules on definitional resources that need other definitions (FHIR R4 searchparameter, capabilitystatement)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hie.base.errors import HieError
from hie.base.systems import CORE
from hie.fhir.definitions import Definitions
from hie.fhir.path import compile
from hie.fhir.validate.options import Options

ABSTRACT = frozenset(("Resource", "DomainResource", "Element", "BackboneElement"))
"""Types that stand for whatever derives from them."""


@dataclass(frozen=True, slots=True)
class Found:
    """A fault and where it is below the resource."""

    severity: str
    code: str
    rule: str
    text: str
    pointer: tuple[str | int, ...] = ()


def rows(value: Mapping[str, Any], name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of an array member, with their indexes."""
    items = value.get(name)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield index, item


def below(holder: Any, *names: str) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """The objects that a path of members leads to, each with its pointer; an array on the way means all its items."""
    if not isinstance(holder, dict):
        return
    if not names:
        yield (), holder
        return
    first, *rest = names
    value = holder.get(first)
    steps = [((first, n), item) for n, item in enumerate(value)] if isinstance(value, list) else [((first,), value)]
    for step, item in steps:
        yield from (((*step, *pointer), found) for pointer, found in below(item, *rest))


def search_parameter(resource: Mapping[str, Any], definitions: Definitions, options: Options) -> Iterator[Found]:
    """A SearchParameter: its expression can be read, and it agrees with the one it derives from."""
    expression = resource.get("expression")
    if isinstance(expression, str):
        yield from _readable(expression, ("expression",))
    parent = definitions.search_parameter(str(resource.get("derivedFrom", "")).partition("|")[0])
    if parent is None:
        return
    if resource.get("type") != parent.type:
        text = "The type is not that of the parameter it derives from"
        yield Found("error", "business-rule", "search-derived", text, ("type",))
    base = resource.get("base")
    for index, name in enumerate(base if isinstance(base, list) else ()):
        if name not in parent.base:
            text = "The parameter it derives from is not for this type"
            yield Found("error", "business-rule", "search-derived", text, ("base", index))


def _readable(expression: str, pointer: tuple[str | int, ...]) -> Iterator[Found]:
    try:
        compile(expression)
    except HieError:
        yield Found("error", "invalid", "fhirpath", "The expression is no FHIRPath", pointer)


def capability_statement(resource: Mapping[str, Any], definitions: Definitions, options: Options) -> Iterator[Found]:
    """A CapabilityStatement: a parameter has the type of its definition."""
    for pointer, row in below(resource, "rest", "resource", "searchParam"):
        definition = definitions.search_parameter(str(row.get("definition", "")).partition("|")[0])
        if definition is not None and row.get("type") != definition.type:
            text = "The type is not that of the parameter's definition"
            yield Found("error", "invalid", "capability-parameter", text, pointer)


def structure_definition(resource: Mapping[str, Any], definitions: Definitions, options: Options) -> Iterator[Found]:
    """A StructureDefinition: the profiles on a type are for that type."""
    for part in ("differential", "snapshot"):
        for pointer, kind in below(resource, part, "element", "type"):
            urls = kind.get("profile")
            for n, url in enumerate(urls if isinstance(urls, list) else ()):
                if not _profile_fits(str(kind.get("code")), str(url), definitions):
                    where = (*pointer, "profile", n)
                    yield Found("error", "invalid", "profile-type", "The profile is for another type", where)


def _profile_fits(code: str, url: str, definitions: Definitions) -> bool:
    """Whether a profile is for `code` or a type derived from it by constraint; true for an unknown one."""
    name = url.partition("|")[0].removeprefix(CORE)
    profile = None if definitions.is_type(name) else definitions.profile(url)
    kind = name if definitions.is_type(name) else None if profile is None else profile.type
    return kind in (None, code) or (code in ABSTRACT and definitions.is_subtype(str(kind), code))


def value_set(resource: Mapping[str, Any], definitions: Definitions, options: Options) -> Iterator[Found]:
    """A ValueSet: expressions for parameters are FHIRPath that can be read, over declared parameters."""
    declared = {str(name) for name in _parameters(resource)}
    for pointer, found in below(resource, "compose", "include", "filter", "_value", "extension", "valueExpression"):
        yield from _filter_expression(found, declared, pointer)


def _parameters(resource: Mapping[str, Any]) -> Iterator[Any]:
    for _, extension in rows(resource, "extension"):
        if str(extension.get("url", "")).endswith("/valueset-parameter"):
            parts = (part for _, part in rows(extension, "extension") if part.get("url") == "name")
            yield from (part.get("valueCode", part.get("valueString")) for part in parts)


def _filter_expression(
    expression: Mapping[str, Any], declared: set[str], where: tuple[str | int, ...]
) -> Iterator[Found]:
    text = expression.get("expression")
    if expression.get("language") != "text/fhirpath":
        yield Found("error", "invalid", "valueset-expression", "The language here is text/fhirpath", where)
    elif isinstance(text, str):
        yield from _readable(text, where)
        unknown = text[1:] if text[:1] == "%" and declared and text[1:] not in declared else ""
        if unknown:
            yield Found("error", "exception", "valueset-expression", "The parameter is not declared", where)
