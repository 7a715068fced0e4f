"""Rules on Bundles beyond their invariants (FHIR R4 bundle §2.36.4)."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from hie.fhir.definitions import Definitions
from hie.fhir.validate.conformance import Found, rows
from hie.fhir.validate.options import Options

SINGLE_LINKS = frozenset(("self", "first", "last", "next", "previous", "prev"))
_RESTFUL = re.compile(r"https?://[^?#]*/([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/.+)?").fullmatch
_RELATIVE = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/.+)?").fullmatch


def bundle_rules(bundle: Mapping[str, Any], definitions: Definitions, options: Options) -> Iterator[Found]:
    """What is wrong with a Bundle as a whole."""
    yield from _links(bundle)
    for index, entry in rows(bundle, "entry"):
        yield from _full_url(index, entry, bundle, definitions)
        if bundle.get("type") == "searchset":
            yield from _search_entry(index, entry)
    if bundle.get("type") in ("document", "message"):
        yield from _links_inside(bundle)
    if options.resolve_references:
        yield from _everything_found(bundle, "entry")


def parameters_rules(parameters: Mapping[str, Any], definitions: Definitions, options: Options) -> Iterator[Found]:
    """What is wrong with a Parameters resource as a whole."""
    if options.resolve_references:
        yield from _everything_found(parameters, "parameter")


def _links(bundle: Mapping[str, Any]) -> Iterator[Found]:
    relations = Counter(str(link.get("relation")) for _, link in rows(bundle, "link"))
    for relation in sorted(SINGLE_LINKS & relations.keys()):
        if relations[relation] > 1:
            yield Found("error", "invalid", "bundle-link", f"The link {relation} may occur once only", ("link",))


def _full_url(
    index: int, entry: Mapping[str, Any], bundle: Mapping[str, Any], definitions: Definitions
) -> Iterator[Found]:
    url, resource = entry.get("fullUrl"), entry.get("resource")
    if not isinstance(url, str):
        if bundle.get("type") in ("document", "message", "searchset", "collection") and isinstance(resource, dict):
            severity = "error" if bundle["type"] == "document" else "warning"
            yield Found(severity, "invalid", "bundle-full-url", "The entry needs a fullUrl", ("entry", index))
        return
    where = ("entry", index, "fullUrl")
    if ":" not in url:
        yield Found("error", "invalid", "bundle-full-url", "A fullUrl is absolute", where)
        return
    match = _RESTFUL(url)
    if match is None or not isinstance(resource, dict) or not definitions.is_resource(match[1]):
        return
    if "id" not in resource:
        if bundle.get("type") not in ("transaction", "batch"):
            text = "The fullUrl looks like that of a server, but the resource has no id"
            yield Found("error", "invalid", "bundle-full-url", text, where)
    elif (match[1], match[2]) != (resource.get("resourceType"), resource["id"]):
        yield Found("error", "invalid", "bundle-full-url", "The fullUrl and the resource disagree", where)


def _search_entry(index: int, entry: Mapping[str, Any]) -> Iterator[Found]:
    resource, search = entry.get("resource"), entry.get("search")
    if not isinstance(resource, dict):
        return
    is_outcome = resource.get("resourceType") == "OperationOutcome"
    mode = search.get("mode") if isinstance(search, dict) else None
    where = ("entry", index, "resource")
    if mode == "outcome" and not is_outcome:
        yield Found("error", "invalid", "bundle-search", "An entry of mode outcome holds an OperationOutcome", where)
    if "id" not in resource and not (is_outcome and mode == "outcome"):
        yield Found("error", "invalid", "bundle-search", "Search results have ids", where)


def _references(value: Any, pointer: tuple[str | int, ...]) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Every literal reference inside, with its place."""
    if isinstance(value, dict):
        literal = value.get("reference")
        if isinstance(literal, str):
            yield literal, (*pointer, "reference")
        for key, part in value.items():
            yield from _references(part, (*pointer, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _references(part, (*pointer, index))


def _known(bundle: Mapping[str, Any], name: str) -> set[str]:
    """What references may say to mean an entry: full URLs, and type with id."""
    known = set()
    for _, entry in rows(bundle, name):
        resource, url = entry.get("resource"), entry.get("fullUrl")
        if isinstance(url, str):
            known.add(url)
        if isinstance(resource, dict) and "id" in resource:
            known.add(f"{resource.get('resourceType')}/{resource['id']}")
    return known


def _links_inside(bundle: Mapping[str, Any]) -> Iterator[Found]:
    """Local references of the first entry of a document or message lead to entries (FHIR R4 documents §3.3.1)."""
    known = _known(bundle, "entry")
    for index, entry in rows(bundle, "entry"):
        resource = entry.get("resource")
        if not isinstance(resource, dict):
            continue
        for literal, pointer in _references(resource, ("entry", index, "resource")):
            target = literal.partition("/_history/")[0].partition("#")[0]
            if target.startswith("urn:") and target not in known:
                severity = "error" if index == 0 else "warning"
                yield Found(severity, "not-found", "bundle-reference", "No entry has this full URL", pointer)


def _everything_found(resource: Mapping[str, Any], name: str) -> Iterator[Found]:
    """Relative references between the resources inside lead to one of them."""
    known = _known(resource, name)
    for literal, pointer in _references(resource, ()):
        if _RELATIVE(literal) and literal.partition("/_history/")[0] not in known:
            yield Found("error", "structure", "reference-unresolved", "The reference leads nowhere", pointer)
