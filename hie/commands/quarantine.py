"""Quarantine commands: groups of what is held, and acts on whole groups."""

import re
from datetime import datetime, timedelta
from typing import Any

from hie.base.clock import SystemClock
from hie.base.errors import Category, HieError
from hie.commands.operate import call
from hie.config import Config
from hie.pipeline.quarantine import GROUND

_ID = re.compile("[0-9A-Za-z-]+")
GROUPS = "/admin/quarantine-groups"


async def groups(config: Config, wanted: dict[str, str | None]) -> list[dict[str, Any]]:
    """The groups that have every wanted value (`feed`, `label`, `cause`, `maps`; None: any), largest first."""
    narrowed = {name: wanted.get(name) for name in ("feed", "cause")}
    found: list[dict[str, Any]] = await call(config, "GET", GROUPS, narrowed)
    return [one for one in found if all(value in (None, one[name]) for name, value in wanted.items())]


def address(item: str) -> str:
    """The admin address of a raw item; raises INVALID for what cannot be the beginning of an id."""
    if not _ID.fullmatch(item):
        raise HieError(Category.INVALID, f"{item[:64]!r} is no id of a raw item: hie quarantine list shows them.")
    return f"/admin/quarantine/{item}"


async def decide(
    config: Config,
    action: str,
    item: str | None,
    part: int | None,
    wanted: dict[str, str | None],
    reason: str | None = None,
) -> dict[str, int]:
    """Release or discard an item or a `part` of it, or without one the groups that are `wanted`, as `act`; returns how
    many items ended in which state. Raises INVALID for what goes with the other of the two."""
    if item is None:
        if part is not None:
            raise HieError(Category.INVALID, "--part is of one item: name that as well.")
        return await act(config, action, wanted, reason)
    if narrowed := [f"--{name}" for name, value in wanted.items() if value is not None]:
        raise HieError(Category.INVALID, f"Name either an item, or groups by {', '.join(narrowed)}.")
    body = None if reason is None else {"reason": reason}
    return {(await call(config, "POST", f"{address(item)}/{action}", {"part": part}, body))["state"]: 1}


async def act(config: Config, action: str, wanted: dict[str, str | None], reason: str | None = None) -> dict[str, int]:
    """Release or discard the groups that have every wanted value; returns how many items ended in which state."""
    if not any(wanted.values()):
        raise HieError(Category.INVALID, "Name an item, or at least one of --feed, --cause, --label and --maps.")
    ended: dict[str, int] = {}
    for group in await groups(config, wanted):
        body = {name: group[name] for name in GROUND} | ({"reason": reason} if reason is not None else {})
        for state, n in (await call(config, "POST", f"{GROUPS}/{action}", {}, body)).items():
            ended[state] = ended.get(state, 0) + n
    return ended


def age(since: str) -> str:
    """How long ago an instant was, in the largest whole unit: `3 d`, `5 h`, `12 min`."""
    passed = SystemClock().now() - datetime.fromisoformat(since)
    for unit, length in (("d", timedelta(days=1)), ("h", timedelta(hours=1))):
        if passed >= length:
            return f"{passed // length} {unit}"
    return f"{passed // timedelta(minutes=1)} min"
