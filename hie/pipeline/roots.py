"""Roots in one transaction: their contributions, what is known of them, and what hangs on them."""

from collections.abc import Iterable, Mapping, Sequence

from hie.base.draft import Contribution, Key
from hie.fold.finish import Child
from hie.fold.fold import Folded, fold
from hie.fold.listed import listed
from hie.fold.prefix import Placed
from hie.fold.review import unfinal
from hie.pipeline.known import MOVED, PENDING, RESTORED, REVOKED, Known, known_in, known_of
from hie.pipeline.redirects import Redirects
from hie.pipeline.statements import STAYING, Statements
from hie.pipeline.withdrawals import ITSELF, Withdrawals
from hie.staging.tables import CONTRIBUTION, MENTION, ROOT
from hie.store.port import Transaction

HUNG_ON = ("Patient/", "Encounter/", "DiagnosticReport/", "EpisodeOfCare/")
"""Roots of which what hangs on them is asked for when they are finished: they list it, or it follows them. Nobody looks
at what hangs on a result."""


class Roots:
    """The roots that one transaction touches, with the `redirects` between them; each row is read once.

    `aliased`: every type may have aliases (a FHIR feed), not Patients alone.
    """

    def __init__(self, tx: Transaction, *, aliased: bool = False) -> None:
        self._tx = tx
        self.aliased = aliased
        self._known: dict[str, Known | None] = {}
        self._foreseen: set[str] = set()
        self._revoked: set[str] = set()
        self._taken: set[str] = set()
        self._freed: set[str] = set()
        self.redirects = Redirects(tx)
        self._statements = Statements(tx)
        self._withdrawals = Withdrawals(self._statements)

    async def foresee(self, roots: Iterable[str]) -> None:
        """Have the rows of these roots and of those that hang on them read together, and what is stated about them."""
        new = [root for root in dict.fromkeys(roots) if root not in self._foreseen]
        self._foreseen.update(new)
        hung_on = ({"parent": root} for root in new if root.startswith(HUNG_ON))
        await self._tx.foresee(ROOT, [*({"root": root} for root in new), *hung_on])
        before = [root for root in new if await self.known(root) is not None]
        await self._statements.foresee(before)
        if self.aliased:
            await self.redirects.foresee(dict.fromkeys(new))
            names = [name for root in before for name in await self.redirects.names(root)]
            await self.redirects.foresee(dict.fromkeys(names))
            await self._tx.foresee(CONTRIBUTION, [{"root": name} for name in names])

    async def foresee_aliases(self, aliases: Mapping[str, str]) -> None:
        """Have what is stored about these references, and about what they come to stand for, read together."""
        await self.redirects.foresee(aliases)
        await self._tx.foresee(ROOT, [*({"root": alias} for alias in aliases), *({"subject": one} for one in aliases)])
        await self._tx.foresee(MENTION, [{"target": alias} for alias in aliases])
        await self._tx.foresee(CONTRIBUTION, [{"root": alias} for alias in aliases])

    async def known(self, root: str) -> Known | None:
        """The row of a root, None when nothing was ever stated about it."""
        if root not in self._known:
            row = await self._tx.get(ROOT, root)
            self._known[root] = known = None if row is None else known_in(row)
            if known is not None and known.state == REVOKED:
                self._revoked.add(root)
            if row is None and root not in self._freed:
                self._statements.none_yet(root)
        return self._known[root]

    async def exists(self, root: str) -> bool:
        """Whether the root is there to hang on."""
        known = await self.known(root)
        return known is not None and known.exists

    async def stands(self, root: str) -> bool:
        """Whether the root is there to hang on, by what is stated now: not what an item said that is taken back."""
        if root in self._taken:
            state = await self.fold(root)
            if state is None or not known_of(state).exists:
                return False
            self._taken.discard(root)
        return await self.exists(root)

    async def is_taken_back(self, root: str) -> bool:
        """Whether all that was said about a root without a parent has been taken back."""
        known = await self.known(root)
        return known is not None and known.state == REVOKED and known.parent is None

    async def was_revoked(self, root: str) -> bool:
        """Whether all that was said about the root had been taken back before this transaction."""
        await self.known(root)
        return root in self._revoked

    async def list_anew(self, visit: Folded, condition: str) -> None:
        """State in a visit what it lists of a diagnosis, where not all that was said of it counts, or some was said at
        another visit."""
        known = await self.known(condition)
        if known is None or known.state not in (RESTORED, MOVED) or known.parent != visit.reference:
            return
        rows = await self._statements.about(condition)
        parents = (row.contribution.parent for row in rows)
        visits = dict.fromkeys(parent.reference for parent in parents if parent is not None)
        said = [row for one in visits for row in await self._statements.about(one)]
        visit.slots.update(listed(condition, rows, said))

    async def is_listed_elsewhere(self, condition: str, visit: str) -> bool:
        """Whether a diagnosis belongs to another visit by now (Qingpu §4.7)."""
        known = await self.known(condition)
        return known is not None and known.parent is not None and known.parent != visit

    async def last_row(self, root: str) -> str:
        """The order key of the youngest row about the root itself, not one that only speaks of it in passing."""
        aliases = await self.redirects.aliases(root) if self.aliased or root.startswith("Patient/") else ()
        stated = await self._statements.about(root, aliases)
        return max((placed.order for placed in stated if placed.contribution.digest), default="")

    def expect(self, root: str, known: Known) -> None:
        """Remember the state that a contribution of this transaction will bring about."""
        self._known[root] = known
        if known.exists:
            self._taken.discard(root)

    async def state(self, item: str, part: int, number: int, root: str, contribution: Contribution) -> None:
        """Keep one contribution."""
        heads = await self._heads(root) if root.startswith(STAYING) else ()
        self._withdrawals.forget(root)
        await self._statements.add(item, part, number, root, contribution, heads)

    async def states(self, root: str, ending: str, *, besides: str) -> bool:
        """Whether an item `besides` the one at work states something about the root under such an order key."""
        if await self.known(root) is None:
            return False
        stated = await self._statements.about(root)
        return any(one.item != besides and one.contribution.order.endswith(ending) for one in stated)

    async def mention(self, root: str, targets: Sequence[str]) -> None:
        """Remember that `root` mentions `targets`."""
        for target in targets:
            await self._tx.upsert(MENTION, {"target": target, "root": root})

    async def mentioning(self, target: str) -> list[str]:
        """The roots that mention `target`."""
        return [str(row["root"]) for row in await self._tx.select(MENTION, {"target": target})]

    async def foresee_mentioning(self, targets: Iterable[str]) -> None:
        """Have the roots that mention these read together."""
        await self._tx.foresee(MENTION, [{"target": target} for target in targets])

    async def settle(self, mentions: Sequence[str]) -> dict[str, str | None]:
        """Where each mentioned reference leads; None while there is no such resource."""
        found: dict[str, str | None] = {}
        for mention in mentions:
            target = await self.redirects.resolve(mention) if self.aliased else mention
            found[mention] = target if await self.exists(target) or await self._is_kept(target) else None
        return found

    async def _is_kept(self, target: str) -> bool:
        """Whether a resource that is no root is stored: a verbatim document, a registered institution."""
        resource_type, _, resource_id = target.partition("/")
        if resource_type not in ("Binary", "Organization"):
            return False
        version = await self._tx.read(resource_type, resource_id)
        return version is not None and not version.deleted

    async def stated_in(self, document: str, *, whole: bool) -> list[str]:
        """The roots that a document states something about; `whole` False: only those that a new version of it may
        leave out."""
        found = dict.fromkeys(str(row["root"]) for row in await self._tx.select(CONTRIBUTION, {"source": document}))
        return [root for root in found if whole or not root.startswith(ITSELF)]

    async def fold(self, root: str) -> Folded | None:
        """Fold all that is stated about a root, aliases included; None when nothing is left.

        What is stated about a merged-away Patient after its merge is not applied (Wujiang §6.7).
        """
        aliases: Sequence[str] = ()
        read = False
        if self.aliased or root.startswith("Patient/"):
            aliases = await self.redirects.aliases(root)
            retired = await self.redirects.of(root)
            read = retired is not None  # an alias has no row of its own, and seems new
            if retired is not None and retired.kind == "merge":
                stated = [p.contribution for p in await self._statements.about(root, aliases, read=read)]
                return _fold_until(retired.order, root, stated)
        if root.startswith(STAYING):
            return await self._statements.fold(root, aliases, read=read)
        placed = await self._statements.about(root, aliases, read=read)
        if not placed:
            return None
        stated = [p.contribution for p in placed]
        last: dict[str, str] = {}
        for one in stated:
            if one.source and not one.withdraw:
                last[one.source] = max(one.order, last.get(one.source, ""))
        withdrawn = await self._withdrawals.of(root, last)
        state = fold(root, stated, withdrawn)
        if state.type == "Observation" and state.parent is not None and state.slots.get("status") == "corrected":
            state = fold(root, stated, withdrawn, await self._unfinal(placed))
        return state

    async def _unfinal(self, rows: Sequence[Placed]) -> frozenset[str]:
        """The order keys of the rows of a result before which it was never final, by what is stated of its reports."""
        parents = (placed.contribution.parent for placed in rows)
        reports = dict.fromkeys(parent.reference for parent in parents if parent is not None)
        return unfinal(rows, {report: await self._statements.about(report) for report in reports})

    async def standing_for(self, root: str) -> str:
        """The root under which `root` is written: itself, unless it is an alias."""
        return (await self._heads(root))[-1]

    async def _heads(self, root: str) -> list[str]:
        """The roots under which what is stated about `root` is folded: itself, and those that it stands for."""
        found = [root]
        while self.aliased or root.startswith("Patient/"):
            redirect = await self.redirects.of(found[-1])
            if redirect is None or redirect.kind != "alias" or redirect.target in found:
                break
            found.append(redirect.target)
        return found

    async def led_elsewhere(self, root: str, head: str) -> None:
        """A root was folded under `head` and is no more: there is no prefix of that; by itself the root may have no row
        yet, although something is stated about it."""
        if head.startswith(STAYING):
            await self._statements.void(head)
        self._statements.read_anew(root)
        self._freed.add(root)

    async def key_of(self, root: str) -> Key | None:
        """The key of a root that is there to hang on; None when it is not."""
        return await self._statements.key_of(root) if await self.exists(root) else None

    async def parts_about(self, root: str) -> list[tuple[str, int]]:
        """The items and parts that state something about a root."""
        return [(placed.item, placed.part) for placed in await self._statements.about(root, read=True)]

    async def stated_by(self, item: str) -> list[str]:
        """The roots that an item states something about."""
        rows = await self._tx.select(CONTRIBUTION, {"item": item})
        return list(dict.fromkeys(str(row["root"]) for row in rows))

    async def take_back(self, item: str) -> list[str]:
        """Remove all that an item stated, and read everything anew; returns the roots that it was about."""
        roots = await self.stated_by(item)
        for root in roots:
            for head in await self._heads(root) if root.startswith(STAYING) else ():
                await self._statements.void(head)
        await self._tx.remove(CONTRIBUTION, {"item": item})
        await self.redirects.take_back(item)
        self._statements.forget()
        self._withdrawals.forget(*roots)
        self._known.clear()
        self._taken.update(roots)
        return roots

    async def forget(self, root: str) -> bool:
        """Forget a root that nothing is stated about any more; whether that is so."""
        if await self._tx.select(CONTRIBUTION, {"root": root}, limit=1):
            return False
        await self._tx.remove(ROOT, {"root": root})
        self._known[root] = None
        return True

    async def save(self, state: Folded) -> Known:
        """Write what is known of a root after folding it."""
        known = known_of(state)
        self._known[state.reference] = known
        await self._tx.upsert(
            ROOT,
            {
                "root": state.reference,
                "parent": known.parent,
                "subject": known.subject,
                "first_order": state.first_order,
                "last_order": known.last_order,
                "state": known.state,
                "digest": known.digest,
            },
        )
        return known

    async def children(self, root: str) -> Sequence[Child]:
        """The roots that hang on `root` and exist."""
        rows = await self._tx.select(ROOT, {"parent": root})
        return [
            Child(str(row["root"]), str(row["first_order"] or row["last_order"]), row["state"] == REVOKED)
            for row in rows
            if row["state"] != PENDING
        ]

    async def about(self, subject: str) -> list[str]:
        """The roots whose stated subject is `subject` or leads there."""
        found = [str(row["root"]) for row in await self._tx.select(ROOT, {"subject": subject})]
        for source in await self.redirects.sources(subject):
            found += await self.about(source)
        return found


def _fold_until(order: str, root: str, stated: Sequence[Contribution]) -> Folded | None:
    """The fold of what is stated up to an order key; members that only younger statements have are unstated."""
    applied = [one for one in stated if one.order <= order]
    if not applied:
        return None
    state = fold(root, applied)
    members = (member.key.reference for one in stated for member in one.members)
    state.unstated = [one for one in dict.fromkeys(members) if one not in state.members]
    return state
