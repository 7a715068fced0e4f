"""The fold: what all contributions about one root say together, in order of their order keys."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hie.base.draft import Contribution, Event, Member, Slots
from hie.base.finding import Finding
from hie.base.slots import JOINED, assemble, joined

FINAL = frozenset({"final", "corrected", "amended"})
"""Statuses after which a change is a correction."""

RESTATED: Mapping[str, str] = {"DiagnosticReport": "corrected", "Composition": "amended"}
"""Type -> status, instead of `final`, of what a document says again under its own id (Jiashan §5)."""


_STAMPS = frozenset({"issued"})
"""Slots of a report that a document fills with its own time: no content (Jiashan §6.3, §6.4)."""


@dataclass(slots=True)
class MemberState:
    """A member after folding: its slots, whether it is out, which slot of the root lists it, and whether it is there or
    was only spoken of."""

    type: str
    id: str
    slots: dict[str, Any]
    gone: bool
    listed: str | None
    exists: bool = True


@dataclass(slots=True)
class Folded:
    """One root after folding.

    `exists`: some statement asserts it; without one nothing is written. `revoked`: all that was said has been taken
    back; `restored`: it was, and was stated anew; `moved`: it hung on another root before. `subject`, `encounter`
    and `parent` are references as stated, before merges are resolved. `findings` are those that show only when
    statements come together. `last_order` is that of the youngest statement: a seed makes nothing older than it
    late. `mentions` are references to settle (`Contribution.mentions`). `aside` are the slots that others stated in
    passing, who do not assert the root. `sources` are the documents that stated it, each with its last order key.
    `unstated` are references of members of which only statements tell that are not applied (Wujiang §6.7): whoever
    writes the root deletes them. `unfinal` are order keys of statements before which a result was never final,
    since its report was not (`hie/fold/review.py`).
    """

    type: str
    id: str
    region: str
    organisation: str
    exists: bool = False
    revoked: bool = False
    restored: bool = False
    moved: bool = False
    slots: dict[str, Any] = field(default_factory=dict)
    members: dict[str, MemberState] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    subject: str | None = None
    encounter: str | None = None
    parent: str | None = None
    first_order: str = ""
    last_order: str = ""
    digest: str = ""
    mentions: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    aside: set[str] = field(default_factory=set)
    sources: dict[str, str] = field(default_factory=dict)
    unstated: list[str] = field(default_factory=list)
    unfinal: frozenset[str] = frozenset()

    @property
    def reference(self) -> str:
        """`Type/id` of the root."""
        return f"{self.type}/{self.id}"


def fold(
    root: str,
    contributions: Sequence[Contribution],
    sources: Mapping[str, str] | None = None,
    unfinal: frozenset[str] = frozenset(),
) -> Folded:
    """Fold the contributions about `root` (`Type/id`); at least one, perhaps some of its aliases.

    `sources` are documents withdrawn elsewhere, with the order key of the withdrawal; `unfinal` as in `Folded`. Seeds
    come first and only the earliest counts; then lower tiers before higher ones, each in order of the order key.
    """
    key = contributions[0].target
    resource_type, _, resource_id = root.partition("/")
    state = Folded(resource_type, resource_id, key.region, key.organisation, unfinal=unfinal)
    withdrawn = _withdrawn(contributions, sources or {})
    live = [c for c in contributions if not _is_withdrawn(c, withdrawn)]
    spent = [c for c in contributions if _is_withdrawn(c, withdrawn)]
    taken_back = any(c.exists for c in spent) or any(c.withdraw for c in live)
    if taken_back and not any(c.exists and not c.withdraw and not c.seed for c in live):
        _replay(state, spent)
        _replay(state, [c for c in live if c.withdraw and c.exists])
        state.revoked = True
        for member in state.members.values():
            member.gone = True
        _replay(state, [c for c in live if not c.exists])
    else:
        _members_of(state, spent)
        _sources_of(state, [*spent, *(c for c in live if c.withdraw)])
        _replay(state, [c for c in live if not c.withdraw])
    state.first_order = min(c.order for c in contributions)
    state.last_order = max((c.order for c in contributions if not c.seed), default="")
    return state


def _withdrawn(contributions: Iterable[Contribution], sources: Mapping[str, str]) -> dict[str, str]:
    """Source -> the youngest order key at which it was withdrawn."""
    found = dict(sources)
    for contribution in contributions:
        if contribution.withdraw:
            found[contribution.source] = max(contribution.order, found.get(contribution.source, ""))
    return found


def _is_withdrawn(contribution: Contribution, withdrawn: dict[str, str]) -> bool:
    return (
        not contribution.withdraw
        and bool(contribution.source)
        and contribution.order <= withdrawn.get(contribution.source, "")
    )


def _members_of(state: Folded, spent: Sequence[Contribution]) -> None:
    """Members that only a withdrawn source stated: known, but out."""
    for contribution in spent:
        for member in contribution.members:
            state.members[member.key.reference] = MemberState(
                member.key.type, member.key.id, dict(member.slots), True, member.listed
            )


def _sources_of(state: Folded, spent: Sequence[Contribution]) -> None:
    """Documents that stated the root and were withdrawn: what one says of it later is said again (Jiashan §5)."""
    for one in spent:
        if one.source:
            state.sources[one.source] = max(one.order, state.sources.get(one.source, ""))


def _sequence(contributions: Iterable[Contribution]) -> list[Contribution]:
    seeds = sorted((c for c in contributions if c.seed), key=_order)
    others = sorted((c for c in contributions if not c.seed), key=_order)
    return [seed for seed in seeds[:1] if counts(seed, others)] + others


def counts(seed: Contribution, others: Iterable[Contribution]) -> bool:
    """Whether the earliest seed counts beside the statements that are no seeds: one that is for what is new only does
    not when the root was there before it (Wujiang §4.2)."""
    return not seed.only_new or not any(one.exists and one.order < seed.order for one in others)


def _order(contribution: Contribution) -> tuple[int, str, str]:
    return contribution.tier, contribution.order, contribution.digest


def _replay(state: Folded, contributions: Sequence[Contribution]) -> None:
    fresh = False
    for contribution in _sequence(contributions):
        fresh = step(state, contribution, fresh=fresh)


def step(state: Folded, contribution: Contribution, *, fresh: bool) -> bool:
    """Apply the next statement in order; `fresh`: all before it was taken back. Returns whether that holds now.

    What is stated anew says all there is, members too; what others say about it in passing was never taken back
    (Qingpu §3.2).
    """
    if contribution.revoke:
        state.revoked = True
        state.digest = contribution.digest
        return True
    reissued = fresh and contribution.exists
    if reissued:
        state.slots = {slot: value for slot, value in state.slots.items() if slot in state.aside}
        for member in state.members.values():
            member.gone = True
        state.revoked = False
        state.restored = True
    _state(state, contribution, reissued=reissued)
    return fresh and not reissued


def _state(state: Folded, contribution: Contribution, *, reissued: bool) -> None:
    """Apply one statement."""
    corrects = contribution.correcting and (state.exists or reissued) and contribution.order not in state.unfinal
    final = corrects and state.slots.get("status") in FINAL
    moved = final and _moves(state, contribution)
    listed = _there(state) if final else {}
    if contribution.whole:
        state.slots.clear()
        state.aside.clear()
        state.mentions = ()
    if contribution.mentions:
        state.mentions = tuple(dict.fromkeys((*state.mentions, *contribution.mentions)))
    if not contribution.exists:
        state.aside.update(contribution.slots)
    elif state.aside:
        state.aside.difference_update(contribution.slots)
    if corrects:
        _correct(state, contribution, reissued=reissued)
    else:
        _put(state.slots, contribution.slots)
    again = _is_said_again(state, contribution)
    if again and state.slots.get("status") == "final":
        state.slots["status"] = RESTATED[state.type]
    for event in contribution.events:
        if event.code == "cancel-discharge":
            state.slots.pop("period.end", None)
            state.slots.pop("hospitalization.dischargeDisposition", None)
        state.events.append(event)
    if contribution.members or contribution.complete:
        _state_members(state, contribution, corrects=contribution.correcting and not reissued, again=again)
    if (moved or (final and _others(listed, _there(state)))) and state.slots.get("status") == "final":
        state.slots["status"] = "corrected"
    state.exists = state.exists or contribution.exists
    state.subject = contribution.subject or state.subject
    state.encounter = contribution.encounter or state.encounter
    state.digest = contribution.digest or state.digest
    if contribution.parent is not None:
        state.moved = state.moved or state.parent not in (None, contribution.parent.reference)
        state.parent = contribution.parent.reference


def _state_members(state: Folded, contribution: Contribution, *, corrects: bool, again: bool) -> None:
    """Apply what one statement says of the members; the ones that a complete statement leaves out are out."""
    if contribution.complete:
        for member in state.members.values():
            member.gone = True
    for stated in contribution.members:
        reference = stated.key.reference
        before = state.members.pop(reference, None) if contribution.complete else state.members.get(reference)
        state.members[reference] = made = _member(stated, before, corrects=corrects)
        if again and made.slots.get("status") == "final":
            made.slots["status"] = "corrected"


def _moves(state: Folded, contribution: Contribution) -> bool:
    """Whether a statement puts the root elsewhere: with another patient, at another visit, in another report."""
    parent = contribution.parent.reference if contribution.parent is not None else None
    now = (contribution.subject, contribution.encounter, parent)
    before = (state.subject, state.encounter, state.parent)
    return any(new and old and new != old for new, old in zip(now, before, strict=True))


def _there(state: Folded) -> dict[str, Slots]:
    """The members that are there, with what is stated of them."""
    return {reference: one.slots for reference, one in state.members.items() if one.exists and not one.gone}


def _others(before: Mapping[str, Slots], after: Mapping[str, Slots]) -> bool:
    """Whether other members are there than before, or the same with other content."""
    return before.keys() != after.keys() or any(_differ(slots, after[one]) for one, slots in before.items())


def _is_said_again(state: Folded, contribution: Contribution) -> bool:
    """Whether a document says, at a later time, what it said before: all of it is a correction, whatever differs."""
    if state.type not in RESTATED or not contribution.source or not contribution.exists:
        return False
    before = state.sources.get(contribution.source)
    state.sources[contribution.source] = contribution.order
    return before is not None and before < contribution.order


def _member(stated: Member, before: MemberState | None, *, corrects: bool) -> MemberState:
    """A member after the next statement about it; one that is out is not brought back by what is said in passing."""
    if before is not None and before.gone and stated.aside:
        return before
    slots: dict[str, Any] = {}
    if before is not None and stated.adds and not before.gone:
        slots.update(before.slots)
    _put(slots, stated.slots)
    if before is not None and before.exists and corrects and _correction(before.slots, slots):
        slots["status"] = "corrected"
    exists = not stated.aside or (before is not None and before.exists)
    return MemberState(stated.key.type, stated.key.id, slots, stated.gone, stated.listed, exists)


def _correct(state: Folded, contribution: Contribution, *, reissued: bool) -> None:
    """Put what is stated over what was, as a correction where that was final and more than stamps of a document
    differs, where it was one already, and of a report that is stated anew."""
    before = dict(state.slots)
    _put(state.slots, contribution.slots)
    if state.slots.get("status") != "final":
        return
    status, stamps = before.get("status"), _STAMPS if contribution.source else frozenset[str]()
    restated = status == "corrected" or (reissued and state.type == "DiagnosticReport")
    if restated or (status in FINAL and _differ(before, state.slots, stamps)):
        state.slots["status"] = "corrected"


def _put(slots: dict[str, Any], stated: Slots) -> None:
    """Put what is stated over what was."""
    for slot, value in stated.items():
        if slot.endswith(JOINED):
            value = joined(slots.get(slot), value)
        if value is None:
            slots.pop(slot, None)
        else:
            slots[slot] = value


def _correction(before: Slots, after: Slots) -> bool:
    """Whether `after` states other content than a final `before`, or restates a corrected one."""
    if after.get("status") != "final" or before.get("status") not in FINAL:
        return False
    if before.get("status") == "corrected":
        return True
    return _differ(before, after)


def _differ(before: Slots, after: Slots, stamps: frozenset[str] = frozenset()) -> bool:
    return before != after and _content(before, stamps) != _content(after, stamps)


def _content(slots: Slots, stamps: frozenset[str]) -> Any:
    """What slots come to, status and stamps aside: a row that leaves out a unit or a name states nothing else."""
    content = assemble({slot: value for slot, value in slots.items() if slot != "status" and slot not in stamps})
    if any(name.startswith("value") for name in content):
        content.pop("dataAbsentReason", None)
    return _without_names(content)


def _without_names(value: Any) -> Any:
    """A value without the names of its codes."""
    if isinstance(value, dict):
        coded = "system" in value
        return {name: _without_names(part) for name, part in value.items() if not (coded and name == "display")}
    return [_without_names(part) for part in value] if isinstance(value, list) else value
