"""Audit: what operators do leaves a row and an AuditEvent, in the transaction that does it (FHIR R4 AuditEvent).

The row keeps the reason as it was written. The resource names principal, action and item, and nothing else: free text
may hold anything.
"""

from datetime import datetime
from typing import Any

from hie.base.clock import instant, micros
from hie.base.ids import new_id
from hie.base.systems import BASE, CODE_SYSTEM, RAW_ITEM
from hie.staging.tables import AUDIT
from hie.store.port import Transaction
from hie.store.table import Row

MAPS_SYSTEM = f"{BASE}/id/maps"
"""System of the versions of tables (`hie/app/maps.py`)."""

ACTION_SYSTEM = f"{CODE_SYSTEM}/operator-action"
PRINCIPAL_SYSTEM = f"{BASE}/id/principal"
OBSERVER = "健康信息交换 · the exchange"

_EXECUTE = "E"
"""AuditEvent.action: an operation was executed."""


async def audit_tables(tx: Transaction, at: datetime, principal: str, before: str, after: str) -> None:
    """Record that `principal` put the tables of version `after` in force, in place of `before`."""
    named = new_id()
    row: Row = {"id": named, "at": micros(at), "action": "reload", "target": f"maps/{after}", "principal": principal}
    await tx.insert(AUDIT, {**row, "reason": f"in place of {before}"})
    what = {"identifier": {"system": MAPS_SYSTEM, "value": after}}
    await tx.put(audit_event(named, at, principal, "reload", {"what": what}), method="POST")


async def audit(
    tx: Transaction, at: datetime, principal: str, action: str, item: str, part: int | None, reason: str = ""
) -> None:
    """Record that `principal` did `action` to a raw item or, unless `part` is None, to one part of it."""
    named = new_id()
    target = f"{item}/{'*' if part is None else part}"
    row: Row = {"id": named, "at": micros(at), "action": action, "target": target, "principal": principal}
    await tx.insert(AUDIT, {**row, "reason": reason})
    await tx.put(audit_event(named, at, principal, action, item_entity(item, part)), method="POST")


def item_entity(item: str, part: int | None) -> dict[str, Any]:
    """A raw item, or one part of it, as what was acted on."""
    entity: dict[str, Any] = {"what": {"identifier": {"system": RAW_ITEM, "value": item}}}
    if part is not None:
        entity["detail"] = [{"type": "part", "valueString": str(part)}]
    return entity


def audit_event(named: str, at: datetime, principal: str, action: str, entity: dict[str, Any]) -> dict[str, Any]:
    """The AuditEvent with the id of the audit row; `entity` is what was acted on, a system object."""
    kind = {"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "2"}
    return {
        "resourceType": "AuditEvent",
        "id": named,
        "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110100"},
        "subtype": [{"system": ACTION_SYSTEM, "code": action}],
        "action": _EXECUTE,
        "recorded": instant(at),
        "outcome": "0",
        "agent": [{"who": {"identifier": {"system": PRINCIPAL_SYSTEM, "value": principal}}, "requestor": True}],
        "source": {"observer": {"display": OBSERVER}},
        "entity": [{**entity, "type": kind}],
    }
