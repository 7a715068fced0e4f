"""Generated URLs on a store of real resources: whatever is asked, the answer is never a 5xx and always FHIR."""

import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest

from hie.api.app import FhirApp
from hie.fhir.definitions import official
from tests.api.conftest import client_of

ARCHIVE = Path(__file__).parent.parent / "data" / "r4-examples" / "examples.tar.gz"
VALUES = [
    "", "x", "1", "-1", "1.5", "eq", "2020", "2020-13-45", "2020-02-30T25:61:61Z", "ge2020", "Patient/1", "a|b", "|",
    "||", "a|b|c|d", "$", "a$b", ",", "\\", "\\,", "*", ":", "x:y:z", "\x00", "😀", "'\";--", "9" * 5000, "1e400",
    "nan", "inf", "0000", "9999-12-31", "10000", "true", "http://x", "urn:uuid:x", "%", "_id", "Patient:link",
    "Observation:subject:Patient", "*:*", "-date", "name,", "(", "name eq x", 'name eq "x', "1|2|3|km", "lt-1e309",
    "5.4|http://unitsofmeasure.org|mg",
]  # fmt: skip
MODIFIERS = [
    "exact", "contains", "missing", "not", "text", "in", "not-in", "above", "below", "of-type", "identifier", "Patient",
    "iterate", "nonsense", ":", "[x]",
]  # fmt: skip
NAMES = [
    "_id", "_lastUpdated", "_tag", "_profile", "_text", "_content", "_list", "_type", "_sort", "_count", "_include",
    "_revinclude", "_summary", "_total", "_elements", "_contained", "_filter", "_cursor", "__explain", "_since", "_at",
    "_format", "_pretty", "_has:Observation:patient:code", "_has:x", "_has:a:b:c:d", "subject.name",
    "subject:Patient.name", "a.b.c.d.e", "near", "", "job", "max", "start",
]  # fmt: skip
PLACES = [
    "{0}", "{0}", "{0}", "{0}/_history", "", "Patient/example/{0}", "_history", "{0}/$lastn", "Observation/$lastn",
    "Patient/example/$everything", "$export-status", "{0}/example", "{0}/example/$validate",
]  # fmt: skip


def question(chance: random.Random) -> tuple[str, list[tuple[str, str]]]:
    kind = chance.choice(official().resource_types)
    codes = list(official().search_parameters(kind))
    pairs = []
    for _ in range(chance.randint(1, 3)):
        name = chance.choice(codes) if chance.random() < 0.5 else chance.choice(NAMES)
        name += f":{chance.choice(MODIFIERS)}" if chance.random() < 0.4 else ""
        value = chance.choice(VALUES) + (chance.choice([",", "|", "$"]) + chance.choice(VALUES)) * chance.randint(0, 1)
        pairs.append((name, value))
    return chance.choice(PLACES).format(kind), pairs


@pytest.mark.parametrize("seed", range(3))
async def test_no_question_breaks_the_server(make_app: Callable[..., FhirApp], seed: int) -> None:
    chance = random.Random(seed)
    async with client_of(make_app()) as client:
        with tarfile.open(ARCHIVE) as archive:
            for member in list(archive)[seed::20]:
                file = archive.extractfile(member)
                body = json.loads(file.read()) if file else {}
                await client.put(f"{body['resourceType']}/{body['id']}", json=body)
        for _ in range(150):
            place, pairs = question(chance)
            prefer = {"Prefer": "handling=lenient"} if chance.random() < 0.3 else {}
            answer = await client.get(f"{place}?{urlencode(pairs)}", headers=prefer)
            assert answer.status_code < 500, (place, pairs, answer.text)
            if answer.headers["content-type"].startswith("application/fhir+json"):
                assert "resourceType" in answer.json()
