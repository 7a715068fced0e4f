"""StructureDefinitions from `source/profiles/*.toml`, `source/common.toml` and `source/extensions.toml`.

The sources state differentials. The snapshot is made here from our copy of the R4 definitions, which holds no prose: an
element that a profile says nothing about is defined by a link to the standard.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hie.base.resource import Json
from hie.base.systems import CORE
from hie.fhir.definitions import Definitions, load_definitions
from hie.fhir.element import Constraint, Element, ElementType
from hie.fhir.validate.plan import last_step, parent_of
from hie.fhir.validate.structures import inherited, laid_over
from tools.profile_frame import SOURCE, VERSION, bilingual, camel, frame, published, read, url_of

MODIFIER = "FHIR R4: this element changes the meaning of the element that holds it."


def structures() -> Iterator[Json]:
    """Every extension and every profile."""
    definitions = load_definitions()
    for name, row in read("extensions.toml").items():
        yield _structure(name, _extension(name, row), definitions)
    common = read("common.toml")["elements"]
    for path in sorted((SOURCE / "profiles").glob("*.toml")):
        row = read(f"profiles/{path.name}")
        yield _structure(f"hie-{path.stem}", row | {"elements": common | row["elements"]}, definitions)


def _extension(name: str, row: Mapping[str, Any]) -> Json:
    """An extension as the profile that it is."""
    value: Json = {"card": "1..1", "types": row["types"]}
    for key in ("binding", "targets"):
        if key in row:
            value[key] = row[key]
    elements = {
        "extension": {"card": "0..0"},
        "url": {"fixed": url_of("StructureDefinition", name)},
        "value[x]": value,
    }
    return {**row, "type": "Extension", "elements": elements}


def _structure(name: str, row: Mapping[str, Any], definitions: Definitions) -> Json:
    kind = row["type"]
    base = definitions.type(kind)
    if base is None:
        raise ValueError(f"{name}: no type {kind}")
    differential = list(_differential(kind, row, dict(base.elements), definitions))
    snapshot = list(Snapshot(kind, differential, definitions).rows())
    return frame(
        "StructureDefinition",
        name,
        row["title"],
        url=url_of("StructureDefinition", name),
        version=VERSION,
        name=camel(name),
        **bilingual("title", row["title"]),
        **published(),
        **bilingual("description", row["text"]),
        experimental=False,
        fhirVersion="4.0.1",
        kind="complex-type" if kind == "Extension" else "resource",
        abstract=False,
        context=[{"type": "element", "expression": place} for place in row.get("context", ())],
        type=kind,
        baseDefinition=CORE + kind,
        derivation="constraint",
        snapshot={"element": snapshot},
        differential={"element": differential},
    )


# -- the differential ----------------------------------------------------------------------------------------------


def _differential(
    kind: str, row: Mapping[str, Any], elements: dict[str, Element], definitions: Definitions
) -> Iterator[Json]:
    """The elements that a source states, in the order of the standard, each checked against what it constrains."""
    stated: dict[str, Json] = {"": {"text": row["text"]}}
    for key, value in row["elements"].items():
        parent = key.rpartition(":")[0]
        if last_step(key).startswith("extension:") and parent not in stated:
            stated[parent] = {"by": ["value url"]}
        stated[key] = dict(value)
    constraints = row.get("constraints", {})
    for key, rule in constraints.items():
        if "on" in rule:
            stated[rule["on"]].setdefault("constraints", []).append(key)
    order = list(stated)
    for key in sorted(stated, key=lambda key: _rank(kind, key, order, elements, definitions)):
        made = _element(f"{kind}.{key}" if key else kind, stated[key], constraints, elements, definitions)
        element = laid_over(made, elements, definitions)
        if not element.types and not element.content_reference and key:
            raise ValueError(f"{kind}.{key} is no element of FHIR R4")
        elements[element.id] = element
        yield made


def _rank(
    kind: str, key: str, order: list[str], elements: Mapping[str, Element], definitions: Definitions
) -> tuple[int, ...]:
    """Where an element stands: by the order of its parent's children, slices after the element they slice as stated."""
    rank: list[int] = []
    here, said = kind, ""
    for step in key.split(".") if key else ():
        name, _, part = step.partition(":")
        names = children(inherited(here, here, elements, definitions), elements, definitions)
        if name not in names:
            raise ValueError(f"{kind}.{key}: no element {name}")
        said = f"{said}.{step}" if said else step
        rank += [names.index(name), 1 + order.index(said) if part else 0]
        here = f"{here}.{name}"
    return tuple(rank)


def children(element: Element, elements: Mapping[str, Element], definitions: Definitions) -> list[str]:
    """The names right below an element: of its data types, or of the backbone itself."""
    inner = [kind.code for kind in element.types if kind.code not in ("BackboneElement", "Element")]
    below = [name for kind in inner for name in _names(kind, definitions)]
    own = [
        last_step(row.path) for row in elements.values() if ":" not in row.id and parent_of(row.path) == element.path
    ]
    return list(dict.fromkeys([*below, *own]))


def _names(kind: str, definitions: Definitions) -> list[str]:
    found = definitions.type(kind)
    return [last_step(path) for path in found.elements if parent_of(path) == kind] if found is not None else []


def _element(
    element_id: str,
    stated: Json,
    constraints: Mapping[str, Any],
    elements: Mapping[str, Element],
    definitions: Definitions,
) -> Json:
    """One element of the differential as an ElementDefinition."""
    path = ".".join(step.partition(":")[0] for step in element_id.split("."))
    start = inherited(element_id, path, elements, definitions)
    kinds = tuple(ElementType(code) for code in stated.get("types", ())) or start.types
    made: Json = {"id": element_id, "path": path}
    if ":" in last_step(element_id):
        made["sliceName"] = element_id.rpartition(":")[2]
    if "by" in stated:
        rows = [dict(zip(("type", "path"), text.split(" "), strict=True)) for text in stated["by"]]
        made["slicing"] = {"discriminator": rows, "rules": stated.get("rules", "open")}
        made["slicing"] |= {"ordered": True} if stated.get("ordered") else {}
    if "text" in stated:
        made |= bilingual("short", stated["text"])
        made["definition"] = " · ".join(stated["text"])
    if "card" in stated:
        low, _, made["max"] = stated["card"].partition("..")
        made["min"] = int(low)
    if "extension" in stated:
        url = stated["extension"]
        made["type"] = [{"code": "Extension", "profile": [url if ":" in url else url_of("StructureDefinition", url)]}]
    elif "types" in stated or "targets" in stated:
        made["type"] = [_type(kind, stated.get("targets", ())) for kind in kinds]
    for key in ("fixed", "pattern"):
        if key in stated:
            code = kinds[0].code
            made[key + code[0].upper() + code[1:]] = stated[key]
    if stated.get("must"):
        made["mustSupport"] = True
    if "binding" in stated:
        strength, _, name = stated["binding"].partition(" ")
        made["binding"] = {"strength": strength, "valueSet": url_of("ValueSet", name)}
    if "constraints" in stated:
        made["constraint"] = [_rule(key, constraints[key]) for key in stated["constraints"]]
    return made


def _type(kind: ElementType, targets: Any) -> Json:
    return {"code": kind.code} | ({"targetProfile": [CORE + name for name in targets]} if targets else {})


def _rule(key: str, rule: Mapping[str, Any]) -> Json:
    head = {"key": key, "severity": rule["severity"]}
    return {**head, "human": " · ".join(rule["text"]), "expression": rule["expression"]}


# -- the snapshot --------------------------------------------------------------------------------------------------


class Snapshot:
    """All elements of a profile: those of its base, those of data types it walks into, its slices."""

    def __init__(self, kind: str, differential: list[Json], definitions: Definitions) -> None:
        self._definitions = definitions
        self._kind = kind
        base = definitions.type(kind)
        assert base is not None
        self._base = base.elements
        self._elements = dict(base.elements)
        self._stated = {row["id"]: row for row in differential}
        for row in differential:
            element = laid_over(row, self._elements, definitions)
            self._elements[element.id] = element

    def rows(self) -> Iterator[Json]:
        """The elements in order."""
        yield from self._at(self._kind)

    def _at(self, here: str) -> Iterator[Json]:
        element = self._find(here)
        yield self._row(here, element)
        plain = ".".join(step.partition(":")[0] for step in here.split("."))
        backbone = any(parent_of(path) == plain for path in self._base)
        walked = any(row.startswith((f"{here}.", f"{plain}.")) for row in self._stated)
        if backbone or walked:
            for name in children(element, self._base, self._definitions):
                child = f"{here}.{name}"
                yield from self._at(child)
                for one in self._stated:
                    if one.startswith(f"{child}:") and "." not in one[len(child) :]:
                        yield from self._at(one)

    def _find(self, here: str) -> Element:
        path = ".".join(step.partition(":")[0] for step in here.split("."))
        found = self._elements.get(here)
        return found if found is not None else inherited(here, path, self._elements, self._definitions)

    def _row(self, here: str, element: Element) -> Json:
        """An ElementDefinition of the snapshot."""
        stated = self._stated.get(here, {})
        path = ".".join(step.partition(":")[0] for step in here.split("."))
        made: Json = {"id": here, "path": path, **{key: stated[key] for key in _AS_STATED if key in stated}}
        made.setdefault("definition", f"FHIR R4: {element.base or element.path}")
        origin = self._definitions.element(element.base.partition(".")[0], element.base) or element
        made |= _cardinality(element)
        made["base"] = {"path": element.base or element.path, **_cardinality(origin)}
        if element.content_reference:
            made["contentReference"] = f"#{element.content_reference}"
        elif element.types:
            made["type"] = [_type_row(kind) for kind in element.types]
        for key, value in (("fixed", element.fixed), ("pattern", element.pattern)):
            if value is not None:
                made[key + value[0]] = value[1]
        if element.max_length is not None:
            made["maxLength"] = element.max_length
        rules = {rule.key: rule for rule in (*origin.constraints, *element.constraints)}
        if rules:
            made["constraint"] = [_constraint(rule) for rule in rules.values()]
        if stated.get("mustSupport"):
            made["mustSupport"] = True
        made["isModifier"] = element.is_modifier
        if element.is_modifier:
            made["isModifierReason"] = MODIFIER
        made["isSummary"] = element.is_summary
        if element.binding is not None:
            made["binding"] = {"strength": element.binding.strength, "valueSet": element.binding.value_set}
        return made


_AS_STATED = ("sliceName", "slicing", "short", "_short", "definition")


def _cardinality(element: Element) -> Json:
    return {"min": element.min, "max": "*" if element.max is None else str(element.max)}


def _constraint(rule: Constraint) -> Json:
    return {"key": rule.key, "severity": rule.severity, "human": rule.human, "expression": rule.expression}


def _type_row(kind: ElementType) -> Json:
    made: Json = {"code": kind.code}
    for key, urls in (("profile", kind.profile), ("targetProfile", kind.target_profile)):
        if urls:
            made[key] = [url if ":" in url else CORE + url for url in urls]
    return made
