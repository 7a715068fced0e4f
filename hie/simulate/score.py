"""Score: what the exchange said and linked, against the truth; sums only, nothing about a person."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from hie.simulate.answers import Said

Pair = tuple[str, str]
"""Two Patients, in order of their references."""


@dataclass
class Score:
    """Sums over a truth file.

    `right`: items whose disposition and findings are what the truth says. `faults`: fault -> (items, of which right).
    `wrong`: what was said instead -> how often. `unknown`: items that the exchange does not have.
    """

    items: int = 0
    right: int = 0
    unknown: int = 0
    faults: dict[str, tuple[int, int]] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    linkable: set[Pair] = field(default_factory=set)
    same: int = 0
    found: set[Pair] = field(default_factory=set)

    def item(self, line: Mapping[str, Any], said: Said | None) -> None:
        """Count one item line and the saved answer to it. A duplicate's answer is the first one, which was counted."""
        if line["status"] == "duplicate":
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
        self.linkable |= pairs(line["linked"])
        records = len([one for one in line["records"] if not one.get("mergedInto")])
        self.same += records * (records - 1) // 2

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
        """Whether everything is what the truth says."""
        return self.right == self.items and self.found == self.linkable


def pairs(groups: Iterable[Iterable[str]]) -> set[Pair]:
    """Every pair within a group."""
    return {pair for group in groups for pair in combinations(sorted(group), 2)}
