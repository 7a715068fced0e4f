"""Score: what the exchange said and linked, against the truth; sums only, nothing about a person.

A truth may tell a part only (a run that was stopped, or went through some doors), and a store may hold other things.
So links are judged between records that both know, and what cannot be judged is counted by itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

from hie.simulate.answers import Said

Pair = tuple[str, str]
"""Two Patients, in order of their references."""


@dataclass
class Score:
    """Sums over a truth file.

    `right`: items whose disposition and findings are what the truth says. `faults`: fault -> (items, of which right).
    `wrong`: what was said instead -> how often. `unknown`: items that the exchange does not have. `unread`: door ->
    items whose answers nobody here can read. `beside`: feed -> items of the exchange that the truth does not tell of.
    `linked` are all pairs that the exchange has linked.
    """

    items: int = 0
    right: int = 0
    unknown: int = 0
    faults: dict[str, tuple[int, int]] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    beside: Counter[str] = field(default_factory=Counter)
    linked: set[Pair] = field(default_factory=set)
    _numbers: set[int] = field(default_factory=set)
    _told: set[int] = field(default_factory=set)
    _people: set[int] = field(default_factory=set)
    _sent: set[str] = field(default_factory=set)
    _known: set[str] = field(default_factory=set)
    _sharing: set[Pair] = field(default_factory=set)
    _records: list[list[str]] = field(default_factory=list)

    def item(self, line: Mapping[str, Any], said: Said | None, *, readable: bool = True) -> None:
        """Count one item line and the saved answer to it, if it is `readable`. A duplicate's answer is the first one,
        which was counted."""
        self._numbers.add(line["item"])
        self._people.add(line["person"])
        self._sent.add(line["patient"])
        if line["status"] == "duplicate":
            return
        if not readable:
            self.unread[line["door"]] += 1
            return
        self.items += 1
        if said is None:
            self.unknown += 1
            return
        status, findings = said
        expected = frozenset(line["findings"])
        right = status == line["status"] and expected <= findings <= expected | frozenset(line["perhaps"])
        self.right += right
        fault = line["wrong"] or "-"
        all_, good = self.faults.get(fault, (0, 0))
        self.faults[fault] = (all_ + 1, good + right)
        if not right:
            self.wrong[f"{fault}: {status} {' '.join(sorted(findings))}"] += 1

    def person(self, line: Mapping[str, Any]) -> None:
        """Count one person line: the pairs that share a number, and all pairs of the person's records."""
        self._told.add(line["person"])
        self._known |= {one["patient"] for one in line["records"]}
        self._sharing |= pairs(line["linked"])
        self._records.append([one["patient"] for one in line["records"] if not one.get("mergedInto")])

    @property
    def lost_items(self) -> int:
        """Lines of items that are missing between others."""
        return max(self._numbers, default=0) - len(self._numbers)

    @property
    def lost_people(self) -> int:
        """People that items are about, or whose numbers lie between others, and that have no line."""
        return len((self._people | {*range(max(self._told, default=-1) + 1)}) - self._told)

    @cached_property
    def linkable(self) -> set[Pair]:
        """The pairs that share a number, of records that something was sent about."""
        return {pair for pair in self._sharing if self._sent.issuperset(pair)}

    @cached_property
    def found(self) -> set[Pair]:
        """The pairs that were linked, of records that the truth tells of."""
        return {pair for pair in self.linked if self._known.issuperset(pair)}

    @cached_property
    def same(self) -> int:
        """All pairs of one person's records that something was sent about."""
        return sum(len(sent) * (len(sent) - 1) // 2 for sent in (self._sent & {*some} for some in self._records))

    @property
    def precision(self) -> float:
        """Of the pairs that were linked, those of one person who shares a number; 1 when nothing was linked."""
        return len(self.found & self.linkable) / len(self.found) if self.found else 1.0

    @property
    def recall(self) -> float:
        """Of the pairs that share a number, those that were linked; 1 when there are none."""
        return len(self.found & self.linkable) / len(self.linkable) if self.linkable else 1.0

    @property
    def reach(self) -> float:
        """Of all pairs of records of one person, with or without a number, those that were linked."""
        return len(self.found & self.linkable) / self.same if self.same else 1.0

    @property
    def perfect(self) -> bool:
        """Whether everything is what the truth says, and the truth tells it all up to its last line."""
        whole = not (self.lost_items or self.lost_people or self.unread)
        return whole and self.right == self.items and self.found == self.linkable


def pairs(groups: Iterable[Iterable[str]]) -> set[Pair]:
    """Every pair within a group."""
    return {pair for group in groups for pair in combinations(sorted(group), 2)}
