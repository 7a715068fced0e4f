"""Prefix: what the older contributions about a root come to, so that a younger one needs no reading of them again.

The sequence of a fold is: the earliest seed, then the lowest tier in order of the order keys, then the next tier, and
so on. A prefix is the state after the seed and those of the lowest tier up to an order key, `upto`; what higher tiers
said until then waits beside it, because it comes after everything that the lowest tier will ever say. With all
contributions above `upto` the fold is the one of all contributions. Where that is not certain, `admits` says no: a
seed that is earlier than the one applied, a statement before the seed, a tier below the lowest, a withdrawal, which
looks back at what is folded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hie.base.draft import Contribution
from hie.fold.fold import Folded, counts, step

Place = tuple[int, str, str, str, int, int]
"""Where a contribution stands among those that are no seeds, or among the seeds."""


class Placed(NamedTuple):
    """A contribution and what decides between equal order keys: its item, part and number."""

    contribution: Contribution
    item: str
    part: int
    n: int

    @property
    def order(self) -> str:
        """The order key."""
        return self.contribution.order

    @property
    def place(self) -> Place:
        """Tier, order key, digest, item, part, number."""
        said = self.contribution
        return said.tier, said.order, said.digest, self.item, self.part, self.n


def arrival_free(placed: Placed) -> tuple[str, str, int, int]:
    """The order in which contributions are handed to a fold, whatever the order of arrival; a sort key."""
    return placed.order, placed.item, placed.part, placed.n


@dataclass(slots=True)
class Prefix:
    """See the module. `fresh`: all so far was taken back; `seed` is the earliest, whether it counts or not; `tier` is
    the lowest, None when only a seed was applied; `waiting` are contributions of higher tiers up to `upto`; `aliases`
    the roots whose contributions are in it too."""

    state: Folded
    fresh: bool = False
    seed: Place | None = None
    tier: int | None = None
    upto: str = ""
    waiting: list[Placed] = field(default_factory=list)
    aliases: frozenset[str] = frozenset()

    def admits(self, later: Iterable[Placed]) -> bool:
        """Whether the prefix holds together with these: all others than those that it covers."""
        return all(self._admits(placed) for placed in later)

    def _admits(self, placed: Placed) -> bool:
        said = placed.contribution
        if said.withdraw or placed.order <= self.upto:
            return False
        if said.seed:
            return self.seed is not None and self.seed <= placed.place
        if said.exists and self.seed is not None and placed.order < self.seed[1]:
            return False
        return self.tier is None or self.tier <= said.tier

    def extend(self, later: Sequence[Placed], upto: str) -> None:
        """Cover those of `later`, which are admitted, up to an order key; the lowest tier is that of all of them, so
        that those which are not covered are admitted too."""
        covered = [placed for placed in later if placed.order <= upto]
        self._span(covered)
        said = self.waiting + [placed for placed in covered if not placed.contribution.seed]
        if self.tier is None:
            stated = [*self.waiting, *(placed for placed in later if not placed.contribution.seed)]
            self.tier = min((placed.contribution.tier for placed in stated), default=None)
        self.waiting = [placed for placed in said if placed.contribution.tier != self.tier]
        self._apply([placed for placed in said if placed.contribution.tier == self.tier])
        self.upto = upto

    def fold(self, later: Sequence[Placed]) -> Folded:
        """The fold of all contributions, the prefix's and `later`, which are admitted; the prefix is used up."""
        self._span(later)
        self._apply(self.waiting + [placed for placed in later if not placed.contribution.seed])
        return self.state

    def _apply(self, placed: Iterable[Placed]) -> None:
        for one in sorted(placed, key=lambda one: one.place):
            self.fresh = step(self.state, one.contribution, fresh=self.fresh)

    def _span(self, placed: Sequence[Placed]) -> None:
        orders = [one.order for one in placed]
        if self.state.first_order:
            orders.append(self.state.first_order)
        self.state.first_order = min(orders, default="")
        stated = [one.order for one in placed if not one.contribution.seed]
        self.state.last_order = max([*stated, self.state.last_order])


def begin(root: str, placed: Sequence[Placed], upto: str) -> Prefix | None:
    """The prefix of all contributions about `root` up to an order key; None when one of them is a withdrawal."""
    if any(one.contribution.withdraw for one in placed):
        return None
    kind, _, identity = root.partition("/")
    key = placed[0].contribution.target
    prefix = Prefix(Folded(kind, identity, key.region, key.organisation))
    seed = min((one for one in placed if one.contribution.seed), key=lambda one: one.place, default=None)
    if seed is not None:
        prefix.seed = seed.place
        if counts(seed.contribution, [one.contribution for one in placed if not one.contribution.seed]):
            prefix.fresh = step(prefix.state, seed.contribution, fresh=False)
    prefix.extend(placed, upto)
    return prefix
