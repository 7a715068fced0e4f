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


async def test_the_one_resource_parameter_may_be_the_body(terms: httpx.AsyncClient) -> None:
    expanded = await terms.post("ValueSet/$expand?count=1", json={**ALL, "id": "mine"})
    assert [row["code"] for row in expanded.json()["expansion"]["contains"]] == ["red"]
    for path, body in (("ValueSet", ALL), ("CodeSystem", CODES)):
        judged = await terms.post(f"{path}/$validate-code?system={COLOURS}&code=blue", json=body)
        assert judged.json()["parameter"][0] == {"name": "result", "valueBoolean": True}, path
    assert issue(await terms.post("ValueSet/$expand", json=CODES))["expression"] == ["valueSet"]
    odd = {**CODES, "property": 5, "concept": [{"code": "a", "property": [5], "designation": ["x"]}]}
    answer = await terms.post(f"CodeSystem/$validate-code?system={COLOURS}&code=a", json=odd)
    assert answer.json()["parameter"][0] == {"name": "result", "valueBoolean": True}


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


def posted(**given: Any) -> dict[str, Any]:
    """A Parameters resource: `posted(valueUri__url="…")` is the parameter `url` with `valueUri`."""
    rows = [{"name": key.partition("__")[2], key.partition("__")[0]: value} for key, value in given.items()]
    return {"resourceType": "Parameters", "parameter": rows}


async def test_validate_code_in_a_code_system(terms: httpx.AsyncClient) -> None:
    async def result(**given: Any) -> tuple[Any, Any]:
        answer = await terms.post("CodeSystem/$validate-code", json=posted(**given))
        return told(answer, "result"), told(answer, "display")

    coding = {"system": COLOURS, "code": "red", "display": "红色"}
    assert await result(valueCoding__coding=coding) == (True, "Red")
    assert await result(valueCoding__coding={**coding, "display": "Green"}) == (False, "Red")
    assert await result(valueUri__url=COLOURS, valueCode__code="green") == (False, None)
    assert await result(valueUri__url=f"{COLOURS}|2", valueCode__code="red") == (True, "Red")
    any_colour: dict[str, Any] = {"valueUri__url": COLOURS, "valueCode__code": "any"}
    assert await result(**any_colour, valueBoolean__abstract=False) == (False, "Any colour")
    assert await result(**any_colour) == (True, "Any colour")
    concept = {"coding": [{"system": "urn:other", "code": "x"}, coding]}
    assert await result(valueUri__url=COLOURS, valueCodeableConcept__codeableConcept=concept) == (True, "Red")
    assert await result(resource__codeSystem=CODES, valueCode__code="blue") == (True, "Blue")
    assert told(await terms.get("CodeSystem/colours/$validate-code?code=scarlet&display=Scarlet"), "result") is True


async def test_validate_code_in_a_value_set(terms: httpx.AsyncClient) -> None:
    async def result(path: str, **given: Any) -> Any:
        return told(await terms.post(path, json=posted(**given)), "result")

    whole, one = "ValueSet/$validate-code", "ValueSet/colours/$validate-code"
    assert await result(whole, valueUri__url=COLOUR_SET, valueCode__code="red", valueUri__system=COLOURS) is True
    assert await result(one, valueCode__code="red") is True
    assert await result(one, valueCode__code="green") is False
    concept = {"coding": [{"system": "urn:other", "code": "red"}, {"system": COLOURS, "code": "blue"}]}
    assert await result(one, valueCodeableConcept__codeableConcept=concept) is True
    only = {**ALL, "compose": {"include": [{"system": COLOURS, "concept": [{"code": "blue"}]}]}}
    assert await result(whole, resource__valueSet=only, valueCoding__coding={"system": COLOURS, "code": "red"}) is False


async def test_in_xml_too(terms: httpx.AsyncClient) -> None:
    body = (
        '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="coding"/><valueCoding>'
        f'<system value="{COLOURS}"/><code value="red"/></valueCoding></parameter></Parameters>'
    )
    headers = {"content-type": "application/fhir+xml", "accept": "application/fhir+xml"}
    answer = await terms.post("CodeSystem/$lookup", content=body, headers=headers)
    assert answer.status_code == 200
    assert '<valueString value="Colours"/>' in answer.text
    expanded = await terms.get("ValueSet/colours/$expand?count=1&_format=xml")
    assert '<code value="red"/>' in expanded.text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("CodeSystem/$lookup?code=1&system=http://snomed.info/sct", 404, "not-found"),
        (f"CodeSystem/$lookup?code=green&system={COLOURS}", 404, "not-found"),
        (f"CodeSystem/$lookup?code=red&system={COLOURS}&version=9", 404, "not-found"),
        ("CodeSystem/$lookup?code=red", 400, "required"),
        (f"CodeSystem/$lookup?code=red&system={COLOURS}&date=2020", 400, "not-supported"),
        (f"CodeSystem/$lookup?code=red&system={COLOURS}&nonsense=1", 400, "invalid"),
        (f"CodeSystem/$lookup?coding={COLOURS}", 400, "structure"),
        (f"CodeSystem/$subsumes?codeA=red&system={COLOURS}", 400, "required"),
        ("CodeSystem/$validate-code?code=red", 400, "required"),
        ("ValueSet/$expand", 400, "required"),
        ("ValueSet/$expand?url=urn:none", 404, "not-found"),
        ("ValueSet/none/$expand", 404, "not-found"),
        ("ValueSet/colours/$expand?count=x", 400, "value"),
        ("ValueSet/colours/$expand?activeOnly=maybe", 400, "value"),
        ("ValueSet/colours/$expand?context=x", 400, "not-supported"),
        ("ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/all-languages", 422, "too-costly"),
        ("ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/condition-code", 422, "not-found"),
        ("ConceptMap/$translate?url=urn:none&code=red", 404, "not-found"),
        ("ConceptMap/$translate?code=red", 400, "required"),
        ("metadata?mode=nonsense", 400, "value"),
    ],
)
async def test_what_cannot_be_answered_says_why(terms: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    answer = await terms.get(path)
    assert (answer.status_code, issue(answer)["code"]) == (status, code), answer.text
    assert len(issue(answer)["diagnostics"]) > 15


async def test_a_code_system_by_its_implied_value_set_and_a_grammar(terms: httpx.AsyncClient) -> None:
    below = await terms.get("ValueSet/$expand", params={"url": f"{COLOURS}?fhir_vs=isa/red"})
    assert codes(below) == ["red", "crimson", "scarlet"]
    languages = {"url": "http://hl7.org/fhir/ValueSet/all-languages", "system": "urn:ietf:bcp:47"}
    for code, right in (("zh-Hans-CN", True), ("not a language", False)):
        answer = await terms.get("ValueSet/$validate-code", params={**languages, "code": code})
        assert told(answer, "result") is right


async def test_all_maps_are_asked_when_none_is_named(terms: httpx.AsyncClient) -> None:
    answer = await terms.get("ConceptMap/$translate", params={"system": COLOURS, "code": "red"})
    assert told(answer, "result") is True
    other = await terms.get("ConceptMap/$translate", params={"system": COLOURS, "code": "red", "targetsystem": "urn:x"})
    assert told(other, "result") is False


async def test_the_terminology_statement_lists_what_is_here(terms: httpx.AsyncClient) -> None:
    statement = (await terms.get("metadata?mode=terminology")).json()
    assert statement["resourceType"] == "TerminologyCapabilities"
    rows = {row["uri"]: row for row in statement["codeSystem"]}
    assert rows[COLOURS]["subsumption"] is True
    assert rows[COLOURS]["version"][0]["code"] == "2"
    assert "urn:ietf:bcp:47" in rows
    assert len(rows) > 900
    assert "http://snomed.info/sct" not in rows
    assert (await terms.get("metadata")).json()["resourceType"] == "CapabilityStatement"


@pytest.fixture
async def observed(terms: httpx.AsyncClient) -> httpx.AsyncClient:
    for code in ("red", "crimson", "scarlet", "blue", "other"):
        coding = {"system": COLOURS, "code": code}
        observation = {"resourceType": "Observation", "id": code, "status": "final", "code": {"coding": [coding]}}
        assert (await terms.put(f"Observation/{code}", json=observation)).status_code == 201
    return terms


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"code:below={COLOURS}|red", "crimson red scarlet"),
        (f"code:below={COLOURS}|crimson", "crimson"),
        (f"code:above={COLOURS}|crimson", "crimson red"),
        (f"code:in={COLOUR_SET}", "blue crimson red scarlet"),
        ("code:in=ValueSet/colours", "blue crimson red scarlet"),
        (f"code:not-in={COLOUR_SET}", "other"),
        (f"code:in={COLOURS}?fhir_vs=isa/blue", "blue"),
        (f"code:below={COLOURS}|red&code:not={COLOURS}|red", "crimson scarlet"),
        ("code:in=http://hl7.org/fhir/ValueSet/administrative-gender", ""),
        ("code:not-in=http://hl7.org/fhir/ValueSet/administrative-gender", "blue crimson other red scarlet"),
    ],
)
async def test_a_modifier_of_codes_finds_by_the_code_system(
    observed: httpx.AsyncClient, query: str, found: str
) -> None:
    pairs = [tuple(part.split("=", 1)) for part in query.split("&")]
    answer = await observed.get("Observation", params=pairs)
    assert answer.status_code == 200, answer.text
    assert " ".join(sorted(row["resource"]["id"] for row in answer.json().get("entry", []))) == found


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("code:in=urn:none", "not-found"),
        ("code:below=red", "value"),
        (f"code:below={COLOURS}|green", "not-found"),
        ("code:below=http://snomed.info/sct|1", "not-found"),
        ("code:in=http://hl7.org/fhir/ValueSet/all-languages", "too-costly"),
    ],
)
async def test_search_modifiers_that_cannot_be_told_are_refused(
    observed: httpx.AsyncClient, query: str, code: str
) -> None:
    name, _, value = query.partition("=")
    answer = await observed.get("Observation", params={name: value})
    assert (answer.status_code, issue(answer)["code"]) == (400, code)
    assert issue(answer)["expression"] == [name]


async def test_what_another_server_wrote_is_noticed(store: Store, make_app: Callable[..., FhirApp]) -> None:
    here, there = (StoredTerminology(store, Terminology(Library(official()))) for _ in range(2))
    for stored in (here, there):
        await stored.load()
    async with client_of(make_app(terminology=here)) as writer, client_of(make_app(terminology=there)) as reader:
        asked = {"system": COLOURS, "code": "red"}
        assert (await writer.put("CodeSystem/colours", json=CODES)).status_code == 201
        assert (await reader.get("CodeSystem/$lookup", params=asked)).status_code == 404
        await there.load()
        assert told(await reader.get("CodeSystem/$lookup", params=asked), "display") == "Red"
        assert (await writer.delete("CodeSystem/colours")).status_code == 204
        await there.load()
        assert (await reader.get("CodeSystem/$lookup", params=asked)).status_code == 404


async def test_shipped_resources_are_read_only(store: Store, make_app: Callable[..., FhirApp]) -> None:
    stored = StoredTerminology(store, Terminology(Library(official())), [MAP])
    await stored.publish()
    await stored.load()
    async with client_of(make_app(terminology=stored)) as client:
        assert (await client.get("ConceptMap/to-light")).json()["url"] == MAP["url"]
        found = (await client.get("ConceptMap", params={"url": MAP["url"]})).json()["entry"]
        assert [row["resource"]["id"] for row in found] == ["to-light"]
        for refused in (await client.delete("ConceptMap/to-light"), await client.put("ConceptMap/to-light", json=MAP)):
            assert (refused.status_code, issue(refused)["code"]) == (403, "business-rule")
        await stored.publish()
        assert (await client.get("ConceptMap/to-light")).headers["etag"] == 'W/"1"'


async def test_without_a_terminology_service_there_are_no_such_operations(client: httpx.AsyncClient) -> None:
    assert (await client.get("CodeSystem/$lookup?system=x&code=y")).status_code == 404
    answer = await client.get("Observation?code:in=urn:x")
    assert (answer.status_code, issue(answer)["code"]) == (400, "not-supported")
