"""`$reindex-status`: how far the index is with custom search parameters."""

from typing import Any

from hie.api.content import encoded
from hie.api.message import Answer, Request
from hie.api.reindex import Progress
from hie.api.router import Route
from hie.api.service import Service


async def reindex_status(service: Service, request: Request, route: Route) -> Answer:
    """A Parameters with one part a resource type: its state, resources done and in all, the parameters' codes."""
    rows = service.parameters.progress() if service.parameters is not None else []
    body = {"resourceType": "Parameters", "parameter": [_row(row) for row in rows]}
    return Answer(200, encoded({key: value for key, value in body.items() if value}))


def _row(row: Progress) -> dict[str, Any]:
    part: list[dict[str, Any]] = [
        {"name": "type", "valueCode": row.type},
        {"name": "state", "valueCode": "complete" if row.complete else "in-progress"},
        {"name": "done", "valueInteger": row.done},
        {"name": "total", "valueInteger": row.total},
        *({"name": "code", "valueString": code} for code in row.codes),
    ]
    return {"name": "index", "part": part}
