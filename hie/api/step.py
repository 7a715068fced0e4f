"""The entries of a transaction as steps: read and validated before anything is written."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hie.api.content import Rejected, of_type, validated
from hie.api.entries import Entry, entry_of, rows_of
from hie.api.message import Request
from hie.api.naming import beside, names_of
from hie.api.patch import Change, change_in
from hie.api.references import slots_of
from hie.api.router import Route, route
from hie.api.service import Service
from hie.api.slot import Slot
from hie.api.standin import StandIns
from hie.base.errors import Category, HieError
from hie.base.resource import Json
from hie.fhir.outcome import Issue, Problem
from hie.store.port import Ready


@dataclass(slots=True, eq=False)
class Step:
    """One entry that is ready to run: its route, the resource or change it carries, the names it goes by. `ready`: its
    resource, when another process has made that ready to be written, with `stand_ins` in it."""

    entry: Entry
    route: Route
    resource: Json | None = None
    change: Change | None = None
    names: tuple[str, ...] = ()
    ready: Ready | None = None
    stand_ins: StandIns | None = None

    @property
    def method(self) -> str:
        """The verb, HEAD counted as GET."""
        return "GET" if self.entry.request.method == "HEAD" else self.entry.request.method


def read_in(service: Service, request: Request, posted: Json) -> tuple[list[Step], Mapping[int, Sequence[Slot]]]:
    """The steps of a transaction and, by place, the references in what they carry; raises what is wrong with one."""
    steps = [_step(service, request, place, row) for place, row in enumerate(rows_of(service, posted))]
    if request.prepared is not None:
        return steps, request.prepared.slots
    names = {name for step in steps for name in step.names}
    return steps, {
        step.entry.place: beside(step.entry, step.route.type or "", found, names)
        for step in steps
        if (found := _slots(step, names))
    }


def _slots(step: Step, names: Collection[str]) -> list[Slot]:
    """What may have to be replaced in what an entry carries: a resource, or the Parameters of a patch."""
    carried = step.resource if step.change is None else step.entry.request.resource
    return [] if carried is None else slots_of(carried, names)


def _step(service: Service, request: Request, place: int, row: Any) -> Step:
    entry = entry_of(service, request, place, row)
    inner = entry.request
    try:
        found = route(service.definitions, inner.method, inner.path)
        service.gate(inner.principal, found.interaction, found.target or found.type)
        if found.name not in _ALLOWED:
            raise HieError(Category.INVALID, "This interaction cannot be part of a transaction")
        if found.name in ("patch", "conditional_patch"):
            change = change_in(inner.resource or {}, service.definitions)
            return Step(entry, found, change=change, names=names_of(entry, found.type or ""))
        if found.name in _CARRYING:
            return _carrying(service, request, entry, found)
        return Step(entry, found)
    except HieError as error:
        raise at_entry(entry, error) from None


def _carrying(service: Service, request: Request, entry: Entry, found: Route) -> Step:
    """The step of an entry that writes the resource which it carries."""
    prepared, names = request.prepared, names_of(entry, found.type or "")
    given = of_type(entry.request.resource or {}, found.type or "")
    resource = validated(service, given, checked=prepared is not None)
    if found.id is not None and resource.get("id") not in (None, found.id):
        raise HieError(Category.INVALID, "The body must carry the id of the URL", expression="resource.id")
    if prepared is None or (made := prepared.ready.get(entry.place)) is None:
        return Step(entry, found, resource, None, names)
    return Step(entry, found, resource, None, names, made, prepared.stand_ins.get(entry.place))


_CARRYING = frozenset({"create", "update", "conditional_update"})
_ALLOWED = _CARRYING | frozenset(
    {
        "patch", "conditional_patch", "delete", "conditional_delete", "read", "vread", "search", "history",
        "operation",
    }
)  # fmt: skip


def at_entry(entry: Entry, error: HieError) -> HieError:
    """The same error, with the entry it is about."""
    if isinstance(error, Rejected):
        return Rejected([_issue_at(entry, issue) for issue in error.issues])
    expression = f"{entry.at}.{error.expression}" if _element(error.expression) else entry.at
    if (error.expression or "").startswith("Bundle."):
        expression = error.expression or ""
    return HieError(error.category, error.message, issue=error.issue, expression=expression)


def _element(expression: str | None) -> bool:
    return expression in ("resource.id", "resourceType")


def _issue_at(entry: Entry, issue: Problem) -> Issue:
    inside = tuple(f"{entry.at}.resource.{path.partition('.')[2]}".rstrip(".") for path in issue.expression)
    return Issue(issue.severity, issue.code, issue.diagnostics, inside or (entry.at,))
