"""transaction: all entries or none, in the order of FHIR R4 http §3.1.0.11.2.

1. Every entry is read and validated before the write begins.
2. Inside the write: what conditional entries mean is looked up, ids are given, references are rewritten.
3. DELETE, POST, PUT, PATCH, GET, in this order. Any failure undoes all of it and names the entry. Entries with
   conditional references come after those without: what they mean may be made by the Bundle itself.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hie.api.conditional import Pairs, match_one, pairs_of
from hie.api.content import Rejected, of_type, validated
from hie.api.entries import METHODS, Entry, answer_entry, entry_of, rows_of
from hie.api.message import Answer, Request
from hie.api.naming import beside, names_of
from hie.api.patch import Change, Patching, apply, change_in
from hie.api.references import fill, resolve, slots_of, unresolved
from hie.api.router import Route, route
from hie.api.service import Service
from hie.api.slot import Slot
from hie.api.standin import StandIns, filled
from hie.api.write import Written, conditions, insert, put, remove, target_of_update, told
from hie.base.errors import Category, HieError
from hie.fhir.bundle import bundle as bundled
from hie.fhir.outcome import Issue, Problem
from hie.security.policy import Interaction
from hie.store.body import plain, ready
from hie.store.port import Extract, Ready, Transaction, Version

Json = dict[str, Any]


@dataclass(slots=True, eq=False)
class Step:
    """One entry that is ready to run: its route, the resource or change it carries, the names it goes by. `ready`: its
    resource, when another process has made that ready to be written, with `stand_ins` in it."""

    entry: Entry
    route: Route
    resource: Json | None = None
    change: Change | None = None
    names: tuple[str, ...] = ()
    ready: Ready | None = None
    stand_ins: StandIns | None = None

    @property
    def method(self) -> str:
        """The verb, HEAD counted as GET."""
        return "GET" if self.entry.request.method == "HEAD" else self.entry.request.method


@dataclass(slots=True)
class _Resolved:
    """What the entries mean: place -> id written to (None: nothing there), place -> resource that a conditional create
    found, and the names that references may use; `unclear` are those that several resources go by, `gone` what is
    deleted. `extract`: what makes index entries, when those that were made before are out of date."""

    ids: dict[int, str | None] = field(default_factory=dict)
    found: dict[int, Version] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    unclear: set[str] = field(default_factory=set)
    gone: set[tuple[str, str]] = field(default_factory=set)
    created: dict[tuple[str, Pairs], str] = field(default_factory=dict)
    extract: Extract | None = None


async def transaction(service: Service, request: Request, posted: Json) -> Answer:
    """Run a transaction; the answer has an entry for each, in the order given."""
    steps, slots = read_in(service, request, posted)

    async def job(tx: Transaction) -> list[bytes]:
        resolved = _Resolved(extract=_renewing(service, request))
        return await _run(replace(service, reader=tx), tx, steps, slots, resolved)

    answers = await (service.store.write(job) if any(step.method != "GET" for step in steps) else _read(service, steps))
    return Answer(200, bundled("transaction-response", answers))


def _renewing(service: Service, request: Request) -> Extract | None:
    """What makes the index entries of ready resources anew; None when theirs go by the search parameters that are
    served at this moment of the write."""
    prepared, parameters = request.prepared, service.parameters
    if prepared is None or parameters is None or prepared.indexed_by == parameters.read_at:
        return None
    return parameters.extract


def _slots(step: Step, names: Collection[str]) -> list[Slot]:
    """What may have to be replaced in what an entry carries: a resource, or the Parameters of a patch."""
    carried = step.resource if step.change is None else step.entry.request.resource
    return [] if carried is None else slots_of(carried, names)


async def _read(service: Service, steps: Sequence[Step]) -> list[bytes]:
    return [await _get(service, step) for step in steps]


def read_in(service: Service, request: Request, posted: Json) -> tuple[list[Step], Mapping[int, Sequence[Slot]]]:
    """The steps of a transaction and, by place, the references in what they carry; raises what is wrong with one."""
    steps = [_step(service, request, place, row) for place, row in enumerate(rows_of(service, posted))]
    if request.prepared is not None:
        return steps, request.prepared.slots
    names = {name for step in steps for name in step.names}
    return steps, {
        step.entry.place: beside(step.entry, step.route.type or "", found, names)
        for step in steps
        if (found := _slots(step, names))
    }


# -- before the write ----------------------------------------------------------------------------------------------


def _step(service: Service, request: Request, place: int, row: Any) -> Step:
    entry = entry_of(service, request, place, row)
    inner = entry.request
    try:
        found = route(service.definitions, inner.method, inner.path)
        service.gate(inner.principal, found.interaction, found.target or found.type)
        if found.name not in _ALLOWED:
            raise HieError(Category.INVALID, "This interaction cannot be part of a transaction")
        if found.name in ("patch", "conditional_patch"):
            return Step(
                entry,
                found,
                change=change_in(inner.resource or {}, service.definitions),
                names=names_of(entry, found.type or ""),
            )
        if inner.method in ("POST", "PUT") and found.name != "search":
            given = of_type(inner.resource or {}, found.type or "")
            resource = validated(service, given, checked=request.prepared is not None)
            if found.id is not None and resource.get("id") not in (None, found.id):
                raise HieError(Category.INVALID, "The body must carry the id of the URL", expression="resource.id")
            names, prepared = names_of(entry, found.type or ""), request.prepared
            if prepared is None or (made := prepared.ready.get(place)) is None:
                return Step(entry, found, resource, None, names)
            return Step(entry, found, resource, None, names, made, prepared.stand_ins.get(place))
        return Step(entry, found)
    except HieError as error:
        raise _at(entry, error) from None


_ALLOWED = frozenset(
    {
        "create", "update", "conditional_update", "patch", "conditional_patch", "delete", "conditional_delete",
        "read", "vread", "search", "history", "operation",
    }
)  # fmt: skip


def _at(entry: Entry, error: HieError) -> HieError:
    """The same error, with the entry it is about."""
    if isinstance(error, Rejected):
        return Rejected([_issue_at(entry, issue) for issue in error.issues])
    expression = f"{entry.at}.{error.expression}" if _element(error.expression) else entry.at
    if (error.expression or "").startswith("Bundle."):
        expression = error.expression or ""
    return HieError(error.category, error.message, issue=error.issue, expression=expression)


def _element(expression: str | None) -> bool:
    return expression in ("resource.id", "resourceType")


def _issue_at(entry: Entry, issue: Problem) -> Issue:
    inside = tuple(f"{entry.at}.resource.{path.partition('.')[2]}".rstrip(".") for path in issue.expression)
    return Issue(issue.severity, issue.code, issue.diagnostics, inside or (entry.at,))


# -- inside the write ----------------------------------------------------------------------------------------------


async def _run(
    service: Service,
    tx: Transaction,
    steps: Sequence[Step],
    slots: Mapping[int, Sequence[Slot]],
    resolved: _Resolved,
) -> list[bytes]:
    for step in sorted(steps, key=lambda step: step.method != "DELETE"):
        try:
            await _resolve(service, tx, step, resolved)
        except HieError as error:
            raise _at(step.entry, error) from None
    for name in resolved.unclear:
        del resolved.names[name]
    _refuse_overlap(steps, resolved)
    answers = [b""] * len(steps)
    ordered = sorted(steps, key=lambda step: METHODS.index(step.method))
    waiting = [step for step in ordered if step.method != "GET"]
    while waiting:
        conditional = {step: _open(step, slots, resolved) for step in waiting}
        ready = [step for step in waiting if not conditional[step]]
        for step in ready:
            fill(slots.get(step.entry.place, ()), resolved.names)
            answers[step.entry.place] = await _performed(service, tx, step, resolved)
        waiting = [step for step in waiting if conditional[step]]
        await _resolve_references(service, tx, waiting, conditional, resolved)
    for step in ordered:
        if step.method == "GET":
            answers[step.entry.place] = await _performed(service, tx, step, resolved)
    return answers


def _open(step: Step, slots: Mapping[int, Sequence[Slot]], resolved: _Resolved) -> list[str]:
    """The conditional references of an entry that are still to be looked up."""
    if step.ready is not None:
        return [text for text in step.stand_ins or () if text not in resolved.names]
    return unresolved(slots.get(step.entry.place, ()), resolved.names)


async def _resolve_references(
    service: Service,
    tx: Transaction,
    waiting: Sequence[Step],
    conditional: Mapping[Step, Collection[str]],
    resolved: _Resolved,
) -> None:
    """Look up the conditional references of the entries that wait; what one matches may still wait for another, so
    it is an error only when none matches anything."""
    refused: HieError | None = None
    known = len(resolved.names)
    for step in waiting:
        for text in conditional[step]:
            try:
                resolved.names[text] = await resolve(service, tx, step.entry.request.principal, text)
            except HieError as error:
                if error.category is not Category.VERSION_CONFLICT:
                    raise _at(step.entry, error) from None
                refused = refused or _at(step.entry, error)
    if refused is not None and len(resolved.names) == known:
        raise refused


async def _resolve(service: Service, tx: Transaction, step: Step, resolved: _Resolved) -> None:
    """Find out which resource an entry is about, and by which names others may refer to it."""
    request, kind, place = step.entry.request, step.route.type or "", step.entry.place
    if step.method == "GET":
        return
    identity = step.route.id
    if step.route.name == "create":
        identity = await _created(service, tx, step, resolved)
    elif step.route.name == "conditional_update":
        given = (step.resource or {}).get("id")
        identity = await target_of_update(service, tx, request.principal, kind, request.query, given)
        identity = resolved.created.setdefault((kind, request.query), identity)
    elif step.route.name in ("conditional_delete", "conditional_patch"):
        match = await match_one(service, tx, request.principal, kind, request.query)
        identity = match.id if match else None
    resolved.ids[place] = identity
    if identity is None:
        return
    if step.method == "DELETE":
        resolved.gone.add((kind, identity))
    else:
        _name(step, f"{kind}/{identity}", resolved)


def _name(step: Step, meaning: str, resolved: _Resolved) -> None:
    """Let the names of an entry mean its resource; raises INVALID when another one has the same fullUrl."""
    for name in step.names:
        if resolved.names.setdefault(name, meaning) == meaning:
            continue
        if name == step.entry.full_url:
            message = "Two entries for different resources have the same fullUrl"
            raise HieError(Category.INVALID, message, issue="duplicate", expression=f"{step.entry.at}.fullUrl")
        resolved.unclear.add(name)


async def _created(service: Service, tx: Transaction, step: Step, resolved: _Resolved) -> str:
    """The id of a create. Entries of one Bundle with the same criteria make one resource; what the Bundle deletes is
    not there any more."""
    request, kind, place = step.entry.request, step.route.type or "", step.entry.place
    condition = request.header("if-none-exist")
    if condition is None:
        return step.ready.id if step.ready is not None else service.new_id()
    criteria = pairs_of(condition)
    twin = resolved.created.get((kind, criteria))
    if twin is not None:
        return twin
    found = await match_one(service, tx, request.principal, kind, criteria)
    if found is not None and (kind, found.id) in resolved.gone:
        found = None
    if found is not None:
        service.permit(found, request.principal, Interaction.READ)
        resolved.found[place] = found
    identity = found.id if found else service.new_id()
    resolved.created[kind, criteria] = identity
    return identity


def _refuse_overlap(steps: Sequence[Step], resolved: _Resolved) -> None:
    """A resource may be written once in a transaction (FHIR R4 http §3.1.0.11.2)."""
    seen: set[tuple[str | None, str]] = set()
    for step in steps:
        identity = resolved.ids.get(step.entry.place)
        if identity is None or (step.method == "POST" and step.entry.request.header("if-none-exist") is not None):
            continue
        key = (step.route.type, identity)
        if key in seen:
            raise HieError(
                Category.INVALID, "Two entries write the same resource", issue="duplicate", expression=step.entry.at
            )
        seen.add(key)


async def _performed(service: Service, tx: Transaction, step: Step, resolved: _Resolved) -> bytes:
    try:
        return await _perform(service, tx, step, resolved)
    except HieError as error:
        raise _at(step.entry, error) from None


async def _perform(service: Service, tx: Transaction, step: Step, resolved: _Resolved) -> bytes:
    if step.method == "GET" or step.route.name in ("search", "operation"):
        return await _get(service, step)
    request = step.entry.request
    return answer_entry(request, told(service, request, await _write(service, tx, step, resolved)))


async def _write(service: Service, tx: Transaction, step: Step, resolved: _Resolved) -> Written:
    request, place, kind = step.entry.request, step.entry.place, step.route.type or ""
    identity = resolved.ids[place]
    if identity is None:
        if step.method == "PATCH":
            raise HieError(Category.NOT_FOUND, "Nothing meets the criteria")
        return Written(204, None)
    if step.method == "DELETE":
        return await remove(service, tx, request.principal, kind, identity, conditions(request))
    if step.change is not None:
        return await apply(service, tx, Patching(step.change, request.principal, conditions(request)), kind, identity)
    if place in resolved.found:
        return Written(200, resolved.found[place])
    resource = _resource(step, identity, resolved)
    if step.method == "PUT":
        return await put(service, tx, request.principal, resource, conditions(request))
    twin = await tx.read(kind, identity) if request.header("if-none-exist") is not None else None
    return Written(200, twin) if twin else await insert(service, tx, request.principal, resource)


def _resource(step: Step, identity: str, resolved: _Resolved) -> Json | Ready:
    """What an entry writes."""
    if step.ready is None:
        return {**(step.resource or {}), "id": identity}
    made = filled(step.ready, step.stand_ins, resolved.names) if step.stand_ins else step.ready
    return made if resolved.extract is None else ready(plain(made), resolved.extract)


async def _get(service: Service, step: Step) -> bytes:
    from hie.api.dispatch import handle

    return answer_entry(step.entry.request, await handle(service, step.entry.request))
