"""The invariants met on almost every resource, written as plain Python.

`RULES[key](value, root)` is true when the object `value` keeps the constraint. Everything not in this table is run by
the FHIRPath engine; `tests/fhir/validate/test_rules.py` holds both against each other.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from hie.base.systems import ALLERGY_VERIFICATION, CONDITION_VERIFICATION
from hie.fhir.path.temporal import compare, parse_temporal
from hie.fhir.validate.references import Root, contained_found

_NARRATIVE_LINK = re.compile(r"""(?:src|href)=["'](#[^"']+)["']""").findall

Rule = Callable[[Mapping[str, Any], Root], bool]

CONDITION_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
WITH_REQUEST = frozenset(("batch", "transaction", "history"))
WITH_RESPONSE = frozenset(("batch-response", "transaction-response", "history"))


def in_order(earlier: Any, later: Any) -> bool:
    """Whether two FHIR dates are in order; true when precision leaves it open."""
    if earlier.__class__ is not str or later.__class__ is not str:
        return True
    if len(earlier) == len(later) and earlier[19:] == later[19:] and len(earlier) >= 10:
        return bool(earlier <= later)
    left, right = parse_temporal(earlier), parse_temporal(later)
    if left is None or right is None:
        return True
    order = compare(left, right)
    return order is None or order <= 0


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a JSON array; malformed parts are somebody else's finding."""
    return [row for row in value if row.__class__ is dict] if value.__class__ is list else []


def _coded(concept: Any, system: str, *codes: str) -> bool:
    """Whether a CodeableConcept has one of `codes` of `system`."""
    codings = _objects(concept.get("coding")) if concept.__class__ is dict else []
    return any(row.get("system") == system and row.get("code") in codes for row in codings)


def _pairs(concept: Any) -> set[tuple[Any, ...]]:
    """Codings as comparable values."""
    codings = _objects(concept.get("coding")) if concept.__class__ is dict else []
    return {tuple(sorted((key, str(part)) for key, part in row.items())) for row in codings}


def _per_1(value: Mapping[str, Any], root: Root) -> bool:
    return in_order(value.get("start"), value.get("end"))


def _obs_7(value: Mapping[str, Any], root: Root) -> bool:
    components = _objects(value.get("component"))
    if not components or not any(key.startswith("value") or key.startswith("_value") for key in value):
        return True
    own = _pairs(root.resource.get("code"))
    return not any(own & _pairs(component.get("code")) for component in components)


def _ref_1(value: Mapping[str, Any], root: Root) -> bool:
    return contained_found(value, root)


def _dom_2(value: Mapping[str, Any], root: Root) -> bool:
    return not any("contained" in inner for inner in _objects(value.get("contained")))


def references_in(value: Any) -> set[str]:
    """Every string inside that may name a contained resource: references, canonicals, URIs, links of narratives."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        owner = waiting.pop()
        for part in owner.values() if owner.__class__ is dict else owner:
            if part.__class__ is str:
                if part[:1] == "#":
                    found.add(part)
                elif part[:4] == "<div":
                    found.update(_NARRATIVE_LINK(part))
            elif part.__class__ is dict or part.__class__ is list:
                waiting.append(part)
    return found


def _dom_3(value: Mapping[str, Any], root: Root) -> bool:
    """Also satisfied by a link or image of the narrative, which the expression of R4 cannot see."""
    inner = _objects(value.get("contained"))
    if not inner:
        return True
    named = references_in(value)
    return all(f"#{row.get('id')}" in named or "#" in references_in(row) for row in inner)


def _dom_4(value: Mapping[str, Any], root: Root) -> bool:
    metas = [inner.get("meta") for inner in _objects(value.get("contained"))]
    return not any(meta.__class__ is dict and ("versionId" in meta or "lastUpdated" in meta) for meta in metas)


def _dom_5(value: Mapping[str, Any], root: Root) -> bool:
    metas = [inner.get("meta") for inner in _objects(value.get("contained"))]
    return not any(meta.__class__ is dict and "security" in meta for meta in metas)


def _con_4(value: Mapping[str, Any], root: Root) -> bool:
    abated = any(key.lstrip("_").startswith("abatement") for key in value)
    return not abated or _coded(value.get("clinicalStatus"), CONDITION_CLINICAL, "resolved", "remission", "inactive")


def _con_5(value: Mapping[str, Any], root: Root) -> bool:
    return "clinicalStatus" not in value or not _coded(
        value.get("verificationStatus"), CONDITION_VERIFICATION, "entered-in-error"
    )


def _ait_1(value: Mapping[str, Any], root: Root) -> bool:
    return "clinicalStatus" in value or _coded(
        value.get("verificationStatus"), ALLERGY_VERIFICATION, "entered-in-error"
    )


def _ait_2(value: Mapping[str, Any], root: Root) -> bool:
    return "clinicalStatus" not in value or not _coded(
        value.get("verificationStatus"), ALLERGY_VERIFICATION, "entered-in-error"
    )


def _named(value: Mapping[str, Any], root: Root) -> bool:
    return any(key in value for key in ("identifier", "_identifier", "name", "_name"))


def _mdd_1(value: Mapping[str, Any], root: Root) -> bool:
    return in_order(value.get("whenPrepared"), value.get("whenHandedOver"))


def _que_7(value: Mapping[str, Any], root: Root) -> bool:
    return value.get("operator") != "exists" or "answerBoolean" in value


def _bdl_1(value: Mapping[str, Any], root: Root) -> bool:
    return "total" not in value or value.get("type") in ("searchset", "history")


def _bdl_2(value: Mapping[str, Any], root: Root) -> bool:
    return value.get("type") == "searchset" or not any("search" in row for row in _objects(value.get("entry")))


def _bdl_3(value: Mapping[str, Any], root: Root) -> bool:
    wanted = value.get("type") in WITH_REQUEST
    return all(("request" in row) == wanted for row in _objects(value.get("entry")))


def _bdl_4(value: Mapping[str, Any], root: Root) -> bool:
    wanted = value.get("type") in WITH_RESPONSE
    return all(("response" in row) == wanted for row in _objects(value.get("entry")))


def _bdl_7(value: Mapping[str, Any], root: Root) -> bool:
    if value.get("type") == "history":
        return True
    seen = set()
    rows = [row for row in _objects(value.get("entry")) if "fullUrl" in row]
    for row in rows:
        resource = row.get("resource")
        meta = resource.get("meta") if resource.__class__ is dict else None
        seen.add((str(row["fullUrl"]), str(meta.get("versionId")) if meta.__class__ is dict else "None"))
    return len(seen) == len(rows)


def _bdl_8(value: Mapping[str, Any], root: Root) -> bool:
    return "/_history/" not in str(value.get("fullUrl", ""))


def _bdl_9(value: Mapping[str, Any], root: Root) -> bool:
    identifier = value.get("identifier")
    if value.get("type") != "document":
        return True
    return identifier.__class__ is dict and "system" in identifier and "value" in identifier


def _bdl_10(value: Mapping[str, Any], root: Root) -> bool:
    return value.get("type") != "document" or "timestamp" in value


def _first_is(kind: str, bundle_type: str) -> Rule:
    def rule(value: Mapping[str, Any], root: Root) -> bool:
        if value.get("type") != bundle_type:
            return True
        entries = _objects(value.get("entry"))
        resource = entries[0].get("resource") if entries else None
        return resource.__class__ is dict and resource.get("resourceType") == kind

    return rule


RULES: Mapping[str, Rule] = {
    "ait-1": _ait_1,
    "ait-2": _ait_2,
    "bdl-1": _bdl_1,
    "bdl-2": _bdl_2,
    "bdl-3": _bdl_3,
    "bdl-4": _bdl_4,
    "bdl-7": _bdl_7,
    "bdl-8": _bdl_8,
    "bdl-9": _bdl_9,
    "bdl-10": _bdl_10,
    "bdl-11": _first_is("Composition", "document"),
    "bdl-12": _first_is("MessageHeader", "message"),
    "con-4": _con_4,
    "con-5": _con_5,
    "dom-2": _dom_2,
    "dom-3": _dom_3,
    "dom-4": _dom_4,
    "dom-5": _dom_5,
    "mdd-1": _mdd_1,
    "obs-7": _obs_7,
    "org-1": _named,
    "per-1": _per_1,
    "que-7": _que_7,
    "ref-1": _ref_1,
}
"""Constraint key -> rule, for the definitions of FHIR R4 4.0.1."""
