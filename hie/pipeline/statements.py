"""Statements in one transaction: the contributions about each root, and of those that grow old a prefix of the fold.

A Patient or a long stay is spoken of in hundreds of messages. From `MANY` contributions on what the older ones come to
is kept (`hie/fold/prefix.py`) and only the youngest are read. The prefix stays `BEHIND` contributions back, so that a
message that is a little late does not undo it, and is brought forward when `AHEAD` more have come. A contribution that
belongs before its end makes it void; then all are read, as if there had never been one.
"""

import inspect
from collections.abc import Iterable, Sequence

from hie.base import slots
from hie.base.draft import Contribution, Key
from hie.base.ids import sha256
from hie.fold import fold as rules
from hie.fold import prefix as beginnings
from hie.fold.fold import Folded, fold
from hie.fold.prefix import Placed, Prefix, arrival_free, begin
from hie.pipeline import codec
from hie.pipeline.codec import decode, decode_prefix, encode, encode_prefix, packed
from hie.pipeline.items import number
from hie.staging.tables import CONTRIBUTION, PREFIX
from hie.store.port import Transaction
from hie.store.table import Above, Row, Where

MANY, BEHIND, AHEAD = 12, 4, 4

STAYING = ("Patient/", "Encounter/")
"""Roots that stay when a document about them is withdrawn (Jiashan §5); only these have a prefix."""

RULES = sha256("".join(map(inspect.getsource, (slots, rules, beginnings, codec))).encode())[:16]
"""A prefix that was folded by other rules, or written in another shape, is not used."""


class Statements:
    """The contributions that one transaction reads and makes."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._made: dict[str, list[Placed]] = {}
        self._prefixes: dict[str, Row | None] = {}

    def none_yet(self, root: str) -> None:
        """Remember that nothing was stated about a root before: what is stated now need not be read back."""
        self._made[root] = []

    async def foresee(self, roots: Sequence[str]) -> None:
        """Have what is stated about these roots read together; of one with a prefix only that."""
        roots = [root for root in roots if root not in self._made]
        await self._tx.foresee(PREFIX, [{"root": root} for root in roots if root.startswith(STAYING)])
        whole = [root for root in roots if not root.startswith(STAYING) or await self._prefix(root) is None]
        await self._tx.foresee(CONTRIBUTION, [{"root": root} for root in whole])

    def read_anew(self, root: str) -> None:
        """Read what is stated about a root anew: there may be more than seemed."""
        self._made.pop(root, None)

    def forget(self) -> None:
        """Read everything anew: rows were removed."""
        self._made.clear()
        self._prefixes.clear()

    async def add(
        self, item: str, part: int, n: int, root: str, contribution: Contribution, heads: Sequence[str] = ()
    ) -> None:
        """Keep one contribution. `heads` are the roots under which it is folded, and whose prefix it may make void."""
        if root in self._made:
            self._made[root].append(Placed(contribution, item, part, n))
        for head in heads:
            row = await self._prefix(head) if len(heads) > 1 or head not in self._made else None
            if row is not None and contribution.order <= str(row["upto"]):
                await self.void(head)
        row = {"root": root, "ord": contribution.order, "item": item, "part": part, "n": n}
        source = contribution.source or None
        await self._tx.upsert(CONTRIBUTION, {**row, "source": source, "body": packed(encode(contribution))})

    async def void(self, root: str) -> None:
        """Do not use the prefix of a root any more."""
        if await self._prefix(root) is not None:
            self._prefixes[root] = None
            await self._tx.upsert(PREFIX, {"root": root, "upto": "", "rules": "", "body": None})

    async def about(self, root: str, aliases: Iterable[str] = (), *, read: bool = False) -> list[Placed]:
        """All contributions about a root and its aliases, in an order that does not depend on arrival; `read`: those
        about the root are read in any case."""
        found = self._made[root] if root in self._made and not read else await self._rows({"root": root})
        for alias in aliases:
            found = found + await self._rows({"root": alias})
        return sorted(found, key=arrival_free)

    async def key_of(self, root: str) -> Key | None:
        """The key of a root that something is stated about, by one of the statements."""
        rows = await self._tx.select(CONTRIBUTION, {"root": root}, limit=1)
        return decode(rows[0]["body"]).target if rows else None

    async def fold(self, root: str, aliases: Sequence[str] = (), *, read: bool = False) -> Folded | None:
        """The fold of all contributions about a root that no withdrawn document takes along; None without any."""
        if root in self._made and not read:
            found = await self.about(root, aliases)
            return fold(root, [placed.contribution for placed in found]) if found else None
        return await self._by_prefix(root, aliases) or await self._as_a_whole(root, aliases)

    async def _by_prefix(self, root: str, aliases: Sequence[str]) -> Folded | None:
        """The fold of the prefix that is kept and of what is younger, if there is one that holds; it is brought forward
        when it lies far behind."""
        row = await self._prefix(root)
        if row is None or row["rules"] != RULES:
            return None
        prefix = decode_prefix(row["body"], str(row["upto"]))
        if not prefix.aliases <= set(aliases):
            return None
        later = await self._later(root, aliases, prefix)
        if not prefix.admits(later):
            return None
        if len(later) >= BEHIND + AHEAD:
            prefix.extend(later, _boundary(later))
            later = await self._keep(root, aliases, prefix, later)
        return prefix.fold(later)

    async def _as_a_whole(self, root: str, aliases: Sequence[str]) -> Folded | None:
        """The fold of all; of many a prefix is kept from now on."""
        found = await self.about(root, aliases, read=True)
        begun = begin(root, found, _boundary(found)) if len(found) >= MANY else None
        if begun is not None and begun.upto:
            later = [placed for placed in found if placed.order > begun.upto]
            if begun.admits(later):
                await self._keep(root, aliases, begun, later)
                return begun.fold(later)
        return fold(root, [placed.contribution for placed in found]) if found else None

    async def _later(self, root: str, aliases: Iterable[str], prefix: Prefix) -> list[Placed]:
        """The contributions that a prefix does not cover."""
        found = await self._rows({"root": root, "ord": Above(prefix.upto)})
        for alias in aliases:
            covered = alias in prefix.aliases
            found += await self._rows({"root": alias, "ord": Above(prefix.upto)} if covered else {"root": alias})
        return sorted(found, key=arrival_free)

    async def _keep(self, root: str, aliases: Iterable[str], prefix: Prefix, placed: Sequence[Placed]) -> list[Placed]:
        """Write a prefix; returns those of `placed` that it does not cover."""
        prefix.aliases = frozenset(aliases)
        row: Row = {"root": root, "upto": prefix.upto, "rules": RULES, "body": packed(encode_prefix(prefix))}
        self._prefixes[root] = row
        await self._tx.upsert(PREFIX, row)
        return [one for one in placed if one.order > prefix.upto]

    async def _prefix(self, root: str) -> Row | None:
        """The prefix of a root that was not made void."""
        if root not in self._prefixes:
            row = await self._tx.get(PREFIX, root)
            self._prefixes[root] = None if row is None or row["body"] is None else row
        return self._prefixes[root]

    async def _rows(self, where: Where) -> list[Placed]:
        return [
            Placed(decode(row["body"]), str(row["item"]), number(row["part"]), number(row["n"]))
            for row in await self._tx.select(CONTRIBUTION, where)
        ]


def _boundary(placed: Sequence[Placed]) -> str:
    """The order key of the last contribution but `BEHIND`."""
    return placed[-BEHIND - 1].order
