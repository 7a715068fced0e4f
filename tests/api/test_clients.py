"""Clients that nobody here wrote drive the server over real HTTP: create, read, search, page, transaction.

`fhirclient` and `fhirpy` come with the development dependencies. The two npm clients run where Node is and `make
clients` has installed them.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from hie.api.app import FhirApp

CLIENTS = Path(__file__).parent / "clients"
NODE, MODULES = shutil.which("node"), CLIENTS / "node_modules"


@pytest.fixture
async def url(make_app: Callable[..., FhirApp]) -> AsyncIterator[str]:
    """The base URL of a server on a free port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        app = Starlette(routes=[Mount("/fhir", make_app())])
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        listening.listen()
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{port}/fhir"
        server.should_exit = True
        await serving


def drive_fhirclient(url: str) -> None:
    from fhirclient.client import FHIRClient
    from fhirclient.models.bundle import Bundle
    from fhirclient.models.humanname import HumanName
    from fhirclient.models.observation import Observation
    from fhirclient.models.patient import Patient

    server = FHIRClient(settings={"app_id": "test", "api_base": url}).server
    patient = Patient({"name": [{"family": "Zhang", "given": ["Wei"]}], "birthDate": "1980-05-17"})
    identity = patient.create(server)["id"]
    read = Patient.read(identity, server)
    assert (read.name[0].family, read.birthDate.isostring) == ("Zhang", "1980-05-17")
    read.name = [HumanName({"family": "Li"})]
    assert read.update(server)["meta"]["versionId"] == "2"
    entry = [
        {
            "resource": {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "K"},
                "subject": {"reference": f"Patient/{identity}"},
            },
            "request": {"method": "POST", "url": "Observation"},
        }
    ] * 5
    bundle = Bundle({"type": "transaction", "entry": entry})
    answer = server.post_json("", bundle.as_json()).json()
    assert [row["response"]["status"] for row in answer["entry"]] == ["201 Created"] * 5
    found = Observation.where({"patient": identity, "_count": "2"}).perform_resources_iter(server)
    assert len(list(found)) == 5
    read.delete(server)
    assert Patient.where({"_id": identity}).perform_resources(server) == []


@pytest.mark.filterwarnings("ignore")
async def test_fhirclient_can_work_with_the_exchange(url: str) -> None:
    await asyncio.to_thread(drive_fhirclient, url)


async def test_fhirpy_can_work_with_the_exchange(url: str) -> None:
    from fhirpy import AsyncFHIRClient
    from fhirpy.base.exceptions import ResourceNotFound

    client = AsyncFHIRClient(url)
    patient = client.resource("Patient", name=[{"family": "Zhang"}], identifier=[{"system": "urn:i", "value": "1"}])
    await patient.save()
    patient["gender"] = "female"
    await patient.save()
    assert (await client.reference("Patient", patient.id).to_resource())["gender"] == "female"
    await patient.patch(birthDate="1980-05-17")
    for number in range(5):
        made = client.resource(
            "Observation", status="final", code={"text": str(number)}, subject=patient.to_reference().serialize()
        )
        await made.create()
    query = client.resources("Observation").search(patient=patient.id).limit(2)
    assert len([one async for one in query]) == 5
    entry = {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}
    body: dict[str, Any] = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    answer = await client.execute("", "post", body)
    assert answer["entry"][0]["response"]["status"] == "201 Created"
    await patient.delete()
    with pytest.raises(ResourceNotFound):
        await client.reference("Patient", "none").to_resource()


@pytest.mark.skipif(NODE is None, reason="Node is not there")
@pytest.mark.skipif(not (MODULES / "fhir-kit-client").is_dir(), reason="the npm clients are not installed")
@pytest.mark.parametrize("script", ["fhir-kit-client.cjs", "medplum.cjs"])
async def test_clients_of_npm_can_work_with_the_exchange(url: str, script: str) -> None:
    process = await asyncio.create_subprocess_exec(
        NODE or "node",
        str(CLIENTS / script),
        url,
        env={**os.environ, "NODE_PATH": str(MODULES)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, told.decode()
