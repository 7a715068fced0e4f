"""The API on SQLite, in one process and without sockets: what an answer costs the server.

    python -m tests.bench.bench_api [--patients 200] [--seconds 2]

Each patient has 200 resources that refer to an Encounter, a Practitioner and an Organization.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx

from hie.api.app import fhir_app
from hie.api.settings import FhirSettings
from hie.base.clock import SystemClock
from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.security.policy import AllowAll
from hie.store.sqlite import SqliteStore

CASES = {
    "read": "Observation/p{0}-o7",
    "search, 50": "Observation?patient=p{0}&code=c3&_count=50",
    "search, 50 with _include": "Observation?patient=p{0}&_count=50&_include=Observation:encounter",
    "search, 50 with _include=*": "Observation?patient=p{0}&_count=50&_include=*",
    "_revinclude of 190": "Encounter?_id=p{0}-e1&_revinclude=Observation:encounter",
    "$everything, 200": "Patient/p{0}/$everything",
    "metadata": "metadata",
}


def chart(number: int) -> list[dict[str, Any]]:
    """One patient with ten Encounters and 190 Observations."""
    name = f"p{number}"
    subject = {"reference": f"Patient/{name}"}
    rows: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": name, "managingOrganization": {"reference": "Organization/g1"}}
    ]
    for place in range(10):
        visit = {"resourceType": "Encounter", "id": f"{name}-e{place}", "status": "finished", "class": {"code": "AMB"}}
        rows.append(visit | {"subject": subject, "serviceProvider": {"reference": "Organization/g1"}})
    for place in range(190):
        rows.append(
            {
                "resourceType": "Observation",
                "id": f"{name}-o{place}",
                "status": "final",
                "code": {"coding": [{"system": "urn:code", "code": f"c{place % 5}"}]},
                "subject": subject,
                "encounter": {"reference": f"Encounter/{name}-e{place % 10}"},
                "performer": [{"reference": f"Practitioner/d{place % 20}"}],
                "effectiveDateTime": f"2025-{1 + place % 12:02}-{1 + place % 28:02}",
                "valueQuantity": {"value": place, "unit": "mmol/L", "system": "http://unitsofmeasure.org"},
            }
        )
    return rows


async def fill(client: httpx.AsyncClient, patients: int) -> None:
    """Write the charts, one transaction each."""
    shared: list[dict[str, Any]] = [{"resourceType": "Practitioner", "id": f"d{number}"} for number in range(20)]
    shared.append({"resourceType": "Organization", "id": "g1", "name": "G"})
    for rows in (shared, *(chart(number) for number in range(patients))):
        entry = [{"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in rows]
        answer = await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entry})
        assert answer.status_code == 200, answer.text


async def main() -> None:
    """Fill a store and time each case."""
    given = argparse.ArgumentParser()
    given.add_argument("--patients", type=int, default=200)
    given.add_argument("--seconds", type=float, default=2.0)
    asked = given.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = await SqliteStore.open(Path(folder) / "hie.sqlite", extract=Extractors(official()).extract)
        app = fhir_app(store, official(), FhirSettings(), AllowAll(), SystemClock())
        transport = httpx.ASGITransport(app=app, root_path="/fhir")
        async with httpx.AsyncClient(transport=transport, base_url="http://bench/fhir/") as client:
            await fill(client, asked.patients)
            for name, url in CASES.items():
                done, began = 0, perf_counter()
                while perf_counter() - began < asked.seconds:
                    answer = await client.get(
                        url.format(done % asked.patients), headers={"accept-encoding": "identity"}
                    )
                    assert answer.status_code == 200
                    done += 1
                each = (perf_counter() - began) / done
                print(f"{name:28} {1 / each:8.0f}/s  {1e3 * each:8.3f} ms  {len(answer.content):8} bytes")
        await store.close()


if __name__ == "__main__":
    asyncio.run(main())
