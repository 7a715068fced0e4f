"""A transaction that another process has prepared: parsed, validated, its references found, and most of its resources
made ready to be written.

A process that only reads does this for the one that writes (`hie/app/reading.py`); whatever depends on the store or on
policy is left to that. A resource is ready when its id is known beforehand, as is what each of its references means.
The bytes are a pickle between processes of one server: they never come from a client.
"""

import pickle
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hie.api.content import checked_shape
from hie.api.message import Request
from hie.api.references import fill, unresolved
from hie.api.searchparameters import KIND as SEARCH_PARAMETER
from hie.api.service import Service
from hie.api.slot import Prepared, Slot
from hie.api.transaction import Step, read_in
from hie.base.errors import HieError
from hie.search.entries import Entries
from hie.security.principal import LOCAL_OPERATOR
from hie.store.body import ready
from hie.store.port import Ready
from hie.wire.safejson import loads

Json = dict[str, Any]

_KNOWN_ID = frozenset({"update", "patch"})
"""Interactions whose URL has the id."""


def prepare(service: Service, body: bytes) -> bytes | None:
    """A transaction Bundle in JSON, prepared; None for anything else, and for what is to be refused: whoever writes
    finds that out again, and says why."""
    try:
        bundle = checked_shape(service, loads(body))
        if bundle["resourceType"] != "Bundle" or bundle.get("type") != "transaction":
            return None
        steps, slots = read_in(service, Request("POST", (), (), {}, b"", "", LOCAL_OPERATOR), bundle)
        found = _ready(service, steps, slots)
    except HieError:
        return None
    for place, one in found.items():
        bundle["entry"][place]["resource"] = {"resourceType": one.type, "id": one.id}
    open_slots = [(place, [tuple(slot) for slot in some]) for place, some in slots.items() if place not in found]
    plain_ready = [(place, one[:3], tuple(one.entries)) for place, one in found.items()]
    indexed_by = None if service.parameters is None else service.parameters.read_at
    return pickle.dumps((bundle, open_slots, plain_ready, indexed_by), protocol=5)


def unpacked(prepared: bytes) -> tuple[Json, Prepared]:
    """What `prepare` made: the Bundle, and what is known of its entries."""
    bundle, slots, found, indexed_by = pickle.loads(prepared)  # noqa: S301 - made by `prepare` in a process of this server
    made = {place: Ready(kind, identity, content, Entries(*entries))
            for place, (kind, identity, content), entries in found}  # fmt: skip
    return bundle, Prepared({place: [Slot._make(slot) for slot in some] for place, some in slots}, made, indexed_by)


def _ready(service: Service, steps: Sequence[Step], slots: Mapping[int, Sequence[Slot]]) -> dict[int, Ready]:
    """The resources that nothing in the store has a say in, by entry."""
    if service.parameters is None or service.settings.check_references:
        return {}
    ids = {step.entry.place: _id(service, step) for step in steps if step.method not in ("GET", "DELETE")}
    names, later = _names(steps, ids)
    found = {}
    for step in steps:
        identity, own = ids.get(step.entry.place), slots.get(step.entry.place, ())
        if identity is None or step.resource is None or step.resource["resourceType"] == SEARCH_PARAMETER:
            continue
        if unresolved(own, names) or any(
            slot.text in later or (slot.links and _speaks_of(later, slot.text)) for slot in own
        ):
            continue
        fill(own, names)
        found[step.entry.place] = ready({**step.resource, "id": identity}, service.parameters.extract)
    return found


def _speaks_of(names: Collection[str], text: str) -> bool:
    return any(name in text for name in names)


def _id(service: Service, step: Step) -> str | None:
    """The id that an entry writes to, None when the store decides."""
    if step.route.name == "create":
        return service.new_id() if step.entry.request.header("if-none-exist") is None else None
    return step.route.id if step.route.name in _KNOWN_ID else None


def _names(steps: Sequence[Step], ids: Mapping[int, str | None]) -> tuple[dict[str, str], set[str]]:
    """What the names of entries mean, and the names whose meaning is found out later."""
    names: dict[str, str] = {}
    later: set[str] = set()
    for step in steps:
        if step.entry.place not in ids:
            continue
        identity = ids[step.entry.place]
        meaning = f"{step.route.type}/{identity}"
        for name in step.names:
            if identity is None or names.setdefault(name, meaning) != meaning:
                later.add(name)
    return {name: meaning for name, meaning in names.items() if name not in later}, later
