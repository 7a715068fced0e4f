"""A feed at run time: its adapter with the functions of its dialect, bound together by `hie/app`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from hie.base.draft import Draft
from hie.base.finding import Finding
from hie.base.outcome import Answer, ItemOutcome
from hie.base.record import Delivery, Parsed, Record
from hie.plugin import Adapter, Feed


@dataclass(frozen=True)
class FeedRuntime:
    """What the pipeline needs of one feed.

    `parse` and `draft` are pure; `check` is the quality stage: it returns the draft, amended where a rule leaves a
    value out, and its findings; `answers` is keyed by door; `repeat` turns a saved answer into that of a duplicate.
    """

    feed: Feed
    adapter: Adapter
    parse: Callable[[Delivery], Parsed]
    draft: Callable[[Record, Delivery], Draft]
    check: Callable[[Draft, Record], tuple[Draft, tuple[Finding, ...]]]
    answers: dict[str, Callable[[ItemOutcome, datetime], Answer]]
    repeat: Callable[[Answer, str], Answer]
    maps: str

    @property
    def region(self) -> str:
        """The region code of the adapter."""
        return self.adapter.region
