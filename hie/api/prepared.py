"""A transaction that another process has prepared: parsed, validated, and its references found.

A process that only reads does this for the one that writes (`hie/app/reading.py`); whatever depends on the store, on
policy or on custom definitions is left to that. The bytes are a pickle between processes of one server: they never come
from a client.
"""

import pickle
from collections.abc import Mapping, Sequence
from typing import Any

from hie.api.content import checked_shape
from hie.api.message import Request
from hie.api.service import Service
from hie.api.slot import Slot
from hie.api.transaction import read_in
from hie.base.errors import HieError
from hie.security.principal import LOCAL_OPERATOR
from hie.wire.safejson import loads

Json = dict[str, Any]


def prepare(service: Service, body: bytes) -> bytes | None:
    """A transaction Bundle in JSON, prepared; None for anything else, and for what is to be refused: whoever writes
    finds that out again, and says why."""
    try:
        bundle = checked_shape(service, loads(body))
        if bundle["resourceType"] != "Bundle" or bundle.get("type") != "transaction":
            return None
        _, slots = read_in(service, Request("POST", (), (), {}, b"", "", LOCAL_OPERATOR), bundle)
    except HieError:
        return None
    plain = [(place, [tuple(slot) for slot in found]) for place, found in slots.items()]
    return pickle.dumps((bundle, plain), protocol=5)


def unpacked(prepared: bytes) -> tuple[Json, Mapping[int, Sequence[Slot]]]:
    """What `prepare` made: the Bundle, and its references in place, by entry."""
    bundle, slots = pickle.loads(prepared)  # noqa: S301 - made by `prepare` in a process of this server
    return bundle, {place: [Slot._make(slot) for slot in found] for place, found in slots}
