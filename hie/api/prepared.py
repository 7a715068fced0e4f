"""A transaction that another process has prepared: parsed, validated, its references found, and most of its resources
made ready to be written.

A process that only reads does this for the one that writes (`hie/app/reading.py`); whatever depends on the store or on
policy is left to that. A resource is ready when its id is known beforehand; what its references mean may be found out
later (`hie.api.standin`). The bytes go between processes of one server: they never come from a client.
"""

import marshal
import pickle
from collections.abc import Mapping, Sequence

from hie.api.content import checked_shape
from hie.api.message import Request
from hie.api.references import fill
from hie.api.searchparameters import KIND as SEARCH_PARAMETER
from hie.api.service import Service
from hie.api.slot import Prepared, Slot
from hie.api.standin import replaceable, stand_ins
from hie.api.step import Step, read_in
from hie.base.errors import HieError
from hie.base.resource import Json
from hie.search.entries import Entries
from hie.security.principal import LOCAL_OPERATOR
from hie.store.body import ready
from hie.store.port import Ready
from hie.wire.safejson import loads

_KNOWN_ID = frozenset({"update", "patch"})
"""Interactions whose URL has the id."""

_MADE = frozenset({"create", "conditional_update"})
"""Interactions after which there is a resource, whatever the store says."""


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
    for place, (one, _) in found.items():
        bundle["entry"][place]["resource"] = {"resourceType": one.type, "id": one.id}
    open_slots = [(place, [tuple(slot) for slot in some]) for place, some in slots.items() if place not in found]
    made = [(place, one[:3], tuple(one.entries), given) for place, (one, given) in found.items()]
    indexed_by = None if service.parameters is None else service.parameters.read_at
    return marshal.dumps((pickle.dumps((bundle, open_slots), protocol=5), made, indexed_by))


def unpacked(prepared: bytes) -> tuple[Json, Prepared]:
    """What `prepare` made: the Bundle, and what is known of its entries."""
    rest, made, indexed_by = marshal.loads(prepared)  # noqa: S302 - made by `prepare` in a process of this server
    bundle, slots = pickle.loads(rest)  # noqa: S301 - so is this
    return bundle, Prepared(
        {place: [Slot._make(slot) for slot in some] for place, some in slots},
        {place: Ready(kind, name, content, Entries(*entries)) for place, (kind, name, content), entries, _ in made},
        {place: given for place, _, _, given in made if given},
        indexed_by,
    )


def _ready(
    service: Service, steps: Sequence[Step], slots: Mapping[int, Sequence[Slot]]
) -> dict[int, tuple[Ready, dict[str, str]]]:
    """The resources that the store has no say in but for what references mean, and their stand-ins, by entry."""
    if service.parameters is None or service.settings.check_references:
        return {}
    ids = {step.entry.place: _id(service, step) for step in steps if step.method not in ("GET", "DELETE")}
    names, later = _names(steps, ids)
    standing: dict[str, str] = {}
    found = {}
    for step in steps:
        identity, own = ids.get(step.entry.place), slots.get(step.entry.place, ())
        if identity is None or step.resource is None or step.resource["resourceType"] == SEARCH_PARAMETER:
            continue
        given = stand_ins(own, later, standing)
        if given is None:
            continue
        fill(own, names)
        fill([slot for slot in own if slot.text in given and not slot.links], given)
        made = ready({**step.resource, "id": identity}, service.parameters.extract)
        if not given or replaceable(made.entries, given):
            found[step.entry.place] = made, given
        else:
            fill(own, {})
    return found


def _id(service: Service, step: Step) -> str | None:
    """The id that an entry writes to, None when the store decides."""
    if step.route.name == "create":
        return service.new_id() if step.entry.request.header("if-none-exist") is None else None
    return step.route.id if step.route.name in _KNOWN_ID else None


def _names(steps: Sequence[Step], ids: Mapping[int, str | None]) -> tuple[dict[str, str], dict[str, str]]:
    """What the names of entries mean; and the names whose meaning is found out later, with its type, `""` where that is
    open too."""
    names: dict[str, str] = {}
    later: dict[str, str] = {}
    for step in steps:
        if step.entry.place not in ids:
            continue
        identity, kind = ids[step.entry.place], step.route.type or ""
        meaning = f"{kind}/{identity}"
        for name in step.names:
            if name in later or names.get(name, meaning) != meaning:
                later[name] = ""
            elif identity is None:
                later[name] = kind if step.route.name in _MADE else ""
            else:
                names[name] = meaning
    return {name: meaning for name, meaning in names.items() if name not in later}, later
