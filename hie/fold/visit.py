"""The visit: status, period and location history of an Encounter as a table of events (Wujiang §3, §4.3)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hie.base.draft import Event
from hie.base.moment import read
from hie.base.slots import EARLY_END


class Step(NamedTuple):
    """What an event does: the status it sets (None: leaves it), and what happens to the location history."""

    status: str | None
    location: str


STEPS: Mapping[str, Step] = {
    "preadmit": Step("planned", "none"),
    "register": Step("in-progress", "enter"),
    "admit": Step("in-progress", "enter"),
    "transfer": Step(None, "enter"),
    "cancel-transfer": Step(None, "back"),
    "discharge": Step("finished", "none"),
    "cancel-discharge": Step("in-progress", "reopen"),
    "cancel": Step("cancelled", "none"),
    "to-inpatient": Step(None, "none"),
    "to-outpatient": Step(None, "none"),
}
"""Event code -> step. `enter` adds a location entry, `back` takes the last transfer away (the entry before is current
again), `reopen` makes the last one current again. While the visit is finished, the last entry has ended with it."""

_IMPLIED = {"transfer": "in-progress", "cancel-transfer": "in-progress"}


def visit_elements(slots: Mapping[str, Any], events: list[Event]) -> dict[str, Any]:
    """Encounter elements that follow from events: `status`, `period`, `location`; stated slots win over event times.

    `events` are in order of the order key. Without any event the stated `status` counts, else `unknown`.
    """
    status: str | None = None
    start: str | None = None
    end: str | None = None
    history: list[dict[str, Any]] = []
    for event in events:
        step = STEPS[event.code]
        status = step.status or status or _IMPLIED.get(event.code)
        if event.code in ("admit", "register"):
            start = event.at
        end = event.at if event.code == "discharge" else (None if event.code == "cancel-discharge" else end)
        _move(history, step.location, event)
        if status == "finished":
            _complete(history, end)
    elements: dict[str, Any] = {"status": status or slots.get("status") or "unknown"}
    period = {
        "start": slots.get("period.start") or start,
        "end": (stated_end(slots) or end) if elements["status"] == "finished" else None,
    }
    if any(period.values()):
        elements["period"] = {name: at for name, at in period.items() if at}
    if history:
        elements["location"] = [{k: v for k, v in entry.items() if k != "event"} for entry in history]
    return elements


def stated_end(slots: Mapping[str, Any]) -> str | None:
    """When a visit ended, by what was stated last, whether or not its Period can say so; None when nothing says it."""
    return slots.get("period.end") or slots.get(EARLY_END)


def _move(history: list[dict[str, Any]], how: str, event: Event) -> None:
    """Change the location history."""
    if how == "enter" and event.location:
        _complete(history, event.at)
        period = {"start": event.at} if event.at else {}
        history.append({**event.location, "status": "active", "period": period, "event": event.code})
    elif how == "back" and history and history[-1]["event"] == "transfer":
        last = history.pop()
        _reopen(history)
        if last["status"] == "completed":
            _complete(history, last["period"].get("end"))
    elif how == "reopen":
        _reopen(history)


def precedes(first: str, second: str) -> bool:
    """Whether one dateTime is over before another begins, whatever the precision and the offset of both."""
    one, other = read(first), read(second)
    return one is not None and other is not None and one.is_before(other)


def _complete(history: list[dict[str, Any]], at: str | None) -> None:
    """End the last entry: at its own start, where `at` is before it or unknown."""
    if history:
        period = history[-1]["period"]
        start = period.get("start", "")
        end = at if at and not precedes(at, start) else start
        history[-1] |= {"status": "completed", "period": {**period, "end": end} if end else period}


def _reopen(history: list[dict[str, Any]]) -> None:
    if history:
        history[-1]["status"] = "active"
        history[-1]["period"] = {k: v for k, v in history[-1]["period"].items() if k != "end"}
