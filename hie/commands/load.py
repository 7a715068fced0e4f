"""`hie load`: FHIR files into a running server, several senders at once.

A server that is busy or starts anew is asked again for minutes (`patience.py`). When it is gone the load ends, and says
which files are left: those that were sent whole need not be sent again.
"""

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
from hie.commands.patience import NOT_TAKEN, Doubtful, PatientClient
from hie.commands.reaching import reaching, refusal, told

ANSWER_SECONDS = 300.0
"""How long one request may take."""

JSON = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}


@dataclass
class Loaded:
    """What came of a load: requests answered, resources taken, and `file: why` of those refused, or of entries of a
    batch; how often the server was waited for; why the load `ended` before all was sent, and the files that were not
    sent, or not whole."""

    requests: int = 0
    resources: int = 0
    refused: list[str] = field(default_factory=list)
    waited: int = 0
    ended: str = ""
    left: list[str] = field(default_factory=list)


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


async def load(
    url: str,
    files: Sequence[Path],
    senders: int,
    progress: Callable[[], None],
    waits: Callable[[str], None] = lambda _: None,
) -> Loaded:
    """Send all files in their order, `senders` requests at a time; `progress` is called after each file, `waits` told
    why the server is waited for.

    Raises UNAVAILABLE when the server never answers. A file that holds no FHIR JSON, or cannot be read, counts as
    refused.
    """
    result = Loaded()

    def waited(why: str) -> None:
        result.waited += 1
        waits(why)

    with reaching(url):
        async with httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS) as http:
            sending = _Sending(PatientClient(http, waited), url, result)
            waiting = iter(files)
            await asyncio.gather(*(sending.files(waiting, progress) for _ in range(senders)))
    return result


@dataclass
class _Sending:
    client: PatientClient
    url: str
    result: Loaded

    async def files(self, waiting: Iterator[Path], progress: Callable[[], None]) -> None:
        for path in waiting:
            try:
                if self.result.ended or not await self._file(path):
                    self.result.left.append(path.name)
                    continue
            except HieError as error:
                self.result.refused.append(error.message)
            progress()

    async def _file(self, path: Path) -> bool:
        """Send one file; False when the server is gone before it was sent whole."""
        for request in await asyncio.to_thread(_all_requests, path):
            try:
                self.result.refused += (f"{path.name}: {why}" for why in await self._request(*request))
            except Doubtful:
                self.result.refused.append(f"{path.name}: the answer did not come; whether it was stored is not known")
            except httpx.TransportError:
                if not self.result.requests:
                    raise
                self.result.ended = f"No answer from {self.url} any more."
            if self.result.ended:
                return False
        return True

    async def _request(self, method: str, target: str, body: bytes, resources: int) -> Sequence[str]:
        """Send one request; returns what was refused of it, and why."""
        response = await self.client.request(method, target, content=body, headers=JSON)
        self.result.requests += 1
        if response.is_success:
            refused = _refused_entries(response)
            self.result.resources += resources - len(refused)
            return refused
        if response.status_code in NOT_TAKEN:
            self.result.ended = f"{self.url} takes no more requests: {refusal(response)}."
            return ()
        return (refusal(response),)


def _refused_entries(response: httpx.Response) -> list[str]:
    """The entries of a batch that failed, by number, and why: the batch as a whole is always answered with 200."""
    if b'"batch-response"' not in response.content[:100]:
        return []
    answers = enumerate(entry["response"] for entry in response.json().get("entry", ()))
    failed = [(n, answer) for n, answer in answers if not answer["status"].startswith(("2", "304"))]
    return [f"entry {n}: {told(answer['status'][:3], answer.get('outcome'))}" for n, answer in failed]
