"""Official examples with something broken in them, on a server that validates: never a 5xx."""

import copy
import json
import random
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hie.api.app import FhirApp
from hie.fhir.definitions import official
from hie.fhir.validate import Validator
from tests.api.conftest import client_of

ARCHIVE = Path(__file__).parent.parent / "data" / "r4-examples" / "examples.tar.gz"
WRONG: list[Any] = [
    None, 1, -1, 1e300, True, "", [], {}, [[]], [None], "x", "\x00", "2020-13-01", {"reference": 1}, {"coding": "x"},
    {"value": "x"}, [{"coding": [1]}], "Patient?identifier=", "Patient?x", "#", "urn:uuid:1", 10**30, "0000-01-01",
    {"value": 1e308, "code": "mg", "system": "http://unitsofmeasure.org"}, "9999-12-31T23:59:60+14:00", [{}],
    {"extension": [{"url": 1}]},
]  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def broken(chance: random.Random, resource: dict[str, Any]) -> dict[str, Any]:
    for _ in range(chance.randint(1, 3)):
        owner, key = chance.choice(list(places(resource)))
        if isinstance(owner, dict) and chance.random() < 0.2:
            key = f"_{key}"
        owner[key] = copy.deepcopy(chance.choice(WRONG))
    return resource


@pytest.mark.parametrize("seed", range(3))
async def test_no_body_breaks_the_server(make_app: Callable[..., FhirApp], seed: int) -> None:
    chance = random.Random(seed)
    validator = Validator(official())
    with tarfile.open(ARCHIVE) as archive:
        files = [archive.extractfile(member) for member in list(archive)[seed::15]]
        examples = [json.loads(file.read()) for file in files if file is not None]
    app = make_app(check=validator.write_issues, validate=validator.all_issues)
    async with client_of(app) as client:
        for example in examples:
            url = f"{example['resourceType']}/{example['id']}"
            resource = broken(chance, example)
            entry = {"fullUrl": "urn:uuid:1", "resource": resource, "request": {"method": "PUT", "url": url}}
            kind = chance.choice(["batch", "transaction"])
            answers = [
                await client.put(url, json=resource),
                await client.post("", json={"resourceType": "Bundle", "type": kind, "entry": [entry]}),
                await client.post(f"{url.partition('/')[0]}/$validate", json=resource),
                await client.get(url, params={"_summary": "true"}),
                await client.get(url, params={"_format": "xml"}),
            ]
            for answer in answers:
                assert answer.status_code < 500, (seed, resource, answer.text)
                assert '"status":"5' not in answer.text
