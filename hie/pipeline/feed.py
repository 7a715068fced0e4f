"""A feed at run time: its adapter with the functions of its dialect, bound together by `hie/app`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from hie.base.draft import Draft
from hie.base.finding import Finding, Severity
from hie.base.outcome import Answer, ItemOutcome
from hie.base.record import Delivery, Parsed, Record
from hie.base.resource import Resource
from hie.plugin import Adapter, Feed


def no_dimension(_: Finding) -> str:
    """The dimension of a finding on a feed without rules."""
    return ""


def no_shape(_: Any, __: str) -> str:
    """The shape of a value on a feed whose paths nobody reads."""
    return ""


def no_profiles(_: Resource) -> tuple[str, ...]:
    """What resources say in `meta.profile` where profiles are off: nothing."""
    return ()


def no_outline(_: Any) -> list[str]:
    """The outline of a tree that nobody can read."""
    return []


def as_it_is(answer: Answer) -> Answer:
    """The `shown` of feeds whose answers say nothing of patients."""
    return answer


@dataclass(frozen=True)
class FeedRuntime:
    """What the pipeline needs of one feed.

    `parse` and `draft` are pure; `check` is the quality stage: of a draft, its record and the time of reception it
    returns the draft, amended where a rule leaves a value out, and its findings; `answers` is keyed by door; `repeat`
    turns a saved answer into that of a duplicate; `maps` is the version of its tables; `dimension` names the quality
    dimension that a finding counts against, `judged` are those that there are rules for; `rules` holds the sentences of
    every rule (zh, en); `shape` shows what the value at a source path looks like, `outline` the lines of a whole tree;
    `profiles` tells which profiles a resource conforms to, for its `meta.profile`; `shown` leaves out of an answer what
    only the sender may see.
    """

    feed: Feed
    adapter: Adapter
    parse: Callable[[Delivery], Parsed]
    draft: Callable[[Record, Delivery], Draft]
    check: Callable[[Draft, Record, datetime], tuple[Draft, tuple[Finding, ...]]]
    answers: dict[str, Callable[[ItemOutcome, datetime], Answer]]
    repeat: Callable[[Answer, str], Answer]
    maps: str
    dimension: Callable[[Finding], str] = no_dimension
    judged: frozenset[str] = frozenset()
    rules: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    shape: Callable[[Any, str], str] = no_shape
    outline: Callable[[Any], list[str]] = no_outline
    profiles: Callable[[Resource], tuple[str, ...]] = no_profiles
    shown: Callable[[Answer], Answer] = as_it_is

    @property
    def region(self) -> str:
        """The region code of the adapter."""
        return self.adapter.region

    @cached_property
    def organisations(self) -> frozenset[str]:
        """The social credit codes registered for the feed."""
        return frozenset(organisation.uscc for organisation in self.adapter.organisations)

    def weighed(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Findings with the dimension that each counts against; mere information counts against none."""
        return tuple(
            found if found.severity is Severity.INFO else replace(found, dimension=self.dimension(found))
            for found in findings
        )

    def sender(self, organisation: str) -> str:
        """The organisation that something is counted under: a registered one, else the empty one."""
        return organisation if organisation in self.organisations else ""

    def named(self, head: bytes) -> str:
        """The registered organisation whose code stands first in the beginning of an item, else the empty one."""
        found = ((head.find(code.encode()), code) for code in self.organisations)
        return min(((at, code) for at, code in found if at >= 0), default=(0, ""))[1]


def titles(feeds: Iterable[FeedRuntime]) -> dict[str, str]:
    """What adapters call their regions and feeds, by the keys that pages ask for (`region.hangzhou`, `feed.<door>`)."""
    named: dict[str, str] = {}
    for runtime in feeds:
        named[f"region.{runtime.adapter.region}"] = runtime.adapter.title
        named |= dict.fromkeys((f"feed.{door}" for door in runtime.feed.doors), runtime.feed.title)
    return named
