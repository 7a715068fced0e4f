"""What the entries of a transaction mean: which resource each is about, and what their references name."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from hie.api.conditional import Pairs, match_one, pairs_of
from hie.api.references import resolve, unresolved
from hie.api.service import Service
from hie.api.slot import Slot
from hie.api.step import Step, at_entry
from hie.api.write import target_of_update
from hie.base.errors import Category, HieError
from hie.security.policy import Interaction
from hie.store.port import Extract, Transaction, Version


@dataclass(slots=True)
class Meaning:
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


async def meaning_of(
    service: Service, tx: Transaction, steps: Sequence[Step], extract: Extract | None = None
) -> Meaning:
    """Find out what the entries mean, by what is stored and by what others of them do; raises what is wrong with one.

    `extract` is for `Meaning`.
    """
    meaning = Meaning(extract=extract)
    for step in sorted(steps, key=lambda step: step.method != "DELETE"):
        try:
            await _resolve(service, tx, step, meaning)
        except HieError as error:
            raise at_entry(step.entry, error) from None
    for name in meaning.unclear:
        del meaning.names[name]
    _refuse_overlap(steps, meaning)
    return meaning


def open_references(step: Step, slots: Mapping[int, Sequence[Slot]], meaning: Meaning) -> list[str]:
    """The conditional references of an entry that are still to be looked up."""
    if step.ready is not None:
        return [text for text in step.stand_ins or () if text not in meaning.names]
    return unresolved(slots.get(step.entry.place, ()), meaning.names)


async def resolve_references(
    service: Service,
    tx: Transaction,
    waiting: Sequence[Step],
    conditional: Mapping[Step, Collection[str]],
    meaning: Meaning,
) -> None:
    """Look up the conditional references of the entries that wait; what one matches may still wait for another, so
    it is an error only when none matches anything."""
    refused: HieError | None = None
    known = len(meaning.names)
    for step in waiting:
        for text in conditional[step]:
            try:
                meaning.names[text] = await resolve(service, tx, step.entry.request.principal, text)
            except HieError as error:
                if error.category is not Category.VERSION_CONFLICT:
                    raise at_entry(step.entry, error) from None
                refused = refused or at_entry(step.entry, error)
    if refused is not None and len(meaning.names) == known:
        raise refused


async def _resolve(service: Service, tx: Transaction, step: Step, meaning: Meaning) -> None:
    """Find out which resource an entry is about, and by which names others may refer to it."""
    request, kind, place = step.entry.request, step.route.type or "", step.entry.place
    if step.method == "GET" or step.route.name in ("search", "operation"):
        return
    identity = step.route.id
    if step.route.name == "create":
        identity = await _created(service, tx, step, meaning)
    elif step.route.name == "conditional_update":
        given = (step.resource or {}).get("id")
        identity = await target_of_update(service, tx, request.principal, kind, request.query, given)
        identity = meaning.created.setdefault((kind, request.query), identity)
    elif step.route.name in ("conditional_delete", "conditional_patch"):
        match = await match_one(service, tx, request.principal, kind, request.query)
        identity = match.id if match else None
    meaning.ids[place] = identity
    if identity is None:
        return
    if step.method == "DELETE":
        meaning.gone.add((kind, identity))
    else:
        _name(step, f"{kind}/{identity}", meaning)


def _name(step: Step, reference: str, meaning: Meaning) -> None:
    """Let the names of an entry mean its resource; raises INVALID when another one has the same fullUrl."""
    for name in step.names:
        if meaning.names.setdefault(name, reference) == reference:
            continue
        if name == step.entry.full_url:
            message = "Two entries for different resources have the same fullUrl"
            raise HieError(Category.INVALID, message, issue="duplicate", expression=f"{step.entry.at}.fullUrl")
        meaning.unclear.add(name)


async def _created(service: Service, tx: Transaction, step: Step, meaning: Meaning) -> str:
    """The id of a create. Entries of one Bundle with the same criteria make one resource; what the Bundle deletes is
    not there any more."""
    request, kind, place = step.entry.request, step.route.type or "", step.entry.place
    condition = request.header("if-none-exist")
    if condition is None:
        return step.ready.id if step.ready is not None else service.new_id()
    criteria = pairs_of(condition)
    twin = meaning.created.get((kind, criteria))
    if twin is not None:
        return twin
    found = await match_one(service, tx, request.principal, kind, criteria)
    if found is not None and (kind, found.id) in meaning.gone:
        found = None
    if found is not None:
        service.permit(found, request.principal, Interaction.READ)
        meaning.found[place] = found
    identity = found.id if found else service.new_id()
    meaning.created[kind, criteria] = identity
    return identity


def _refuse_overlap(steps: Sequence[Step], meaning: Meaning) -> None:
    """A resource may be written once in a transaction (FHIR R4 http §3.1.0.11.2)."""
    seen: set[tuple[str | None, str]] = set()
    for step in steps:
        identity = meaning.ids.get(step.entry.place)
        if identity is None or (step.method == "POST" and step.entry.request.header("if-none-exist") is not None):
            continue
        key = (step.route.type, identity)
        if key in seen:
            raise HieError(
                Category.INVALID, "Two entries write the same resource", issue="duplicate", expression=step.entry.at
            )
        seen.add(key)
