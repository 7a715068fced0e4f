"""Wujiang messages for tests: written with `|` and line ends, mapped with the shipped tables."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from adapters.wujiang import adapter
from hie.base.data import data_path
from hie.base.draft import Contribution, Draft
from hie.base.record import Delivery, Parsed
from hie.mapping.apply import MapSet
from hie.parse.hl7v2 import parse

FEED = "wujiang-hl7v2"
WJYY = "12320509MBHE01015B"
WJZY = "12320509MBHE010236"
RECEIVED = datetime(2026, 4, 2, 0, 0, tzinfo=UTC)
PID = "PID|1||L1^^^^LocalID||张三||19800102|M"


@cache
def maps() -> MapSet:
    """The shipped tables, compiled once."""
    return MapSet.load(data_path("mappings"), [adapter])


def message(event: str, *segments: str, organisation: str = f"WJYY^{WJYY}^USCC", **header: str) -> bytes:
    """A message; `header` overrides MSH fields by number (`f11="T"`)."""
    fields = {
        3: "HIS",
        4: organisation,
        5: "HIE",
        6: "YRD",
        7: "20260401120000",
        9: event,
        10: "C1",
        11: "P",
        12: "2.4",
        17: "CHN",
        18: "UNICODE UTF-8",
    }
    fields |= {int(name[1:]): value for name, value in header.items()}
    msh = "MSH|^~\\&|" + "|".join(fields.get(n, "") for n in range(3, max(fields) + 1))
    kind = event.partition("^")[2]
    evn = [f"EVN|{kind}|20260401115900"] if event.startswith("ADT") else []
    return "".join(line + "\r" for line in [msh, *evn, *segments]).encode()


def delivery(body: bytes) -> Delivery:
    """The body as an item of the feed."""
    return Delivery("raw-1", FEED, "http", RECEIVED, body)


def parsed(body: bytes) -> Parsed:
    """The body after parsing."""
    return parse(delivery(body), adapter, maps().needs(FEED))


def drafts(body: bytes) -> list[Draft]:
    """The drafts of all records of a body."""
    item = delivery(body)
    return [maps().draft(record, item, adapter) for record in parsed(body).records]


def draft(body: bytes) -> Draft:
    """The draft of a single message."""
    (only,) = drafts(body)
    return only


def codes(found: Draft) -> list[str]:
    """The finding codes above info."""
    return [f.code for f in found.findings if f.severity.rank]


def stated(found: Draft, type: str) -> Contribution:
    """The first contribution about a resource of that type."""
    return next(c for c in found.contributions if c.target.type == type)


def slots(found: Draft, type: str) -> Mapping[str, Any]:
    """The slots of the first contribution about a resource of that type."""
    return stated(found, type).slots


def pv1(**fields: str) -> str:
    """PV1 with the fields given by number (`f2="I"`), visit V1 unless PV1-19 is overridden."""
    values = {2: "I", 19: "V1"} | {int(name[1:]): value for name, value in fields.items()}
    return "PV1|" + "|".join(values.get(n, "") for n in range(1, max(values) + 1))
