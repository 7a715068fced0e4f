"""Coverage at work: parts by type, types that no map covers by sender and day, fields that no map mentions."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hie.base.tally import Tally
from hie.staging.tallies import OTHERS


def coverage_json(found: Sequence[Tally]) -> dict[str, Any]:
    """Tallies as JSON: `feeds` by type, `unmapped` one row for each day, feed, sender and type that no map covers.

    A sender that is not registered is empty; the type `…` stands for all that there was no room to name.
    """
    feeds: dict[str, dict[str, Any]] = {}
    for one in found:
        for kind, n in one.types.items():
            row = _row(feeds, one.feed, kind)
            row["parts"] += n
        for kind, n in one.unmapped.items():
            _row(feeds, one.feed, kind)["unmapped"] += n
        for (kind, path), n in one.unknown.items():
            _row(feeds, one.feed, kind)["unknownFields"][path or OTHERS] += n
    return {
        "feeds": {feed: dict(sorted(types.items())) for feed, types in sorted(feeds.items())},
        "unmapped": [
            {"day": one.day, "feed": one.feed, "organisation": one.organisation, "type": kind, "parts": n}
            for one in found
            for kind, n in sorted(one.unmapped.items())
        ],
    }


def _row(feeds: dict[str, dict[str, Any]], feed: str, kind: str) -> dict[str, Any]:
    new: dict[str, Any] = {"parts": 0, "unmapped": 0, "unknownFields": Counter()}
    found: dict[str, Any] = feeds.setdefault(feed, {}).setdefault(kind, new)
    return found
