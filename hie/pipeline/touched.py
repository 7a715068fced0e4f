"""The roots that the work on one item touches: folded anew, finished and written, parents first."""

from collections.abc import Iterable, Sequence

from hie.base.draft import Contribution
from hie.base.finding import Finding
from hie.base.resource import Json
from hie.fold.finish import Child, conceals, diagnoses, finish, link_merged, revealed, untold_end
from hie.fold.fold import Folded
from hie.fold.mentions import settled
from hie.pipeline.known import LIVE, PENDING, REVOKED, Known
from hie.pipeline.persons import Persons
from hie.pipeline.roots import HUNG_ON, Roots
from hie.pipeline.writing import Writing

RANK = {"Patient": 0, "Encounter": 1, "DiagnosticReport": 2}
"""Roots are finished in this order, so that a child finds its parent already in step; all others come last."""

MENTIONED = frozenset({"DocumentReference", "ServiceRequest"})
"""Types of which feeds other than FHIR mention resources: a report its order (Wujiang §5.1), a document the one that it
replaces (Jiashan §5)."""


class Touched:
    """Marks roots, and brings the resources of those that are marked in step.

    Afterwards `born` holds the roots that are new, `findings` by root those that showed only in the fold.
    """

    def __init__(self, roots: Roots, persons: Persons, writing: Writing, mentioned: frozenset[str] | None) -> None:
        """`mentioned` are the types that resources of the feed mention, None when any (FHIR)."""
        self._roots = roots
        self._persons = persons
        self._writing = writing
        self._mentioned = mentioned
        self._dirty: dict[str, None] = {}
        self._own: set[str] = set()
        self._fresh: set[str] = set()
        self._retold: set[str] = set()
        self._resources: dict[str, list[str]] = {}
        self.born: list[str] = []
        self.findings: dict[str, list[Finding]] = {}

    def mark(self, roots: Iterable[str]) -> None:
        """Fold these roots anew."""
        self._dirty.update(dict.fromkeys(roots))

    async def retell(self, roots: Iterable[str]) -> None:
        """Fold anew these roots, of which something is not said any more, and what they hang on."""
        await self.touch(*roots)
        for root in roots:
            known = await self._roots.known(root)
            self._retold.add(root)
            self.mark([known.parent] if known is not None and known.parent is not None else ())

    async def touch(self, *roots: str) -> None:
        """Fold these roots anew; what is said about an alias is written under the root that it stands for."""
        self.mark([await self._roots.standing_for(root) for root in roots])

    async def lead_elsewhere(self, reference: str) -> None:
        """Fold anew what names a reference that has come to stand for another, or stands for none any more."""
        self.mark(await self._roots.about(reference))
        if self._mentioned is None:
            self.mark(await self._roots.mentioning(reference))

    def add_alias(self, alias: str) -> None:
        """A reference stands for another from now on: what waited for it need wait no more."""
        if self._mentioned is None:
            self.born.append(alias)

    async def state(self, contribution: Contribution, known: Known | None) -> None:
        """Fold anew what a contribution of this item is about, and what it hangs on now or did before; `known` is its
        root as it was."""
        root, parent = contribution.target.reference, contribution.parent
        self._own.add(root)
        if self._mentioned is None or root.startswith("Patient/"):
            await self.touch(root)
        else:
            self.mark([root])
        if known is not None and contribution.order < known.last_order:
            self._retold.add(root)
        if known is not None and known.parent is not None:
            self.mark([known.parent])
        if parent is not None and contribution.target.type == "Observation":
            self.mark([parent.reference])
            if known is not None and known.parent not in (None, parent.reference):
                await self._roots.mention(root, [parent.reference, str(known.parent)])
        was_there = known is not None and known.exists
        is_there = was_there or (contribution.exists and not contribution.revoke)
        if is_there and not was_there:
            self._fresh.add(root)
        self._roots.expect(root, _expected(contribution, known, is_there=is_there))

    def resources_of(self, roots: Iterable[str]) -> tuple[str, ...]:
        """The resources that these roots consist of."""
        return tuple(dict.fromkeys(r for root in roots for r in self._resources.get(root, ())))

    @property
    def resources(self) -> list[str]:
        """All resources that were brought in step."""
        return [one for said in self._resources.values() for one in said]

    async def fold_all(self) -> None:
        """Bring in step what is marked, and what that touches in turn."""
        while self._dirty:
            batch = sorted(self._dirty, key=lambda root: (_rank(root), root))
            self._dirty = {}
            await self._roots.foresee(batch)
            states = {root: await self._fold(root) for root in batch}
            fresh = [root for root in batch if root in self._fresh]
            await self._roots.foresee_mentioning(root for root in fresh if self._is_mentioned(root))
            await self._writing.foresee(self._compared(states.values()))
            for root in batch:
                state = states[root]
                if state is not None:
                    await self._finish(state)

    def _compared(self, states: Iterable[Folded | None]) -> Iterable[str]:
        """The resources that are read to finish these roots: those that they may differ from, and their parents."""
        for state in states:
            if state is not None and state.exists:
                if state.parent is not None:
                    yield state.parent
                if state.reference not in self._fresh:
                    yield state.reference
                    yield from state.members
                    yield from state.unstated

    async def _fold(self, root: str) -> Folded | None:
        """Fold a root. One that was only spoken of may exist now, if only as taken back; a visit follows when a
        diagnosis that it may list was taken back, or is back."""
        known = await self._roots.known(root)
        before = await self._roots.was_revoked(root) if root.startswith("Condition/") else None
        state = await self._roots.fold(root)
        if state is not None:
            saved = await self._roots.save(state)
            if saved.exists and (known is None or not known.exists):
                self._fresh.add(root)
            changed = before is not None and before != state.revoked and self._mentioned is not None
            if changed and state.encounter and state.parent is None:
                self.mark([state.encounter])
        return state

    async def _gone(self, state: Folded) -> list[str]:
        """The Conditions listed by a visit that were taken back, or are another visit's by now; of its own children
        `finish` knows (Qingpu). What a FHIR sender lists is left as it is."""
        if state.type != "Encounter" or self._mentioned is None:
            return []
        return [
            one
            for one in diagnoses(state)
            if await self._roots.is_taken_back(one) or await self._roots.is_listed_elsewhere(one, state.reference)
        ]

    async def _list_diagnoses(self, state: Folded) -> None:
        """State in a visit what it lists of the diagnoses that were taken back and stated anew, or have come from
        another visit. What a FHIR sender lists is left as it is."""
        if state.type == "Encounter" and self._mentioned is not None:
            for condition in diagnoses(state):
                await self._roots.list_anew(state, condition)

    def _is_mentioned(self, root: str) -> bool:
        """Whether resources of the feed may mention such a root."""
        return self._mentioned is None or root.partition("/")[0] in self._mentioned

    async def _finish(self, state: Folded) -> None:
        """Write the resources of a root that is there; what hangs on it follows when one of them has changed, or when
        it was taken back: the status that it would have, which its results follow, does not show in it. Nor does the
        one that it had before, nor an end before the start."""
        root = state.reference
        if not await self._roots.exists(root):
            return
        await self._list_diagnoses(state)
        new = await self._is_born(root)
        children = await self._roots.children(root) if root.startswith(HUNG_ON) else ()
        resources = await self._made(state, children)
        self.findings.setdefault(root, []).extend(state.findings)
        self._resources[root] = [f"{r['resourceType']}/{r['id']}" for r in resources]
        changed = False
        for resource in resources:
            if resource["resourceType"] == "Patient":
                resource = await self._persons.place(resource)
            changed = await self._writing.put(resource, new=new) or changed
        for member in state.unstated:
            await self._writing.delete(member)
        if changed or state.revoked or self._is_retold(state) or untold_end(resources[0], state):
            self.mark(child.reference for child in children if _rank(child.reference) > _rank(root))
            if state.type == "DiagnosticReport" and not new and self._mentioned is not None:
                self.mark(await self._roots.mentioning(root))  # results that have moved to another report

    def _is_retold(self, state: Folded) -> bool:
        """Whether what was said of a report before its last statement has changed: its results follow, even when it
        stays as it is, since it counts whether it was final when they changed (Qingpu §3.2)."""
        return state.type == "DiagnosticReport" and state.reference in self._retold

    async def _is_born(self, root: str) -> bool:
        """Whether a root is there for the first time; what others say of it leads somewhere then."""
        if root not in self._fresh:
            return False
        self._fresh.discard(root)
        self.born.append(root)
        if self._is_mentioned(root):
            self.mark(one for one in await self._roots.mentioning(root) if one not in self._own)
        return True

    async def _made(self, state: Folded, children: Sequence[Child]) -> list[Json]:
        """The resources of a folded root, the root first."""
        parent = await self._parent(state)
        named = state.reference if state.type == "Patient" else state.subject
        subject = await self._roots.redirects.resolve(named) if named else None
        gone = await self._gone(state)
        resources = finish(state, resolve=lambda _: subject or "", parent=parent, children=children, gone=gone)
        if state.type == "Patient":
            await self._link_merged(resources[0])
        if state.mentions:
            own = {f"{r['resourceType']}/{r['id']}" for r in resources}
            others = [mention for mention in state.mentions if mention not in own]
            targets = await self._roots.settle(others)
            elsewhere = {mention: target for mention, target in targets.items() if target != mention}
            resources = settled(resources, elsewhere) if elsewhere else resources
        return resources

    async def _parent(self, state: Folded) -> Json | None:
        """The resource that a root hangs on, with what the root takes over from it and it does not show."""
        if state.parent is None:
            return None
        parent = await self._writing.parent(state.parent)
        if parent is None or not conceals(parent, state.type):
            return parent
        folded = await self._roots.fold(state.parent)
        return parent if folded is None else revealed(parent, folded)

    async def _link_merged(self, patient: Json) -> None:
        reference = f"Patient/{patient['id']}"
        retired = await self._roots.redirects.of(reference)
        merged = [s for s in await self._roots.redirects.sources(reference) if await self._roots.redirects.is_merged(s)]
        link_merged(patient, retired.target if retired is not None and retired.kind == "merge" else None, merged)


def _rank(root: str) -> int:
    return RANK.get(root.partition("/")[0], len(RANK))


def _expected(contribution: Contribution, known: Known | None, *, is_there: bool) -> Known:
    """What a root will be known as once a contribution is folded into it."""
    state = (REVOKED if contribution.revoke else LIVE) if is_there else PENDING
    return Known(
        state,
        contribution.parent.reference if contribution.parent else (known.parent if known else None),
        contribution.subject or (known.subject if known else None),
        max("" if contribution.seed else contribution.order, known.last_order if known else ""),
        contribution.digest or (known.digest if known else ""),
    )
