"""The tables of staging and of the fold, declared once for every store."""

from hie.store.table import Table

RAW_ITEM = Table(
    "raw_item",
    {
        "id": str,
        "feed": str,
        "door": str,
        "received": int,
        "sha256": str,
        "size": int,
        "state": str,
        "attempts": int,
        "due": int,
        "disposition": str,
        "findings": bytes,
        "answer": bytes,
        "answer_type": str,
        "answer_status": int,
        "organisation": str,
        "maps": str,
        "body": bytes,
    },
    key=("id",),
    indexes=(("state", "due"), ("feed", "received")),
)
"""Raw items. `received` and `due` are microseconds since the epoch; `answer` is the saved answer. `organisation` is the
sender under which the item is counted, None while it is not; `maps` the version of the maps it was settled with."""

PART = Table(
    "part",
    {
        "item": str,
        "part": int,
        "feed": str,
        "label": str,
        "key": str,
        "sha256": str,
        "message": str,
        "disposition": str,
        "cause": str,
        "findings": bytes,
        "resources": bytes,
        "waits": str,
        "received": int,
        "organisation": str,
        "maps": str,
    },
    key=("item", "part"),
    indexes=(("feed", "sha256"), ("feed", "message"), ("disposition", "received", "item", "part"), ("waits",)),
)
"""Parts of raw items. `cause` is the code of the gravest finding, `resources` what the part is about, written or not,
`waits` the root an orphan waits for, `organisation` the sender under which the part is counted, None for a copy; `maps`
the version of the maps it was processed with."""

CONTRIBUTION = Table(
    "contribution",
    {"root": str, "ord": str, "item": str, "part": int, "n": int, "source": str, "body": bytes},
    key=("root", "ord", "item", "part", "n"),
    indexes=(("item", "part"), ("source",)),
)
"""What each part stated about each root; `source` is the document that it comes from, if any."""

PREFIX = Table("prefix", {"root": str, "upto": str, "rules": str, "body": bytes}, key=("root",))
"""What the contributions about a root up to an order key come to, where there are many; without a body when one came
that belongs before it. `rules` says which rules folded them."""

MENTION = Table("mention", {"target": str, "root": str}, key=("target", "root"))
"""Roots that mention a resource whose reference is settled when they are written."""

ROOT = Table(
    "root",
    {
        "root": str,
        "parent": str,
        "subject": str,
        "first_order": str,
        "last_order": str,
        "state": str,
        "digest": str,
    },
    key=("root",),
    indexes=(("parent",), ("subject",)),
)
"""Roots: `first_order` is that of the first statement, which gives a result its place in a report; `state` is live,
restored (live again), moved (live, under another parent before), revoked or pending; `parent` and `subject` as
stated."""

REDIRECT = Table(
    "redirect",
    {"source": str, "target": str, "ord": str, "kind": str, "item": str},
    key=("source", "target"),
    indexes=(("target",), ("item",)),
)
"""References that stand for another: `alias` (one patient under two keys) or `merge`; `together`: two numbers of one
patient, whoever that is. `item` is the one that says so under the least order key."""

COUNTER = Table("counter", {"name": str, "n": int}, key=("name",))
"""Counters by feed and day: items received, duplicates, what became of items when they came, items replayed."""

AUDIT = Table(
    "audit",
    {"id": str, "at": int, "action": str, "target": str, "principal": str, "reason": str},
    key=("id",),
    indexes=(("at",),),
)
"""What operators did to items: release, discard, replay."""

TALLY = Table(
    "tally",
    {"day": str, "feed": str, "organisation": str, "state": str, "body": bytes},
    key=("day", "feed", "organisation"),
    indexes=(("state", "day"),),
)
"""What quality is judged by, per day, feed and sending organisation; see `hie.staging.tallies`."""

TABLES = (RAW_ITEM, PART, CONTRIBUTION, PREFIX, MENTION, ROOT, REDIRECT, COUNTER, AUDIT, TALLY)
"""All of them, for the store to create."""
