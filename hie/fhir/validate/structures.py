"""StructureDefinition resources as definitions to validate against: our own and stored ones.

A profile may come with its snapshot or with its differential alone. The differential is laid over the definition it
is based on; that is enough here, because every resource is also held against its base definition. For the same reason
only what the differential of a profile on a base type states is looked at again (`stated`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from hie.base.resource import JsonView
from hie.base.systems import CORE
from hie.fhir.definitions import Definitions
from hie.fhir.element import Binding, Constraint, Element, ElementType, TypeDefinition
from hie.fhir.validate.plan import Profiles, last_step, parent_of, unsliced


class ProfileSet:
    """Profiles by canonical URL: the given StructureDefinitions first, then the official ones.

    It does not change; a server whose profiles change makes a new one, and a new `Validator` over it.
    """

    def __init__(self, definitions: Definitions, structures: Iterable[JsonView]) -> None:
        self._definitions = definitions
        self._structures = {str(row.get("url")): row for row in structures}
        self._made: dict[str, TypeDefinition | None] = {}

    def profile(self, url: str) -> TypeDefinition | None:
        """The definition behind a URL, a version suffix ignored; None when it is unknown or leads in a circle."""
        key = url.partition("|")[0]
        if key not in self._structures:
            return self._definitions.profile(key)
        if key not in self._made:
            self._made[key] = None
            self._made[key] = type_definition(self._structures[key], self, self._definitions)
        return self._made[key]


def load_structures(folder: Path) -> Iterator[dict[str, Any]]:
    """The StructureDefinitions in `StructureDefinition-*.json` files of a folder."""
    for path in sorted(folder.glob("StructureDefinition-*.json")):
        yield orjson.loads(path.read_bytes())


def type_definition(structure: JsonView, profiles: Profiles, definitions: Definitions) -> TypeDefinition | None:
    """The definition that a StructureDefinition states; None when its base is not known."""
    kind, url = str(structure.get("type")), str(structure.get("url"))
    base_url = str(structure.get("baseDefinition"))
    base = definitions.type(base_url.removeprefix(CORE)) or profiles.profile(base_url)
    snapshot = _rows(structure, "snapshot")
    if base is None and not snapshot:
        return None
    differential = _rows(structure, "differential")
    narrows = base_url.removeprefix(CORE) == kind and structure.get("derivation") == "constraint"
    stated = _stated(differential) if narrows and differential else None
    elements = {} if base is None or (snapshot and stated is None) else dict(base.elements)
    for row in differential if stated is not None else snapshot or differential:
        element = laid_over(row, elements, definitions)
        elements[element.id] = element
    if stated is not None:
        elements |= {row["id"]: _only_stated(row, elements[row["id"]]) for row in differential if "id" in row}
    elements = {key: _aimed(element, profiles) for key, element in elements.items()}
    return TypeDefinition(
        name=str(structure.get("name")),
        url=url,
        kind=str(structure.get("kind")),
        abstract=bool(structure.get("abstract")),
        base=base_url.removeprefix(CORE),
        type=kind,
        elements=elements,
        title=str(structure.get("title", "")),
        context=tuple(structure.get("context", ())),
        stated=stated,
    )


def _aimed(element: Element, profiles: Profiles) -> Element:
    """An element whose reference targets that are profiles of ours are told as the types of these: what a reference
    shows is a type."""
    if not any(":" in url for kind in element.types for url in kind.target_profile):
        return element
    return replace(
        element, types=tuple(replace(kind, target_profile=_types_of(kind, profiles)) for kind in element.types)
    )


def _types_of(kind: ElementType, profiles: Profiles) -> tuple[str, ...]:
    found = {url: profiles.profile(url) if ":" in url else None for url in kind.target_profile}
    return tuple(dict.fromkeys(url if known is None else known.type for url, known in found.items()))


def _stated(differential: Iterable[JsonView]) -> frozenset[str]:
    """The ids of a differential, the elements above them and the elements that their slices belong to."""
    found: set[str] = set()
    for row in differential:
        here = str(row.get("id") or row["path"])
        while here and here not in found:
            found.add(here)
            whole = unsliced(here)
            if whole != here:
                found.add(whole)
            here = parent_of(here)
    return frozenset(found)


def _only_stated(row: JsonView, element: Element) -> Element:
    """An element without the binding and the constraints that it has from its base already."""
    constraints = tuple(_constraint(rule) for rule in row.get("constraint", ()))
    return replace(element, constraints=constraints, binding=element.binding if "binding" in row else None)


def _rows(structure: JsonView, view: str) -> list[JsonView]:
    return list((structure.get(view) or {}).get("element", ()))


def laid_over(row: JsonView, elements: Mapping[str, Element], definitions: Definitions) -> Element:
    """An element as stated, with what it does not state from the element it constrains."""
    element_id = str(row.get("id") or row["path"])
    start = inherited(element_id, str(row["path"]), elements, definitions)
    stated: dict[str, Any] = {"id": element_id, "path": row["path"], "slice_name": row.get("sliceName")}
    if "min" in row:
        stated["min"] = row["min"]
    if "max" in row:
        stated["max"] = None if row["max"] == "*" else int(row["max"])
    if "type" in row:
        stated["types"] = tuple(_type(kind) for kind in row["type"])
    if "slicing" in row:
        stated["slicing"] = row["slicing"]
    if row.get("binding", {}).get("valueSet"):
        stated["binding"] = Binding(row["binding"]["strength"], row["binding"]["valueSet"].partition("|")[0])
    for name, key in (("is_modifier", "isModifier"), ("max_length", "maxLength")):
        if key in row:
            stated[name] = row[key]
    for name in ("fixed", "pattern", "minValue", "maxValue"):
        stated |= _stated_value(row, name)
    constraints = {c.key: c for c in (*start.constraints, *map(_constraint, row.get("constraint", ())))}
    return replace(start, **stated, constraints=tuple(constraints.values()))


def _stated_value(row: JsonView, name: str) -> dict[str, Any]:
    found = next(((key[len(name) :], value) for key, value in row.items() if key.startswith(name)), None)
    if found is None:
        return {}
    return {"minValue": {"min_value": found[1]}, "maxValue": {"max_value": found[1]}}.get(name, {name: found})


def _type(row: JsonView) -> ElementType:
    code = str(row.get("code", "")).rpartition("/")[2].removeprefix("System.")
    code = code[:1].lower() + code[1:] if "fhirpath" in str(row.get("code")) else code
    profiles = tuple(url.removeprefix(CORE) for url in row.get("profile", ()))
    return ElementType(code, profiles, tuple(url.removeprefix(CORE) for url in row.get("targetProfile", ())))


def _constraint(row: JsonView) -> Constraint:
    return Constraint(row["key"], row.get("severity", "error"), row.get("human", row["key"]), row.get("expression", ""))


def inherited(element_id: str, path: str, elements: Mapping[str, Element], definitions: Definitions) -> Element:
    """The element that a stated one starts from: itself, the element it slices, the same below the unsliced parent, or
    the element of the data type that the profile walks into."""
    if element_id in elements:
        return elements[element_id]
    is_slice = ":" in last_step(element_id)
    plain = ".".join(step.partition(":")[0] for step in element_id.split("."))
    for place in (unsliced(element_id), plain):
        if place in elements:
            found = elements[place]
            return replace(found, min=0 if is_slice else found.min, slicing=None if is_slice else found.slicing)
    head, _, last = element_id.rpartition(".")
    if head:
        parent = inherited(head, path.rpartition(".")[0], elements, definitions)
        for kind in parent.types:
            found_below = definitions.element(kind.code, last.partition(":")[0].removesuffix("[x]"))
            if found_below is not None:
                return replace(found_below, constraints=(), min=0 if is_slice else found_below.min)
    return Element(path, 0, None, ())
