"""The work on one item inside a transaction: contributions in, resources and outcomes out."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hie.base.draft import Contribution, Draft, Key, Merge
from hie.base.finding import Finding, Severity, finding, gravest
from hie.base.systems import identifier_system
from hie.fold.finish import diagnoses, finish, link_merged, organisation_reference
from hie.fold.fold import Folded
from hie.fold.mentions import settled
from hie.pipeline.codec import decode_findings
from hie.pipeline.feed import no_profiles
from hie.pipeline.judge import REUSED, Judge, about_what
from hie.pipeline.persons import Persons
from hie.pipeline.roots import LIVE, REVOKED, Known, Roots
from hie.pipeline.unstated import Unstated
from hie.pipeline.writing import Writing
from hie.staging.tables import PART
from hie.store.port import Transaction

RANK = {"Patient": 0, "Encounter": 1, "DiagnosticReport": 2}
"""Roots are finished in this order, so that a child finds its parent already in step; all others come last."""

MENTIONED = frozenset({"DocumentReference", "ServiceRequest"})
"""Types of which feeds other than FHIR mention resources: a report its order (Wujiang §5.1), a document the one that it
replaces (Jiashan §5)."""

MERGE_NUMBER = 1000
"""Number under which the stub of a merged-away patient is kept beside the contributions of its part."""

Resource = dict[str, Any]


@dataclass(slots=True)
class PartWork:
    """What the work on one part came to: findings of this stage, and whether the part changed anything it said before.

    `waits` is the root that must come first, `duplicate` says that all columns equal the row last applied.
    """

    findings: list[Finding] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    waits: str | None = None
    duplicate: bool = False


class Work:
    """One item's unit of work. Call `contribute` for each part, then `complete` once.

    Afterwards `written` holds the references and version numbers of what changed, `born` the roots that are new,
    `findings` by root those that showed only in the fold, `agent` the Organization that sent the item, `left` other
    items of which something hung on what the item stated before and nobody states now.
    """

    def __init__(
        self,
        tx: Transaction,
        roots: Roots,
        persons: Persons,
        *,
        item: str,
        feed: str,
        region: str,
        mentioned: frozenset[str] | None = MENTIONED,
        profiles: Callable[[Resource], tuple[str, ...]] = no_profiles,
    ) -> None:
        """`mentioned` are the types that resources of the feed mention, None when any (FHIR)."""
        self._tx = tx
        self._roots = roots
        self._mentioned = mentioned
        self._own: set[str] = set()
        self._persons = persons
        self._unstated: Unstated | None = None
        self._item = item
        self._judge = Judge(tx, roots, item=item, feed=feed)
        self._writing = Writing(tx, f"https://hie.example.org/feeds/{feed}#{item}", region, profiles)
        self.agent = ""
        self._binaries: list[tuple[Key, str, bytes]] = []
        self._dirty: dict[str, None] = {}
        self._fresh: set[str] = set()
        self._resources: dict[str, list[str]] = {}
        self.written = self._writing.written
        self.born: list[str] = []
        self.findings: dict[str, list[Finding]] = {}
        self.left: list[str] = []

    async def foresee(self, drafts: Iterable[Draft]) -> None:
        """Have what is stored about the roots of some parts read together, before they are worked on."""
        await self._roots.foresee(one.target.reference for draft in drafts for one in draft.contributions)

    async def would_wait(self, needs: Sequence[Key]) -> bool:
        """Whether something is not there that a part needs to hang on."""
        return not all([await self._judge.is_known(key.reference) for key in needs])

    async def contribute(self, part: int, draft: Draft, *, held: bool = True) -> PartWork:
        """Keep what a part states, unless a parent is missing or something is found that holds it back; `held` False:
        in spite of that. Finds what only stored state can show."""
        result = PartWork()
        if await self._judge.is_reused(draft, part):
            result.findings.append(finding(REUSED))
        if held:
            for key in draft.needs:
                if not await self._judge.is_known(key.reference):
                    result.findings.append(finding("orphan-reference", key.type))
                    result.waits = key.reference
                    return result
        for claim in draft.claims:
            if not await self._judge.holds(claim):
                result.findings.append(finding(claim.finding, claim.path))
        for merge in draft.merges:
            result.findings += await self._merge(part, merge)
        if gravest(result.findings).rank >= Severity.QUARANTINE.rank and held:
            return result
        self._binaries += draft.binaries
        for stated in draft.contributions:
            if stated.source and stated.target.type == "DocumentReference":
                hanging = await self._roots.stated_in(stated.target.reference, whole=stated.withdraw)
                self._dirty.update(dict.fromkeys(hanging))
        for alias in draft.aliases:
            await self._alias(alias.alias.reference, alias.target.reference, alias.order)
        stale = False
        digests = []
        about = about_what(draft)
        for number, contribution in enumerate(draft.contributions):
            key = contribution.target
            self.agent = self.agent or organisation_reference(key.region, key.organisation)
            known = await self._roots.known(contribution.target.reference)
            stale = stale or (contribution.target in about and await self._judge.is_stale(contribution, known))
            digests.append(bool(contribution.digest) and known is not None and known.digest == contribution.digest)
            result.findings += await self._judge.findings(contribution, known)
            await self._state(part, number, contribution, known)
            result.roots.append(contribution.target.reference)
        result.duplicate = bool(digests) and digests[0]
        if stale and not result.duplicate:
            result.findings.append(finding("stale-update"))
        return result

    async def complete(self) -> None:
        """Fold and finish every root that was touched, parents first, and write what changed."""
        for key, content_type, body in self._binaries:
            data = b64encode(body).decode("ascii")
            await self._writing.put({"resourceType": "Binary", "id": key.id, "contentType": content_type, "data": data})
        if self._unstated is not None:
            await self._touch(*self._unstated.roots)
            for source in self._unstated.sources:
                await self._lead_elsewhere(source)
        await self._fold_all()
        if self._unstated is not None:
            self._dirty.update(dict.fromkeys(await self._unstated.forget_roots()))
            await self._fold_all()
            self.left = self._unstated.left
            documents = [key.reference for key, _, _ in self._binaries]
            await self._unstated.delete([*documents, *(one for said in self._resources.values() for one in said)])

    async def _fold_all(self) -> None:
        while self._dirty:
            batch = sorted(self._dirty, key=lambda root: (RANK.get(root.partition("/")[0], 3), root))
            self._dirty = {}
            await self._roots.foresee(batch)
            states = {root: await self._fold(root) for root in batch}
            fresh = [root for root in batch if root in self._fresh]
            await self._roots.foresee_mentioning(root for root in fresh if self._is_mentioned(root))
            for root in batch:
                state = states[root]
                if state is not None:
                    await self._finish(state)

    def resources_of(self, part: PartWork) -> tuple[str, ...]:
        """The resources that the roots of a part consist of."""
        return tuple(dict.fromkeys(r for root in part.roots for r in self._resources.get(root, ())))

    async def is_found_elsewhere(self, root: str, found: Finding) -> bool:
        """Whether a part of another item that states something about a root has the finding."""
        for item, part in await self._roots.parts_about(root):
            row = await self._tx.get(PART, item, part) if item != self._item else None
            if row is not None and found in decode_findings(row["findings"]):
                return True
        return False

    async def forget(self) -> None:
        """Take back everything this item stated (before a replay); its roots are folded anew by `complete`, and what
        nobody states any more goes."""
        self._unstated = Unstated(self._tx, self._roots, self._persons, self._item)
        await self._unstated.take_back()

    async def _merge(self, part: int, merge: Merge) -> list[Finding]:
        """Retire a patient in favour of another (Wujiang §6); returns what is to be said about it."""
        prior, target = merge.prior.reference, merge.target.reference
        if prior in await self._roots.redirects.way(target):
            return [finding("merge-inverse", merge.path)]
        repeated = await self._roots.redirects.resolve(prior) == await self._roots.redirects.resolve(target)
        known = await self._roots.exists(prior)
        former = await self._roots.redirects.of(prior)
        await self._roots.redirects.state(prior, target, merge.order, "merge", self._item)
        identifier = {
            "system": identifier_system(merge.prior.organisation, merge.prior.kind),
            "value": merge.prior.value,
        }
        slot = f"identifier[]#{merge.prior.kind}"
        stub = Contribution(merge.prior, merge.order, {slot: identifier}, seed=True)
        await self._state(part, MERGE_NUMBER, stub, await self._roots.known(prior))
        retired = await self._roots.redirects.leading_to(prior)
        await self._touch(prior, target, *retired, *([former.target] if former is not None else []))
        await self._lead_elsewhere(prior)
        if repeated:
            return [finding("merge-repeat", merge.path)]
        return [] if known else [finding("merge-stub", merge.path)]

    async def _alias(self, alias: str, target: str, order: str) -> None:
        former = await self._roots.redirects.of(alias)
        if alias == target or not await self._roots.redirects.state(alias, target, order, "alias", self._item):
            return
        await self._touch(target, *([former.target] if former is not None else []))
        await self._lead_elsewhere(alias)
        if self._mentioned is None:
            self.born.append(alias)
        resource_type, _, resource_id = alias.partition("/")
        version = await self._tx.read(resource_type, resource_id)
        if version is not None and not version.deleted:
            if resource_type == "Patient":
                await self._persons.remove(alias)
            await self._tx.delete(resource_type, resource_id)

    async def _lead_elsewhere(self, reference: str) -> None:
        """Fold anew what names a reference that has come to stand for another, or stands for none any more."""
        self._dirty.update(dict.fromkeys(await self._roots.about(reference)))
        if self._mentioned is None:
            self._dirty.update(dict.fromkeys(await self._roots.mentioning(reference)))

    async def _touch(self, *roots: str) -> None:
        """Fold these roots anew; what is said about an alias is written under the root that it stands for."""
        for root in roots:
            self._dirty[await self._roots.standing_for(root)] = None

    async def _state(self, part: int, number: int, contribution: Contribution, known: Known | None) -> None:
        root = contribution.target.reference
        await self._roots.state(self._item, part, number, root, contribution)
        self._own.add(root)
        if contribution.mentions:
            await self._roots.mention(root, contribution.mentions)
        if self._mentioned is None or root.startswith("Patient/"):
            await self._touch(root)
        else:
            self._dirty[root] = None
        if known is not None and known.parent is not None:
            self._dirty[known.parent] = None
        if contribution.parent is not None and contribution.target.type == "Observation":
            self._dirty[contribution.parent.reference] = None
        exists = (known is not None and known.exists) or (contribution.exists and not contribution.revoke)
        if exists and (known is None or not known.exists):
            self._fresh.add(contribution.target.reference)
        self._roots.expect(
            contribution.target.reference,
            Known(
                (REVOKED if contribution.revoke else LIVE) if exists else "pending",
                contribution.parent.reference if contribution.parent else (known.parent if known else None),
                contribution.subject or (known.subject if known else None),
                max("" if contribution.seed else contribution.order, known.last_order if known else ""),
                contribution.digest or (known.digest if known else ""),
            ),
        )

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
                self._dirty[state.encounter] = None
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

    def _is_mentioned(self, root: str) -> bool:
        """Whether resources of the feed may mention such a root."""
        return self._mentioned is None or root.partition("/")[0] in self._mentioned

    async def _finish(self, state: Folded) -> None:
        root = state.reference
        known = await self._roots.known(root)
        if known is None or not known.exists:
            return
        new = root in self._fresh
        if new:
            self._fresh.discard(root)
            self.born.append(root)
            if self._is_mentioned(root):
                mentioning = await self._roots.mentioning(root)
                self._dirty.update(dict.fromkeys(one for one in mentioning if one not in self._own))
        parent = await self._writing.current(state.parent) if state.parent else None
        children = await self._roots.children(root)
        named = root if state.type == "Patient" else state.subject
        subject = await self._roots.redirects.resolve(named) if named else None
        gone = await self._gone(state)
        resources = finish(state, resolve=lambda _: subject or "", parent=parent, children=children, gone=gone)
        if state.type == "Patient":
            await self._link_merged(resources[0])
        if state.mentions:
            resources = settled(resources, await self._roots.settle(state.mentions))
        self.findings.setdefault(root, []).extend(state.findings)
        self._resources[root] = [f"{r['resourceType']}/{r['id']}" for r in resources]
        changed = False
        for resource in resources:
            if resource["resourceType"] == "Patient":
                resource = await self._persons.place(resource)
            changed = await self._writing.put(resource, new=new) or changed
        if changed:
            for child in children:
                if RANK.get(child.reference.partition("/")[0], 3) > RANK.get(root.partition("/")[0], 3):
                    self._dirty[child.reference] = None

    async def _link_merged(self, patient: Resource) -> None:
        reference = f"Patient/{patient['id']}"
        retired = await self._roots.redirects.of(reference)
        merged = [s for s in await self._roots.redirects.sources(reference) if await self._roots.redirects.is_merged(s)]
        link_merged(patient, retired.target if retired is not None and retired.kind == "merge" else None, merged)
