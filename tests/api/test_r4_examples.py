"""All 777 official R4 examples go in and come out unchanged, as JSON and through XML."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hie.fhir.definitions import official
from hie.fhir.xml import to_xml
from hie.wire.safejson import loads

ARCHIVE = Path(__file__).parent.parent / "data" / "r4-examples" / "examples.tar.gz"
SERVED = frozenset({"id", "meta"})


class Written(str):
    """A decimal as it is written, so that 1.0 is not 1.00."""


def exact(body: bytes) -> Any:
    return json.loads(body, parse_float=Written)


@pytest.fixture(scope="module")
def examples() -> list[bytes]:
    return list(_read())


def _read() -> Iterator[bytes]:
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                yield file.read()


def without_server_meta(resource: dict[str, Any]) -> dict[str, Any]:
    meta = {key: value for key, value in resource.get("meta", {}).items() if key not in ("versionId", "lastUpdated")}
    rest = {key: value for key, value in resource.items() if key not in SERVED}
    return {**rest, **({"meta": meta} if meta else {})}


def url_of(body: bytes) -> str:
    given = exact(body)
    return f"{given['resourceType']}/{given['id']}"


async def test_round_trip_in_json(client: httpx.AsyncClient, examples: list[bytes]) -> None:
    assert len(examples) == 777
    for body in examples:
        url = url_of(body)
        made = await client.put(url, content=body, headers={"content-type": "application/fhir+json"})
        assert made.status_code in (200, 201), (url, made.text)
        served = exact((await client.get(url)).content)
        assert without_server_meta(served) == without_server_meta(exact(body)), url


async def test_round_trip_in_xml(client: httpx.AsyncClient, examples: list[bytes]) -> None:
    """Narrative is compared in tests/fhir/test_xml.py, since XHTML has several spellings."""
    xml = {"content-type": "application/fhir+xml", "accept": "application/fhir+xml"}
    for body in examples:
        url = url_of(body)
        made = await client.put(url, content=to_xml(loads(body), official()), headers=xml)
        assert made.status_code in (200, 201), (url, made.text)
        assert made.content.startswith(b"<?xml")
        served = exact((await client.get(url)).content)
        assert without_div(without_server_meta(served)) == without_div(without_server_meta(exact(body))), url


def without_div(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_div(item) for key, item in value.items() if key != "div"}
    return [without_div(item) for item in value] if isinstance(value, list) else value
