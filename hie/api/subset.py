"""`_summary` and `_elements`: parts of a resource (FHIR R4 search §3.1.1.5.7, §3.1.1.5.8).

Only here does the API take a stored body apart; what it gives is tagged SUBSETTED.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.fhir.definitions import Definitions
from hie.wire.safejson import dumps, loads

Subset = Callable[[bytes], bytes]
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_ALWAYS = ("resourceType", "id", "meta")


def subset_of(definitions: Definitions, summary: str | None, elements: str | None) -> Subset | None:
    """What turns a stored body into the part that is asked for; None to send the body as it is; raises INVALID."""
    if elements is not None:
        names = frozenset(name.strip().rpartition(".")[2] for name in elements.split(",") if name.strip())
        return lambda body: _cut(body, lambda resource: _elements(definitions, resource, names))
    if summary in (None, "false"):
        return None
    keep = _SUMMARIES.get(summary or "")
    if keep is None:
        raise HieError(
            Category.INVALID, "_summary is true, false, text, data or count", expression="http._summary", issue="value"
        )
    return lambda body: _cut(body, lambda resource: keep(definitions, resource))


def _cut(body: bytes, keep: Callable[[Json], Json]) -> bytes:
    kept = keep(loads(body))
    meta = dict(kept.get("meta") or {})
    tags = meta.get("tag")
    kept_tags = [tag for tag in tags if tag != SUBSETTED] if isinstance(tags, list) else []
    meta["tag"] = [*kept_tags, SUBSETTED]
    written: bytes = dumps({**kept, "meta": meta})
    return written


def _only(resource: Json, keys: Iterable[str]) -> Json:
    wanted = frozenset(keys) | frozenset(_ALWAYS)
    return {key: value for key, value in resource.items() if key.removeprefix("_") in wanted}


def _elements(definitions: Definitions, resource: Json, names: frozenset[str]) -> Json:
    kind = resource["resourceType"]
    listed = (member.key for member in definitions.properties(kind).values() if member.name in names)
    return _only(resource, (*listed, *names, *definitions.mandatory_keys(kind)))


def _summarised(definitions: Definitions, node: str, value: Json) -> Json:
    """The summary elements of `value`, to any depth of backbone elements."""
    keys = definitions.summary_keys(node)
    members = definitions.properties(node)
    return {
        key: _nested(definitions, members, key, item)
        for key, item in value.items()
        if key in _ALWAYS or key.removeprefix("_") in keys
    }


def _nested(definitions: Definitions, members: Mapping[str, Any], key: str, item: Any) -> Any:
    member = members.get(key)
    if member is None or "." not in member.node:
        return item
    if isinstance(item, list):
        return [_summarised(definitions, member.node, one) if isinstance(one, dict) else one for one in item]
    return _summarised(definitions, member.node, item) if isinstance(item, dict) else item


def _text(definitions: Definitions, resource: Json) -> Json:
    return _only(resource, ("text", *definitions.mandatory_keys(resource["resourceType"])))


def _data(definitions: Definitions, resource: Json) -> Json:
    return {key: value for key, value in resource.items() if key != "text"}


_SUMMARIES: dict[str, Callable[[Definitions, Json], Json]] = {
    "true": lambda definitions, resource: _summarised(definitions, resource["resourceType"], resource),
    "text": _text,
    "data": _data,
}
