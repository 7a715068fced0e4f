"""Functions that FHIR R4 adds to FHIRPath (FHIR R4 §2.9.1), and the reference keys of SQL on FHIR."""

from collections.abc import Mapping
from typing import Any

from hie.base.systems import CORE
from hie.fhir.path.function import Function, one, text
from hie.fhir.path.node import Node, Value, Values, child, has_value, resource_node, system, type_info
from hie.fhir.path.scope import Evaluation, PathError, single


def _extension(evaluation: Evaluation, items: Values, url: Values) -> Values:
    wanted, found = text(url), []
    for item in items:
        for extension in (child(item, "extension", evaluation.definitions) or []) if isinstance(item, Node) else []:
            if isinstance(extension.value, Mapping) and extension.value.get("url") == wanted:
                found.append(extension)
    return found


def _has_value(evaluation: Evaluation, items: Values) -> Values:
    return [len(items) == 1 and has_value(items[0])]


def _get_value(evaluation: Evaluation, items: Values) -> Values:
    return one(system(items[0])) if len(items) == 1 and has_value(items[0]) else []


def _literal(item: Value) -> tuple[str | None, str]:
    """The reference text of an item and the type it claims."""
    value = item.value if isinstance(item, Node) else item
    if isinstance(value, Mapping):
        return value.get("reference"), str(value.get("type") or "")
    return (value, "") if isinstance(value, str) else (None, "")


def type_in_reference(literal: str) -> str:
    """The resource type that a literal reference shows: `Patient/1`, `http://x/fhir/Patient/1/_history/2`."""
    parts = literal.split("/_history/")[0].split("#")[0].rsplit("/", 2)
    return parts[-2] if len(parts) > 1 and parts[-2][:1].isupper() and parts[-2].isalpha() else ""


def _resolve(evaluation: Evaluation, items: Values) -> Values:
    found = []
    for item in items:
        literal, claimed = _literal(item)
        resource = _contained(evaluation, literal) if literal else None
        if resource is None and literal and evaluation.scope.resolver is not None:
            resource = evaluation.scope.resolver(literal)
        if resource is not None:
            found.append(resource_node(resource))
            continue
        name = claimed or (type_in_reference(literal) if literal else "")
        if evaluation.definitions.is_resource(name):
            found.append(Node({"resourceType": name}, name, name))
    return found


def _contained(evaluation: Evaluation, literal: str) -> Mapping[str, Any] | None:
    """A resource inside the root: contained (`#id`), or an entry of a Bundle (`fullUrl`)."""
    for name in ("resource", "rootResource"):
        for root in evaluation.variables.get(name, []):
            raw = root.value if isinstance(root, Node) else None
            if not isinstance(raw, Mapping):
                continue
            if literal == "#" and name == "rootResource":
                return raw
            if literal.startswith("#"):
                found = next((c for c in raw.get("contained") or () if c.get("id") == literal[1:]), None)
            else:
                entries = raw.get("entry") or () if raw.get("resourceType") == "Bundle" else ()
                found = next((e.get("resource") for e in entries if e.get("fullUrl") == literal), None)
            if isinstance(found, Mapping):
                return found
    return None


def _member_of(evaluation: Evaluation, items: Values, value_set: Values) -> Values:
    url, item = text(value_set), single(items)
    if url is None or item is None:
        return []
    raw = item.value if isinstance(item, Node) else item
    if evaluation.scope.member_of is not None:
        found = evaluation.scope.member_of(raw, url)
        if found is not None:
            return [found]
    return one(_in_official_set(evaluation, raw, url))


def _in_official_set(evaluation: Evaluation, raw: Any, url: str) -> bool | None:
    if isinstance(raw, str):
        codes = evaluation.definitions.codes(url)
        return None if codes is None else raw in codes
    codings = evaluation.definitions.codings(url)
    if codings is None or not isinstance(raw, Mapping):
        return None
    given = raw.get("coding") or () if "coding" in raw else (raw,)
    return any((coding.get("system", ""), coding.get("code", "")) in codings for coding in given)


def _conforms_to(evaluation: Evaluation, items: Values, profile: Values) -> Values:
    url, item = text(profile), single(items)
    if url is None or item is None:
        return []
    if evaluation.scope.conforms_to is not None:
        found = evaluation.scope.conforms_to(item.value if isinstance(item, Node) else item, url)
        if found is not None:
            return [found]
    name = url.removeprefix(CORE)
    if name == url or not evaluation.definitions.is_type(name):
        raise PathError("conformsTo() does not know this profile")
    return [evaluation.definitions.is_subtype(type_info(item).name, name)]


def _html_checks(evaluation: Evaluation, items: Values) -> Values:
    """Whether a narrative is a `div` without active content; the validator checks it element by element."""
    value = text(items)
    if value is None:
        return []
    lower = value.strip().lower()
    return [lower.startswith("<div") and not any(word in lower for word in ("<script", "<object", "<iframe", "<form"))]


def _has_extension(evaluation: Evaluation, items: Values, url: Values) -> Values:
    return [bool(_extension(evaluation, items, url))]


def _resource_key(evaluation: Evaluation, items: Values) -> Values:
    return [item.value["id"] for item in items if isinstance(item, Node) and item.value.get("id")]


def reference_key(evaluation: Evaluation, items: Values, type_name: str | None) -> Values:
    """`getReferenceKey([type])`: the id a relative reference points to (SQL on FHIR v2)."""
    found: Values = []
    for item in items:
        literal, _ = _literal(item)
        kind = type_in_reference(literal) if literal else ""
        if literal and kind and type_name in (None, kind):
            found.append(literal.split("/_history/")[0].rsplit("/", 1)[-1])
    return found


def _type(evaluation: Evaluation, items: Values) -> Values:
    return [type_info(item) for item in items]


FUNCTIONS: dict[str, Function] = {
    "extension": Function(_extension, 1, 1),
    "hasExtension": Function(_has_extension, 1, 1),
    "hasValue": Function(_has_value),
    "getValue": Function(_get_value),
    "resolve": Function(_resolve),
    "memberOf": Function(_member_of, 1, 1),
    "conformsTo": Function(_conforms_to, 1, 1),
    "htmlChecks": Function(_html_checks),
    "getResourceKey": Function(_resource_key),
    "type": Function(_type),
}
"""Name -> function."""
