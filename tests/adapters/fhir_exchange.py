"""An exchange with a FHIR feed beside the three regions, and Bundles to post to it."""

import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hie.app import load_adapters, open_exchange
from hie.app.exchange import Exchange
from hie.base.outcome import Answer
from hie.base.resource import Json
from hie.commands.adapters import samples
from hie.commands.skeleton import load_package, new_adapter, organisation
from hie.config import load_config
from hie.plugin import Adapter

REGION = "kunshan"
FEED = f"{REGION}-fhir"
USCC = organisation(REGION)[1]
BASE = f"https://{REGION}.example.org"
NATIONAL_ID = "urn:oid:2.16.156.10011.1.3"
SETTINGS = {"mllp_port": -1, "drop_poll_seconds": 0, "retry_poll_seconds": 0, "workers": 0}


def made(folder: Path) -> Adapter:
    """The adapter that `hie adapters new kunshan --from fhir` makes."""
    return load_package(new_adapter(REGION, "fhir", folder), f"hie_adapter_{REGION}")


@asynccontextmanager
async def running(adapter: Adapter, folder: Path, *, regions: bool = False) -> AsyncIterator[Exchange]:
    """A running exchange on a store of its own."""
    adapters = [*(load_adapters() if regions else ()), adapter]
    exchange = await open_exchange(load_config({**SETTINGS, "data": folder}, {}), adapters=adapters)
    await exchange.start()
    try:
        yield exchange
    finally:
        await exchange.close()


def item(adapter: Adapter, start: str) -> bytes:
    """A sample by the beginning of its name."""
    return next(path.read_bytes() for path in samples(adapter.samples) if path.name.startswith(start))


def number(kind: str, value: str) -> Json:
    return {"system": f"{BASE}/id/{kind}", "value": value}


def patient(value: str = "P1", **elements: Any) -> Json:
    said = {"name": [{"text": "沈一"}], "gender": "female", "birthDate": "1990-01-02"}
    return {"resourceType": "Patient", "identifier": [number("patient", value)], **said, **elements}


def observation(value: str, subject: Json, result: float = 5, **elements: Any) -> Json:
    return {
        "resourceType": "Observation",
        "identifier": [number("result", value)],
        "status": "final",
        "code": {"text": "葡萄糖"},
        "subject": subject,
        "valueQuantity": {"value": result, "unit": "mmol/L"},
        **elements,
    }


def document(number: str, url: str = "", **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": number},
        "status": "current",
        "subject": by_number("patient", "Patient", "P1"),
        "content": [{"attachment": {"contentType": "text/plain", **({"url": url} if url else {})}}],
        **elements,
    }


def patch(path: str = "DocumentReference.status", value: str = "superseded") -> dict[str, Any]:
    parts = [("path", "valueString", path), ("type", "valueCode", "replace"), ("value", "valueCode", value)]
    operation = {"name": "operation", "part": [{"name": name, kind: said} for name, kind, said in parts]}
    return {"resourceType": "Parameters", "parameter": [operation]}


def asked(resource: Json, method: str = "POST", url: str = "", full: str = "", **request: str) -> Json:
    """An entry with its request."""
    entry = {"resource": resource, "request": {"method": method, "url": url or resource["resourceType"], **request}}
    return {"fullUrl": full, **entry} if full else entry


def read(url: str, method: str = "GET", **entry: Any) -> Json:
    """An entry that reads."""
    return {**entry, "request": {"method": method, "url": url}}


def bundle(
    entries: Sequence[Json], at: str = "2026-03-01T08:00:00+08:00", kind: str = "transaction", **more: Any
) -> bytes:
    return json.dumps(
        {"resourceType": "Bundle", "type": kind, "timestamp": at, "entry": list(entries), **more}, ensure_ascii=False
    ).encode()


def by_number(kind: str, type: str, value: str) -> Json:
    return {"reference": f"{type}?identifier={BASE}/id/{kind}|{value}"}


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


async def post(exchange: Exchange, body: bytes) -> tuple[Answer, Json]:
    """The answer to an item, and its body as JSON."""
    answer = await exchange.ingest.receive(FEED, body)
    return answer, json.loads(answer.body)


async def stored(exchange: Exchange, type: str | None = None) -> list[Json]:
    """The resources of a type as they are now, those of feeds only."""
    found = [json.loads(version.body) async for version in exchange.store.versions(type)]
    return [one for one in found if "source" in one.get("meta", {}) and one["resourceType"] != "Provenance"]


def codes(body: Json) -> list[str]:
    """The finding codes of an OperationOutcome."""
    return [issue["details"]["coding"][0]["code"] for issue in body["issue"] if "coding" in issue["details"]]
