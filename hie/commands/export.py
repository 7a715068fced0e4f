"""`hie export`: everything, or some types, out of a running server as NDJSON files (FHIR Bulk Data)."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from hie.base.errors import Category, HieError
from hie.commands.patience import PatientClient
from hie.commands.reaching import reaching, refusal

Progress = Callable[[str], None]


async def export(url: str, folder: Path, types: Sequence[str], progress: Progress) -> dict[str, int]:
    """Run a system export and save its files in `folder`; returns resources by file. `progress` is told what goes on.

    A file has its name once it is whole; when the command is stopped, the server stops the export and forgets it.
    Raises INVALID for an empty type, which the server would take for all of them, CONFLICT when the folder holds NDJSON
    files, as nobody could tell those of two exports apart, and UNAVAILABLE when the server does not answer, refuses or
    gives up.
    """
    if not all(map(str.strip, types)):
        raise HieError(Category.INVALID, "An empty text is no resource type: leave --type out for all of them.")
    await asyncio.to_thread(_make, folder)
    with reaching(url):
        return await _export(url, folder, types, progress)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob("*.ndjson")):
        raise HieError(Category.CONFLICT, f"{folder} holds NDJSON files already: export into an empty folder.")


async def _export(url: str, folder: Path, types: Sequence[str], progress: Progress) -> dict[str, int]:
    async with httpx.AsyncClient(base_url=url, timeout=300) as http:
        client = PatientClient(http, progress)
        params = {"_type": ",".join(types)} if types else {}
        headers = {"Accept": "application/fhir+json", "Prefer": "respond-async"}
        begun = await client.request("GET", "/fhir/$export", params=params, headers=headers)
        if begun.status_code != 202:
            raise HieError(Category.UNAVAILABLE, f"The export was refused: {refusal(begun)}.")
        place = begun.headers["Content-Location"]
        try:
            return await _save(http, await _complete(client, place, progress), folder, progress)
        finally:
            with contextlib.suppress(httpx.TransportError):
                await http.delete(place)


async def _complete(client: PatientClient, place: str, progress: Progress) -> Sequence[dict[str, Any]]:
    """Wait for an export; returns its files as its manifest lists them."""
    while (status := await client.request("GET", place)).status_code == 202:
        progress(status.headers.get("X-Progress", "under way"))
        await asyncio.sleep(0.5)
    if status.status_code != 200:
        raise HieError(Category.UNAVAILABLE, f"The export ended with status {status.status_code}.")
    files: Sequence[dict[str, Any]] = status.json()["output"]
    return files


async def _save(
    http: httpx.AsyncClient, files: Sequence[dict[str, Any]], folder: Path, progress: Progress
) -> dict[str, int]:
    saved: dict[str, int] = {}
    for number, output in enumerate(files):
        name = f"{output['type']}-{number:04d}.ndjson"
        progress(name)
        saved[name] = await _download(http, output["url"], folder / name)
    return saved


async def _download(http: httpx.AsyncClient, url: str, path: Path) -> int:
    """Save one file piece by piece; returns its lines."""
    lines, part = 0, path.with_suffix(".part")
    async with http.stream("GET", url) as response:
        if response.status_code != 200:
            raise HieError(Category.UNAVAILABLE, f"{path.name} was refused with status {response.status_code}.")
        with await asyncio.to_thread(part.open, "wb") as file:
            async for piece in response.aiter_bytes():
                lines += piece.count(b"\n")
                await asyncio.to_thread(file.write, piece)
    part.rename(path)
    return lines
