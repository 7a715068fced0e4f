"""Predicates: named questions that rules ask, made ready with the options of a rule when rules are loaded.

A predicate of scope `resource` is asked about one stated resource, one of scope `document` about a whole draft (one
message, document or row). Both say whether the rule holds. One of scope `amend` gives the draft that the clause asks
for when the rule is broken (a value left out), else None. One of scope `claims` says what must not contradict what is
stored (the patient of a visit that was sent before); the pipeline holds it against that.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hie.base.draft import Claim, Draft
from hie.quality.about import About, Stated

ResourceTest = Callable[[Stated, About], bool]
DocumentTest = Callable[[About], bool]
Amendment = Callable[[Draft], Draft | None]
ClaimTest = Callable[[About], Iterable[Claim]]
HourCounts = Mapping[datetime, int]
"""Items by the hour in which they came."""

FeedTest = Callable[[HourCounts, datetime], bool]
Test = ResourceTest | DocumentTest | Amendment | ClaimTest | FeedTest


@dataclass(frozen=True, slots=True)
class Predicate:
    """`make` takes the options of a rule as keywords and gives the test; it raises `ValueError` for a wrong option.

    `elements` names the options that hold element paths; `table` says that the option `table` is a CSV file of the
    rules' folder, handed over as its rows; `terms` says that `make` takes `member_of`, which tells value sets.
    """

    scope: str
    make: Callable[..., Any]
    elements: Sequence[str] = ()
    table: bool = False
    terms: bool = False
