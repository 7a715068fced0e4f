"""transaction: all entries or none, in the order of FHIR R4 http §3.1.0.11.2.

1. Every entry is read and validated before the write begins.
2. Inside the write: what conditional entries mean is looked up, ids are given, references are rewritten.
3. DELETE, POST, PUT, PATCH, GET, in this order. Any failure undoes all of it and names the entry. Entries with
   conditional references come after those without: what they mean may be made by the Bundle itself.
"""

from collections.abc import Mapping, Sequence

from hie.api.entries import METHODS, answer_entry
from hie.api.meaning import Meaning, meaning_of, open_references, resolve_references
from hie.api.message import Answer, Request
from hie.api.patch import Patching, apply
from hie.api.references import fill
from hie.api.service import Service
from hie.api.slot import Slot
from hie.api.standin import filled
from hie.api.step import Step, at_entry, read_in
from hie.api.write import Written, conditions, insert, put, remove, told
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.fhir.bundle import bundle as bundled
from hie.store.body import plain, ready
from hie.store.port import Extract, Ready, Transaction


async def transaction(service: Service, request: Request, posted: Json) -> Answer:
    """Run a transaction; the answer has an entry for each, in the order given."""
    steps, slots = read_in(service, request, posted)

    async def job(tx: Transaction) -> list[bytes]:
        within = service.inside(tx)
        meaning = await meaning_of(within, tx, steps, _renewing(service, request))
        return await _run(within, tx, steps, slots, meaning)

    answers = await (service.write(job) if any(step.method != "GET" for step in steps) else _read(service, steps))
    return Answer(200, bundled("transaction-response", answers))


def _renewing(service: Service, request: Request) -> Extract | None:
    """What makes the index entries of ready resources anew; None when theirs go by the search parameters that are
    served at this moment of the write."""
    prepared, parameters = request.prepared, service.parameters
    if prepared is None or parameters is None or prepared.indexed_by == parameters.read_at:
        return None
    return parameters.extract


async def _read(service: Service, steps: Sequence[Step]) -> list[bytes]:
    return [await _get(service, step) for step in steps]


async def _run(
    service: Service,
    tx: Transaction,
    steps: Sequence[Step],
    slots: Mapping[int, Sequence[Slot]],
    meaning: Meaning,
) -> list[bytes]:
    answers = [b""] * len(steps)
    ordered = sorted(steps, key=lambda step: METHODS.index(step.method))
    waiting = [step for step in ordered if step.method != "GET"]
    while waiting:
        conditional = {step: open_references(step, slots, meaning) for step in waiting}
        ready = [step for step in waiting if not conditional[step]]
        for step in ready:
            fill(slots.get(step.entry.place, ()), meaning.names)
            answers[step.entry.place] = await _performed(service, tx, step, meaning)
        waiting = [step for step in waiting if conditional[step]]
        await resolve_references(service, tx, waiting, conditional, meaning)
    for step in ordered:
        if step.method == "GET":
            answers[step.entry.place] = await _performed(service, tx, step, meaning)
    return answers


async def _performed(service: Service, tx: Transaction, step: Step, meaning: Meaning) -> bytes:
    try:
        return await _perform(service, tx, step, meaning)
    except HieError as error:
        raise at_entry(step.entry, error) from None


async def _perform(service: Service, tx: Transaction, step: Step, meaning: Meaning) -> bytes:
    if step.method == "GET" or step.route.name in ("search", "operation"):
        return await _get(service, step)
    request = step.entry.request
    return answer_entry(request, told(service, request, await _write(service, tx, step, meaning)))


async def _write(service: Service, tx: Transaction, step: Step, meaning: Meaning) -> Written:
    request, place, kind = step.entry.request, step.entry.place, step.route.type or ""
    identity = meaning.ids[place]
    if identity is None:
        if step.method == "PATCH":
            raise HieError(Category.NOT_FOUND, "Nothing meets the criteria")
        return Written(204, None)
    if step.method == "DELETE":
        return await remove(service, tx, request.principal, kind, identity, conditions(request))
    if step.change is not None:
        return await apply(service, tx, Patching(step.change, request.principal, conditions(request)), kind, identity)
    if place in meaning.found:
        return Written(200, meaning.found[place])
    resource = _resource(step, identity, meaning)
    if step.method == "PUT":
        return await put(service, tx, request.principal, resource, conditions(request))
    twin = await tx.read(kind, identity) if request.header("if-none-exist") is not None else None
    return Written(200, twin) if twin else await insert(service, tx, request.principal, resource)


def _resource(step: Step, identity: str, meaning: Meaning) -> Json | Ready:
    """What an entry writes."""
    if step.ready is None:
        return {**(step.resource or {}), "id": identity}
    made = filled(step.ready, step.stand_ins, meaning.names) if step.stand_ins else step.ready
    return made if meaning.extract is None else ready(plain(made), meaning.extract)


async def _get(service: Service, step: Step) -> bytes:
    from hie.api.dispatch import handle

    return answer_entry(step.entry.request, await handle(service, step.entry.request))
