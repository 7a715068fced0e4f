"""`hie load`: FHIR files into a running server, several senders at once."""

import asyncio
import bz2
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from hie.base.errors import Category, HieError
from hie.commands.reaching import reaching, refusal, told

JSON = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}


@dataclass
class Loaded:
    """What came of a load: requests sent, resources taken, and `file: why` of those refused, or of entries of a
    batch."""

    requests: int = 0
    resources: int = 0
    refused: list[str] = field(default_factory=list)


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
    """See `requests_of`; raises INVALID for a file that holds something else, or cannot be read."""
    try:
        return list(requests_of(path))
    except (ValueError, RecursionError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise HieError(
            Category.INVALID, f"{path.name}: not sent, it is no FHIR JSON ({type(error).__name__})"
        ) from None
    except OSError as error:
        raise HieError(Category.INVALID, f"{path.name}: not sent, it cannot be read ({error.strerror})") from None


def _request(body: bytes) -> tuple[str, str, bytes, int]:
    resource = json.loads(body)
    if not isinstance(resource, dict):
        raise ValueError
    kind, identity = resource.get("resourceType"), resource.get("id")
    if kind == "Bundle" and resource.get("type") in ("transaction", "batch"):
        entries = resource.get("entry")
        return "POST", "/fhir", body, len(entries) if isinstance(entries, list) else 0
    return ("PUT", f"/fhir/{kind}/{identity}", body, 1) if identity else ("POST", f"/fhir/{kind}", body, 1)


async def load(url: str, files: Sequence[Path], senders: int, progress: Callable[[], None]) -> Loaded:
    """Send all files in their order, `senders` requests at a time; `progress` is called after each file.

    Raises UNAVAILABLE when the server does not answer. A file that holds no FHIR JSON, or cannot be read, counts as
    refused.
    """
    result = Loaded()
    waiting = iter(files)

    async def send(http: httpx.AsyncClient) -> None:
        for path in waiting:
            try:
                await _send(http, await asyncio.to_thread(_all_requests, path), path.name, result)
            except HieError as error:
                result.refused.append(error.message)
            progress()

    with reaching(url):
        async with httpx.AsyncClient(base_url=url, timeout=300) as http:
            await asyncio.gather(*(send(http) for _ in range(senders)))
    return result


async def _send(
    http: httpx.AsyncClient, requests: Sequence[tuple[str, str, bytes, int]], name: str, result: Loaded
) -> None:
    for method, target, body, resources in requests:
        response = await http.request(method, target, content=body, headers=JSON)
        result.requests += 1
        if response.is_success:
            refused = _refused_entries(response)
            result.resources += resources - len(refused)
            result.refused += (f"{name}: {entry}" for entry in refused)
        else:
            result.refused.append(f"{name}: {refusal(response)}")


def _refused_entries(response: httpx.Response) -> list[str]:
    """The entries of a batch that failed, by number, and why: the batch as a whole is always answered with 200."""
    if b'"batch-response"' not in response.content[:100]:
        return []
    answers = enumerate(entry["response"] for entry in response.json().get("entry", ()))
    failed = [(n, answer) for n, answer in answers if not answer["status"].startswith(("2", "304"))]
    return [f"entry {n}: {told(answer['status'][:3], answer.get('outcome'))}" for n, answer in failed]
