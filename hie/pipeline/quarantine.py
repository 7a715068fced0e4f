"""Quarantine: what waits for a decision, and its groups: parts of one feed and type that wait for one reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from hie.base.finding import Disposition, Finding
from hie.pipeline.codec import decode_findings
from hie.pipeline.items import number
from hie.staging.states import State
from hie.staging.tables import PART, RAW_ITEM
from hie.store.port import Reader
from hie.store.table import Row

MOST_HELD = 20_000
"""How many parts are looked at, the oldest first; a quarantine that holds more is worked off from its beginning."""

ORPHAN_DAYS = 7
"""How long an orphan may wait for its parent before operators are told (Qingpu §3.1)."""

_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Held:
    """One quarantined part: which item and part, since when (microseconds), its cause and findings; no patient data.

    `label` is the message type, document code or table; `rule` the quality rule behind the cause, if one is; `maps` the
    version of the maps that it was processed with.
    """

    item: str
    part: int
    feed: str
    label: str
    received: int
    cause: str
    findings: tuple[Finding, ...]
    rule: str = ""
    maps: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """Why something is held: what the parts of one group have in common."""

    feed: str
    label: str
    cause: str
    rule: str
    maps: str


GROUND = tuple(one.name for one in fields(Ground))
"""The names under which a ground is sent: in addresses, forms and bodies."""


@dataclass(frozen=True, slots=True)
class Group:
    """Parts that are held on one ground: how many, since when (microseconds, the oldest and the newest), at which
    places of the source their cause stands."""

    ground: Ground
    count: int
    oldest: int
    newest: int
    paths: tuple[str, ...]


async def held(reader: Reader, wanted: Mapping[str, str | None] | None = None) -> list[Held]:
    """What lies in quarantine, oldest first: parts, and items that were quarantined as a whole. `wanted` narrows by
    fields of `Held` (`feed`, `label`, `cause`, `rule`, `maps`); None there: any."""
    where = {"disposition": Disposition.QUARANTINED.value}
    rows = await reader.select(PART, where, order=("received",), limit=MOST_HELD)
    found = [_part(row) for row in rows]
    seen = {one.item for one in found}
    for item in await reader.select(RAW_ITEM, {"state": State.QUARANTINED.value}, limit=MOST_HELD):
        if item["id"] not in seen:
            found.append(_item(item))
    found.sort(key=lambda one: (one.received, one.item, one.part))
    given = {name: value for name, value in (wanted or {}).items() if value is not None}
    return [one for one in found if all(getattr(one, name) == value for name, value in given.items())]


def overdue(parts: Iterable[Held], now: int) -> list[Held]:
    """Orphans whose parent has not come within `ORPHAN_DAYS` at `now` (microseconds). They stay held; it is time to ask
    the sender."""
    before = now - ORPHAN_DAYS * _DAY
    return [one for one in parts if one.cause == "orphan-reference" and one.received <= before]


def ground(one: Held) -> Ground:
    """Why a part is held."""
    return Ground(one.feed, one.label, one.cause, one.rule, one.maps)


def groups(parts: Iterable[Held]) -> list[Group]:
    """The groups of what is held, largest first."""
    found: dict[Ground, list[Held]] = {}
    for one in parts:
        found.setdefault(ground(one), []).append(one)
    made = [_group(key, members) for key, members in found.items()]
    return sorted(made, key=lambda group: (-group.count, group.oldest))


def _group(key: Ground, members: list[Held]) -> Group:
    paths = dict.fromkeys(f.path for one in members for f in one.findings if f.code == key.cause and f.path)
    times = [one.received for one in members]
    return Group(key, len(members), min(times), max(times), tuple(paths))


def _part(row: Row) -> Held:
    findings = decode_findings(row["findings"])
    return Held(
        str(row["item"]),
        number(row["part"]),
        str(row["feed"]),
        str(row["label"]),
        number(row["received"]),
        str(row["cause"]),
        findings,
        next((f.rule for f in findings if f.code == row["cause"]), ""),
        str(row["maps"] or ""),
    )


def _item(row: Row) -> Held:
    findings = decode_findings(row["findings"])
    gravest = max(findings, key=lambda f: f.severity.rank, default=None)
    cause, rule = (gravest.code, gravest.rule) if gravest is not None else ("internal-error", "")
    received = number(row["received"])
    return Held(str(row["id"]), 0, str(row["feed"]), "", received, cause, findings, rule, str(row["maps"] or ""))
