"""Rows of `profiles/r4` and FHIR resources -> types, elements and search parameters (`hie/fhir/element.py`)."""

from collections.abc import Mapping
from typing import Any

from hie.base.resource import Json
from hie.fhir.element import (
    Binding,
    Component,
    Constraint,
    Element,
    ElementType,
    SearchParameter,
    TypeDefinition,
)


def _element_type(row: Json) -> ElementType:
    return ElementType(
        row["code"], tuple(row.get("profile", ())), tuple(row.get("targetProfile", ())), row.get("regex")
    )


def _prefixed(row: Json, prefix: str) -> tuple[str, Any] | None:
    return next(((key[len(prefix) :], value) for key, value in row.items() if key.startswith(prefix)), None)


def _element(row: Json, constraints: Mapping[str, Constraint]) -> Element:
    maximum = row["max"]
    reference = row.get("contentReference")
    lowest, highest = _prefixed(row, "minValue"), _prefixed(row, "maxValue")
    return Element(
        path=row["path"],
        min=row["min"],
        max=None if maximum == "*" else int(maximum),
        types=tuple(_element_type(kind) for kind in row.get("type", ())),
        content_reference=reference.rpartition("#")[2] if reference else None,
        base=str(row.get("base") or row["path"]),
        binding=Binding(*row["binding"]) if "binding" in row else None,
        constraints=tuple(constraints[key] for key in row.get("constraint", ())),
        is_modifier=row.get("isModifier", False),
        is_summary=row.get("isSummary", False),
        max_length=row.get("maxLength"),
        fixed=_prefixed(row, "fixed"),
        pattern=_prefixed(row, "pattern"),
        min_value=lowest and lowest[1],
        max_value=highest and highest[1],
        slicing=row.get("slicing"),
        slice_name=row.get("slice"),
        id=str(row.get("id") or row["path"]),
        xml_attribute=row.get("xmlAttr", False),
    )


def type_definition(row: Json | None) -> TypeDefinition | None:
    """A type, profile or extension from its row; None from none."""
    if row is None:
        return None
    constraints = {key: Constraint(key.split("@")[0], **value) for key, value in row["constraints"].items()}
    elements = [_element(element, constraints) for element in row["elements"]]
    return TypeDefinition(
        name=row["name"],
        url=row["url"],
        kind=row["kind"],
        abstract=row.get("abstract", False),
        base=row.get("base"),
        type=row["type"],
        elements={element.id: element for element in elements},
        title=row.get("title", ""),
        context=tuple(row.get("context", ())),
    )


def search_parameter(resource: Mapping[str, Any]) -> SearchParameter:
    """A `SearchParameter` from the FHIR resource of that name (official or posted at run time)."""
    return SearchParameter(
        code=resource["code"],
        type=resource["type"],
        expression=resource.get("expression", ""),
        base=tuple(resource.get("base", ())),
        target=tuple(resource.get("target", ())),
        components=tuple(Component(c["definition"], c["expression"]) for c in resource.get("component", ())),
        url=resource.get("url", ""),
        description=resource.get("description", ""),
        usage=resource.get("xpathUsage", "normal"),
    )
