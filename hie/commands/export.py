"""`hie export`: everything, or some types, out of a running server as NDJSON files (FHIR Bulk Data)."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from hie.base.errors import Category, HieError
from hie.commands.reaching import reaching


async def export(url: str, folder: Path, types: Sequence[str], progress: Callable[[str], None]) -> dict[str, int]:
    """Run a system export and save its files in `folder`; returns resources by file. `progress` is told what goes on.

    Raises UNAVAILABLE when the server does not answer, refuses or gives up.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with reaching(url):
        return await _export(url, folder, types, progress)


async def _export(url: str, folder: Path, types: Sequence[str], progress: Callable[[str], None]) -> dict[str, int]:
    async with httpx.AsyncClient(base_url=url, timeout=300) as http:
        params = {"_type": ",".join(types)} if types else {}
        headers = {"Accept": "application/fhir+json", "Prefer": "respond-async"}
        begun = await http.get("/fhir/$export", params=params, headers=headers)
        if begun.status_code != 202:
            raise HieError(Category.UNAVAILABLE, f"The export was refused with status {begun.status_code}.")
        place = begun.headers["Content-Location"]
        while (status := await http.get(place)).status_code == 202:
            progress(status.headers.get("X-Progress", "under way"))
            await asyncio.sleep(0.5)
        if status.status_code != 200:
            raise HieError(Category.UNAVAILABLE, f"The export ended with status {status.status_code}.")
        saved: dict[str, int] = {}
        for number, output in enumerate(status.json()["output"]):
            name = f"{output['type']}-{number:04d}.ndjson"
            progress(name)
            body = (await http.get(output["url"])).content
            await asyncio.to_thread((folder / name).write_bytes, body)
            saved[name] = body.count(b"\n")
        await http.delete(place)
    return saved
