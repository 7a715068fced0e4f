"""Tables and resources that the contract tests share."""

from typing import Any

from hie.store.lease import LEASE
from hie.store.table import Table

ITEM = Table(
    "item",
    {"id": str, "feed": str, "state": str, "due": int, "body": bytes},
    key=("id",),
    indexes=(("state", "due"),),
    unique=(("feed", "due"),),
    defaults={"state": "new"},
)
LINK = Table("link", {"left_id": str, "right_id": str, "score": int}, key=("left_id", "right_id"))
NOTE = Table("note", {"id": str, "kind": str, "text": bytes}, key=("id",), indexes=(("kind",),))
TABLES = (ITEM, LINK, NOTE, LEASE)


def patient(patient_id: str, **rest: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": patient_id, **rest}
