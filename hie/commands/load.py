"""`hie load`: FHIR files into a running server, several senders at once."""

import asyncio
import bz2
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

JSON = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}


@dataclass
class Loaded:
    """What came of a load: requests sent, resources in them, and `file: status` of those refused."""

    requests: int = 0
    resources: int = 0
    refused: list[str] | None = None


def requests_of(path: Path) -> Iterator[tuple[str, str, bytes, int]]:
    """The requests that a file makes: method, path, body, number of resources.

    A Bundle (transaction or batch) is posted as it is, any other resource put under its id, or posted without one;
    `.ndjson` holds a resource a line; `.gz` and `.bz2` are unpacked.
    """
    body = path.read_bytes()
    name = path.name
    for ending, unpack in ((".gz", gzip.decompress), (".bz2", bz2.decompress)):
        if name.endswith(ending):
            body, name = unpack(body), name.removesuffix(ending)
    for one in body.splitlines() if name.endswith(".ndjson") else [body]:
        if one.strip():
            yield _request(one)


def _all_requests(path: Path) -> list[tuple[str, str, bytes, int]]:
    return list(requests_of(path))


def _request(body: bytes) -> tuple[str, str, bytes, int]:
    resource = json.loads(body)
    kind, identity = resource.get("resourceType"), resource.get("id")
    if kind == "Bundle" and resource.get("type") in ("transaction", "batch"):
        return "POST", "/fhir", body, len(resource.get("entry", ()))
    return ("PUT", f"/fhir/{kind}/{identity}", body, 1) if identity else ("POST", f"/fhir/{kind}", body, 1)


async def load(url: str, files: Sequence[Path], senders: int, progress: Callable[[], None]) -> Loaded:
    """Send all files in their order, `senders` requests at a time; `progress` is called after each file."""
    result = Loaded(refused=[])
    waiting = iter(files)
    async with httpx.AsyncClient(base_url=url, timeout=300) as http:

        async def send() -> None:
            for path in waiting:
                for method, target, body, resources in await asyncio.to_thread(_all_requests, path):
                    response = await http.request(method, target, content=body, headers=JSON)
                    result.requests += 1
                    if response.is_success:
                        result.resources += resources
                    elif result.refused is not None:
                        result.refused.append(f"{path.name}: {response.status_code}")
                progress()

        await asyncio.gather(*(send() for _ in range(senders)))
    return result
