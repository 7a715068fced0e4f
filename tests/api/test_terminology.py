"""The terminology operations over HTTP, on every embedded store."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from hie.api.app import FhirApp
from hie.api.terminology import StoredTerminology
from hie.fhir.definitions import official
from hie.store.port import Store
from hie.terminology.library import Library
from hie.terminology.service import Terminology
from tests.api.conftest import client_of, issue

COLOURS = "http://example.org/colours"
COLOUR_SET = "http://example.org/ValueSet/colours"
CODES: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "id": "colours",
    "url": COLOURS,
    "version": "2",
    "name": "Colours",
    "status": "active",
    "content": "complete",
    "language": "en",
    "caseSensitive": False,
    "property": [{"code": "warm", "type": "boolean", "description": "Whether it is warm"}],
    "concept": [
        {
            "code": "red",
            "display": "Red",
            "definition": "The colour of blood",
            "designation": [{"language": "de", "value": "Rot"}],
            "property": [{"code": "warm", "valueBoolean": True}],
            "concept": [{"code": "crimson", "display": "Crimson"}, {"code": "scarlet", "display": "Scarlet"}],
        },
        {"code": "blue", "display": "Blue", "property": [{"code": "warm", "valueBoolean": False}]},
        {"code": "any", "display": "Any colour", "property": [{"code": "notSelectable", "valueBoolean": True}]},
        {"code": "puce", "display": "Puce", "property": [{"code": "inactive", "valueBoolean": True}]},
    ],
}
CHINESE: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "id": "colours-zh",
    "url": "http://example.org/colours-zh",
    "language": "zh",
    "status": "active",
    "content": "supplement",
    "supplements": COLOURS,
    "concept": [{"code": "red", "display": "红色"}, {"code": "blue", "display": "蓝色"}],
}
ALL: dict[str, Any] = {
    "resourceType": "ValueSet",
    "id": "colours",
    "url": COLOUR_SET,
    "status": "active",
    "compose": {"include": [{"system": COLOURS}]},
}
MAP: dict[str, Any] = {
    "resourceType": "ConceptMap",
    "id": "to-light",
    "url": "http://example.org/ConceptMap/to-light",
    "status": "active",
    "group": [
        {
            "source": COLOURS,
            "target": "http://example.org/light",
            "element": [
                {"code": "red", "target": [{"code": "700nm", "equivalence": "wider"}]},
                {"code": "puce", "target": [{"equivalence": "unmatched"}]},
            ],
            "unmapped": {"mode": "fixed", "code": "dark", "display": "Dark"},
        }
    ],
}


@pytest.fixture
async def terms(store: Store, make_app: Callable[..., FhirApp]) -> AsyncIterator[httpx.AsyncClient]:
    stored = StoredTerminology(store, Terminology(Library(official())))
    await stored.load()
    async with client_of(make_app(terminology=stored)) as opened:
        for resource in (CODES, CHINESE, ALL, MAP):
            made = await opened.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
            assert made.status_code == 201
        yield opened


def told(answer: httpx.Response, name: str) -> Any:
    """The value of a parameter of an answer."""
    assert answer.status_code == 200, answer.text
    rows = [row for row in answer.json()["parameter"] if row["name"] == name]
    return next((value for row in rows for key, value in row.items() if key.startswith("value")), None)


def codes(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["code"] for row in answer.json()["expansion"].get("contains", [])]


async def test_lookup_tells_all_about_a_code(terms: httpx.AsyncClient) -> None:
    answer = await terms.get("CodeSystem/$lookup", params={"system": COLOURS, "code": "RED"})
    assert (told(answer, "name"), told(answer, "version"), told(answer, "display")) == ("Colours", "2", "Red")
    rows = answer.json()["parameter"]
    parts = [{p["name"]: v for p in row["part"] for k, v in p.items() if k != "name"} for row in rows if "part" in row]
    assert {"code": "warm", "value": True, "description": "Whether it is warm"} in parts
    assert {"code": "child", "value": "scarlet"} in parts
    assert [part["value"] for part in parts if "language" in part] == ["Rot", "红色"]


async def test_a_supplement_gives_the_chinese_name(terms: httpx.AsyncClient) -> None:
    asked = {"system": COLOURS, "code": "red", "displayLanguage": "zh-CN"}
    assert told(await terms.get("CodeSystem/$lookup", params=asked), "display") == "红色"
    assert (await terms.delete("CodeSystem/colours-zh")).status_code == 204
    assert told(await terms.get("CodeSystem/$lookup", params=asked), "display") == "Red"


async def test_subsumes_both_ways(terms: httpx.AsyncClient) -> None:
    async def outcome(left: str, right: str) -> Any:
        params = {"system": COLOURS, "codeA": left, "codeB": right}
        return told(await terms.get("CodeSystem/$subsumes", params=params), "outcome")

    assert await outcome("red", "crimson") == "subsumes"
    assert await outcome("crimson", "red") == "subsumed-by"
    assert await outcome("red", "RED") == "equivalent"
    assert await outcome("blue", "crimson") == "not-subsumed"
    instance = await terms.get("CodeSystem/colours/$subsumes?codeA=red&codeB=scarlet")
    assert told(instance, "outcome") == "subsumes"


async def test_expand_in_pages_with_filter_and_language(terms: httpx.AsyncClient) -> None:
    whole = await terms.get("ValueSet/$expand", params={"url": COLOUR_SET})
    assert codes(whole) == ["red", "crimson", "scarlet", "blue", "any", "puce"]
    page = await terms.get("ValueSet/colours/$expand?offset=2&count=2")
    assert (codes(page), page.json()["expansion"]["total"]) == (["scarlet", "blue"], 6)
    found = await terms.get("ValueSet/colours/$expand?filter=lanse&displayLanguage=zh")
    assert [row["display"] for row in found.json()["expansion"]["contains"]] == ["蓝色"]
    assert codes(await terms.get("ValueSet/colours/$expand?filter=hs")) == ["red"]
    active = await terms.get("ValueSet/colours/$expand?activeOnly=true&excludeNotForUI=true")
    assert codes(active) == ["red", "crimson", "scarlet", "blue"]


async def test_a_write_counts_at_once(terms: httpx.AsyncClient) -> None:
    less = {**CODES, "concept": [{"code": "grey", "display": "Grey"}]}
    assert (await terms.put("CodeSystem/colours", json=less)).status_code == 200
    assert codes(await terms.get("ValueSet/colours/$expand")) == ["grey"]
    assert (await terms.delete("CodeSystem/colours")).status_code == 204
    gone = await terms.get("ValueSet/colours/$expand")
    assert (gone.status_code, issue(gone)["code"]) == (422, "not-found")


async def test_translate_forwards_backwards_and_unmapped(terms: httpx.AsyncClient) -> None:
    asked = {"url": MAP["url"], "system": COLOURS}
    found = await terms.get("ConceptMap/$translate", params={**asked, "code": "red"})
    assert told(found, "result") is True
    match = found.json()["parameter"][1]["part"]
    assert match[0]["valueCode"] == "wider"
    assert match[1]["valueCoding"] == {"system": "http://example.org/light", "code": "700nm"}
    back = await terms.get("ConceptMap/to-light/$translate?reverse=true&code=700nm&system=http://example.org/light")
    assert back.json()["parameter"][1]["part"][0]["valueCode"] == "narrower"
    assert told(await terms.get("ConceptMap/$translate", params={**asked, "code": "puce"}), "result") is False
    other = await terms.get("ConceptMap/$translate", params={**asked, "code": "blue"})
    assert other.json()["parameter"][1]["part"][1]["valueCoding"]["code"] == "dark"


async def test_the_statement_lists_the_operations(terms: httpx.AsyncClient) -> None:
    rows = {row["type"]: row for row in (await terms.get("metadata")).json()["rest"][0]["resource"]}
    assert {"lookup", "validate-code", "subsumes"} <= {row["name"] for row in rows["CodeSystem"]["operation"]}
    assert {"expand", "validate-code"} <= {row["name"] for row in rows["ValueSet"]["operation"]}
    assert "translate" in {row["name"] for row in rows["ConceptMap"]["operation"]}
