"""The work on one item inside a transaction: contributions in, resources and outcomes out."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from hie.base.draft import Alias, Contribution, Draft, Key, Merge
from hie.base.finding import Finding, Severity, finding, gravest
from hie.base.resource import Resource
from hie.base.systems import identifier_system
from hie.fold.finish import organisation_reference
from hie.pipeline.codec import decode_findings
from hie.pipeline.judge import REUSED, Judge, about_what
from hie.pipeline.known import Known
from hie.pipeline.leading import Leading
from hie.pipeline.numbers import TOGETHER
from hie.pipeline.ours import by_our_ids
from hie.pipeline.persons import Persons
from hie.pipeline.provenance import source_of
from hie.pipeline.roots import Roots
from hie.pipeline.touched import Touched
from hie.pipeline.unstated import Unstated
from hie.pipeline.writing import Writing
from hie.staging.tables import PART
from hie.store.port import Transaction

MERGE_NUMBER = 1000
"""Number under which the stub of a merged-away patient is kept beside the contributions of its part."""


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
        mentioned: frozenset[str] | None,
        profiles: Callable[[Resource], tuple[str, ...]],
    ) -> None:
        """`mentioned` as for `Touched`, `profiles` as for `Writing`."""
        self._tx = tx
        self._roots = roots
        self._persons = persons
        self._unstated: Unstated | None = None
        self._item = item
        self._judge = Judge(tx, roots, item=item, feed=feed)
        self._writing = Writing(tx, f"{source_of(feed)}#{item}", region, profiles)
        self._touched = Touched(roots, persons, self._writing, mentioned)
        self._binaries: list[tuple[Key, str, bytes]] = []
        self.agent = ""
        self.written = self._writing.written
        self.born = self._touched.born
        self.findings = self._touched.findings
        self.left: list[str] = []

    async def foresee(self, drafts: Iterable[Draft]) -> None:
        """Have what is stored about the roots of some parts read together, before they are worked on."""
        drafts = list(drafts)
        await self._roots.foresee(one.target.reference for draft in drafts for one in draft.contributions)
        aliases = {one.alias.reference: one.target.reference for draft in drafts for one in draft.aliases}
        await self._roots.foresee_aliases(aliases)

    async def under_our_keys(self, draft: Draft) -> Draft:
        """The draft with the keys of the resources that it names by ids of the exchange."""
        return await by_our_ids(draft, self._roots) if draft.ids else draft

    async def would_wait(self, needs: Sequence[Key]) -> bool:
        """Whether something is not there that a part needs to hang on."""
        return await self._missing(needs) is not None

    async def _missing(self, needs: Sequence[Key]) -> Key | None:
        """The first of these that is not there."""
        for key in needs:
            if not await self._judge.is_known(key.reference):
                return key
        return None

    async def contribute(self, part: int, draft: Draft, *, held: bool = True) -> PartWork:
        """Keep what a part states, unless a parent is missing or something is found that holds it back; `held` False:
        in spite of that. Finds what only stored state can show."""
        result = PartWork()
        if await self._judge.is_reused(draft, part):
            result.findings.append(finding(REUSED))
        missing = await self._missing(draft.needs) if held else None
        if missing is not None:
            result.findings.append(finding("orphan-reference", missing.type))
            result.waits = missing.reference
            return result
        for claim in draft.claims:
            if not await self._judge.holds(claim):
                result.findings.append(finding(claim.finding, claim.path))
        for merge in draft.merges:
            result.findings += await self._merge(part, merge)
        if gravest(result.findings).rank < Severity.QUARANTINE.rank or not held:
            await self._keep(part, draft, result)
        return result

    async def _keep(self, part: int, draft: Draft, result: PartWork) -> None:
        """Keep the documents, aliases and contributions of a part."""
        self._binaries += draft.binaries
        for stated in draft.contributions:
            if stated.source and stated.target.type == "DocumentReference":
                self._touched.mark(await self._roots.stated_in(stated.target.reference, whole=stated.withdraw))
        if draft.aliases:
            await self._stand(draft.aliases)
        about = about_what(draft)
        stale = False
        for number, contribution in enumerate(draft.contributions):
            key = contribution.target
            self.agent = self.agent or organisation_reference(key.region, key.organisation)
            known = await self._roots.known(key.reference)
            stale = stale or (key in about and await self._judge.is_stale(contribution, known))
            if number == 0 and contribution.digest:
                result.duplicate = known is not None and known.digest == contribution.digest
            result.findings += await self._judge.findings(contribution, known)
            await self._state(part, number, contribution, known)
            result.roots.append(key.reference)
        if stale and not result.duplicate:
            result.findings.append(finding("stale-update"))

    async def complete(self) -> None:
        """Fold and finish every root that was touched, parents first, and write what changed."""
        for key, content_type, body in self._binaries:
            data = b64encode(body).decode("ascii")
            await self._writing.put({"resourceType": "Binary", "id": key.id, "contentType": content_type, "data": data})
        if self._unstated is None:
            await self._touched.fold_all()
        else:
            await self._replace(self._unstated)

    async def _replace(self, unstated: Unstated) -> None:
        """Fold anew what the item was about before it was taken back, too; what nobody states any more goes."""
        await self._touched.retell(unstated.roots)
        for source in unstated.sources:
            await self._touched.lead_elsewhere(source)
        await unstated.leading.follow()
        await self._touched.fold_all()
        self._touched.mark(await unstated.forget_roots())
        await self._touched.fold_all()
        self.left = unstated.left
        await unstated.delete([*(key.reference for key, _, _ in self._binaries), *self._touched.resources])

    def resources_of(self, part: PartWork) -> tuple[str, ...]:
        """The resources that the roots of a part consist of."""
        return self._touched.resources_of(part.roots)

    async def written_as(self, key: str) -> str:
        """What the answer calls a part: as it is, but the references of a FHIR submission are those under which the
        resources are written, which another name of theirs leads to."""
        if not self._roots.aliased:
            return key
        names = key.split("|")
        await self._roots.redirects.foresee(dict.fromkeys(name for name in names if name))
        return "|".join([await self._roots.standing_for(name) if name else "" for name in names])

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
        self._unstated = Unstated(self._tx, self._roots, self._persons, self._writing, self._touched, self._item)
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
        await self._touched.touch(prior, target, *retired, *([former.target] if former is not None else []))
        await self._touched.lead_elsewhere(prior)
        if repeated:
            return [finding("merge-repeat", merge.path)]
        return [] if known else [finding("merge-stub", merge.path)]

    async def _stand(self, aliases: Sequence[Alias]) -> None:
        """Keep which references stand for others; what stood under them moves."""
        leading = Leading(self._roots, self._touched, self._persons, self._writing)
        stated = [one for one in aliases if one.alias != one.target]
        await leading.note(end.reference for one in stated for end in _unknown(one))
        for one in stated:
            kind = TOGETHER if one.together else "alias"
            alias, target = one.alias.reference, one.target.reference
            await self._roots.redirects.state(alias, target, one.order, kind, self._item)
        await leading.follow()

    async def _state(self, part: int, number: int, contribution: Contribution, known: Known | None) -> None:
        """Keep one contribution; `known` is what was known of its root before."""
        root = contribution.target.reference
        await self._roots.state(self._item, part, number, root, contribution)
        if contribution.mentions:
            await self._roots.mention(root, contribution.mentions)
        await self._touched.state(contribution, known)


def _unknown(stated: Alias) -> tuple[Key, ...]:
    """The keys by which nobody is known."""
    return (stated.alias, stated.target) if stated.together else (stated.alias,)
