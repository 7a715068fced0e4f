"""Demo: feeds the shipped samples of every region through the real doors and says what came of it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from hie.app import Exchange
from hie.pipeline.feed import FeedRuntime
from hie.staging.ledger import counters
from hie.wire.mllp import Frame, FrameMachine, wrap

DROP_SECONDS = 30.0
"""How long a dropped file may take to get its receipt."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample file and the door it goes through: `mllp`, `http`, `soap` or `drop`."""

    runtime: FeedRuntime
    path: Path
    transport: str
    door: str


@dataclass
class Summary:
    """What came of the samples: items by disposition, and `best`, the golden Patient of most regions."""

    received: int = 0
    dispositions: dict[str, int] = field(default_factory=dict)
    resources: int = 0
    persons: int = 0
    linked: int = 0
    best: str | None = None
    regions: tuple[str, ...] = ()


def samples(exchange: Exchange) -> list[Sample]:
    """The samples of all adapters in the order of their names, each with its door."""
    found = []
    for runtime in exchange.ingest.feeds.values():
        for number, path in enumerate(sorted(p for p in runtime.adapter.samples.iterdir() if p.suffix != ".md")):
            found.append(_sample(runtime, path, number))
    return found


def _sample(runtime: FeedRuntime, path: Path, number: int) -> Sample:
    feed = runtime.feed
    if feed.mllp:
        return Sample(runtime, path, "mllp", feed.id)
    soap = next((door for door, kind in feed.doors.items() if kind == "text/xml"), None)
    if soap is not None and b"Envelope" in path.read_bytes()[:400]:
        return Sample(runtime, path, "soap", soap)
    return Sample(runtime, path, "drop" if feed.drop and number % 2 else "http", feed.id)


async def send_all(exchange: Exchange, url: str, progress: Callable[[Sample], None]) -> None:
    """Send every sample, each after the answer to the one before; raises `RuntimeError` if a door does not answer."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        for sample in samples(exchange):
            if sample.transport == "mllp":
                await _by_mllp(exchange, sample)
            elif sample.transport == "drop":
                await _by_drop(exchange, sample)
            else:
                await _by_http(http, sample)
            progress(sample)


async def _by_http(http: httpx.AsyncClient, sample: Sample) -> None:
    headers = {"Content-Type": sample.runtime.feed.doors[sample.door]}
    response = await http.post(f"/feeds/{sample.door}", content=sample.path.read_bytes(), headers=headers)
    if response.status_code >= 500:
        raise RuntimeError(f"POST /feeds/{sample.door} answered {response.status_code}.")


async def _by_mllp(exchange: Exchange, sample: Sample) -> None:
    port = exchange.mllp.listening.get(sample.runtime.feed.id)
    if port is None:
        raise RuntimeError("The MLLP server is off.")
    reader, writer = await asyncio.open_connection(exchange.config.host, port)
    try:
        writer.write(wrap(sample.path.read_bytes()))
        await writer.drain()
        machine = FrameMachine(exchange.config.max_body)
        while True:
            chunk = await asyncio.wait_for(reader.read(65536), 30)
            if not chunk:
                raise RuntimeError("The MLLP server closed the connection without an answer.")
            if any(isinstance(part, Frame) for part in machine.feed(chunk)):
                return
    finally:
        writer.close()
        await writer.wait_closed()


async def _by_drop(exchange: Exchange, sample: Sample) -> None:
    folder = exchange.config.data / "drop" / sample.runtime.feed.id
    incoming = folder / "incoming"
    unfinished = incoming / f"{sample.path.stem}.tmp"
    await asyncio.to_thread(unfinished.write_bytes, sample.path.read_bytes())
    unfinished.rename(incoming / sample.path.name)
    receipt = f"{sample.path.name}.receipt.xml"
    for _ in range(int(DROP_SECONDS / 0.05)):
        gone = not (incoming / sample.path.name).exists()
        if gone and any((folder / end / receipt).exists() for end in ("done", "error")):
            return
        await asyncio.sleep(0.05)
    raise RuntimeError(f"No receipt for {sample.path.name} in {DROP_SECONDS:.0f} seconds.")


async def summarise(exchange: Exchange) -> Summary:
    """Count what is in the store."""
    summary = Summary()
    for name, n in (await counters(exchange.store)).items():
        what = name.partition("|")[0]
        if what == "received":
            summary.received += n
        else:
            summary.dispositions[what] = summary.dispositions.get(what, 0) + n
    regions: dict[str, set[str]] = {}
    async for version in exchange.store.versions():
        summary.resources += 1
        if version.type == "Patient":
            patient: dict[str, Any] = json.loads(version.body)
            links = patient.get("link", ())
            golden = next((link["other"]["reference"] for link in links if link["type"] == "refer"), None)
            tags = [tag["code"] for tag in patient["meta"].get("tag", ())]
            if golden is not None:
                summary.linked += 1
                regions.setdefault(golden, set()).update(tags)
    summary.persons = len(regions)
    if regions:
        best = max(sorted(regions), key=lambda golden: len(regions[golden]))
        summary.best = best.partition("/")[2]
        summary.regions = tuple(sorted(regions[best]))
    return summary
