"""A whole exchange and its terminology: code maps to read, a code list loaded while it runs, $validate beside it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from typer.testing import CliRunner

from hie.app import Exchange, load_adapters, open_exchange
from hie.base.data import data_path
from hie.cli import app as cli
from hie.config import load_config
from hie.mapping.codefile import load_codes
from hie.terminology.loading import Source, load
from tests.mongo_store import database_uri

GENDER = "urn:oid:2.16.156.10011.2.3.3.4"
ICD = "urn:oid:2.16.156.10011.2.3.3.11"
ROWS = "疾病编码,疾病名称\nE10-E14,糖尿病\nE11,2型糖尿病\nE11.900,2型糖尿病不伴有并发症\nI10,特发性高血压\n"


def client(exchange: Exchange) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=exchange.web), base_url="http://test/fhir/")


def value(answer: httpx.Response, name: str) -> Any:
    rows = (row for row in answer.json()["parameter"] if row["name"] == name)
    return next((given for row in rows for key, given in row.items() if key.startswith("value")), None)


async def test_code_maps_and_our_own_terminology_are_there_to_read_and_search(exchange: Exchange) -> None:
    async with client(exchange) as fhir:
        assert (await fhir.get("ConceptMap/gender")).json()["url"] == "https://hie.example.org/fhir/ConceptMap/gender"
        found = (await fhir.get("ConceptMap", params={"source-code": "2", "_count": "100"})).json()["entry"]
        assert "gender" in {row["resource"]["id"] for row in found}
        named = {"url": "https://hie.example.org/fhir/ConceptMap/gender", "system": GENDER, "code": "2"}
        answer = await fhir.get("ConceptMap/$translate", params=named)
        assert answer.json()["parameter"][1]["part"][1]["valueCoding"]["code"] == "female"
        assert (await fhir.get("CodeSystem", params={"url": GENDER})).json()["entry"][0]["resource"]["id"] == "gender"
        english = await fhir.get("CodeSystem/$lookup", params={"system": GENDER, "code": "2", "displayLanguage": "en"})
        assert value(english, "display") == "Female"
        ethnic = await fhir.get("ValueSet/ethnic-group/$expand?filter=zhuang")
        assert [row["display"] for row in ethnic.json()["expansion"]["contains"]] == ["壮族"]
        assert (await fhir.delete("ConceptMap/gender")).status_code == 403


async def test_a_code_list_that_is_loaded_while_the_server_runs(exchange: Exchange, tmp_path: Path) -> None:
    condition: dict[str, Any] = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"display": "x"},
        "code": {"coding": [{"system": ICD, "code": "E11.900"}]},
    }
    wrong = {**condition, "code": {"coding": [{"system": ICD, "code": "E99.999"}]}}
    async with client(exchange) as fhir:
        asked = {"url": ICD, "code": "E11.900"}
        missing = await fhir.get("CodeSystem/$validate-code", params=asked)
        assert (missing.status_code, missing.json()["issue"][0]["code"]) == (404, "not-found")
        (tmp_path / "icd.csv").write_text(ROWS, encoding="utf-8")
        source = Source(tmp_path / "icd.csv", ICD, "icd10", name="Icd10")
        load(exchange.config.terminology_path, source, datetime(2026, 1, 18, tzinfo=UTC))
        assert value(await fhir.get("CodeSystem/$validate-code", params=asked), "result") is True
        assert (await fhir.put("Condition/c", json=condition)).status_code == 201
        below = (await fhir.get("Condition", params={"code:below": f"{ICD}|E10-E14"})).json()
        assert [row["resource"]["id"] for row in below["entry"]] == ["c"]
        rules = {}
        for name, resource in (("right", condition), ("wrong", wrong)):
            issues = (await fhir.post("Condition/$validate", json=resource)).json()["issue"]
            rules[name] = {row["details"]["coding"][0]["code"] for row in issues if "details" in row}
        assert rules["wrong"] - rules["right"] == {"code-unknown"}


def test_the_command_line_loads_lists_and_removes(tmp_path: Path) -> None:
    (tmp_path / "icd.csv").write_bytes((ROWS + "I10,再次\n,无\n").encode("gb18030"))

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["terminology", *arguments, "--data", str(tmp_path)], env={"COLUMNS": "200"})
        return done.exit_code, done.output

    loading = ("load", str(tmp_path / "icd.csv"), "--system", ICD, "--format", "icd10", "--version", "2")
    code, output = run(*loading)
    assert code == 0
    assert "4 codes" in output
    assert "1 codes that stood twice" in output
    assert "1 rows without a code" in output
    assert "nothing changed" in run(*loading)[1]
    assert ICD in run("list")[1]
    assert run("remove", ICD) == (0, "1 removed\n")
    assert run("remove", ICD)[0] == 1
    assert "Nothing is loaded" in run("list")[1]
    assert run("load", str(tmp_path / "icd.csv"), "--system", ICD, "--format", "xls")[0] == 2


async def test_the_same_on_mongodb(tmp_path: Path, mongodb_uri: str) -> None:
    store = database_uri(mongodb_uri, f"hie_{uuid4().hex[:8]}")
    settings = {"data": tmp_path, "store": store, "mllp_port": -1, "workers": 0}
    one, other = [
        await open_exchange(load_config({**settings, "drop_poll_seconds": 0, "retry_poll_seconds": 0}, {}))
        for _ in range(2)
    ]
    codes = {"resourceType": "CodeSystem", "id": "t", "url": "urn:test:t", "status": "active", "content": "complete",
             "concept": [{"code": "a", "display": "A", "concept": [{"code": "b", "display": "B"}]}]}  # fmt: skip
    coded = {"resourceType": "Basic", "id": "x", "code": {"coding": [{"system": "urn:test:t", "code": "b"}]}}
    await one.start()
    async with client(one) as fhir:
        assert (await fhir.put("CodeSystem/t", json=codes)).status_code == 201
        assert (await fhir.put("Basic/x", json=coded)).status_code == 201
        found = (await fhir.get("Basic", params={"code:below": "urn:test:t|a"})).json()
        assert [row["resource"]["id"] for row in found["entry"]] == ["x"]
        assert "entry" not in (await fhir.get("Basic", params={"code:not-in": "urn:test:t?fhir_vs"})).json()
        translated = await fhir.get("ConceptMap/gender/$translate", params={"system": GENDER, "code": "1"})
        assert value(translated, "result") is True
    await other.start()
    async with client(other) as fhir:
        asked = {"system": "urn:test:t", "codeA": "a", "codeB": "b"}
        assert value(await fhir.get("CodeSystem/$subsumes", params=asked), "outcome") == "subsumes"
    await one.close()
    await other.close()


async def test_a_loaded_code_list_names_and_judges_what_feeds_send(exchange: Exchange, tmp_path: Path) -> None:
    sample = next(a.samples for a in load_adapters() if a.region == "wujiang") / "01-admit-a01.hl7"
    message = sample.read_bytes().decode()

    async def checked(old: str, new: str) -> tuple[set[str], dict[str, Any]]:
        """The findings about a message with something changed, and the concept of its diagnosis."""
        body = message.replace(old, new)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=exchange.web), base_url="http://test") as http:
            report = (await http.post("/feeds/wujiang-hl7v2/$check", content=body.encode())).json()["parts"][0]
        concept = next(
            code
            for contribution in report["draft"]
            for member in contribution.get("m", ())
            if (code := member[1].get("code")) is not None
        )
        return {f["code"] for f in report["findings"] if f["path"].startswith("DG1")}, concept

    unnamed = ("J18.900^肺炎^I10", "J18.900")
    before = await checked(*unnamed)
    assert before == (
        {"code-unmapped"},
        {"coding": [{"system": ICD, "code": "J18.900", "userSelected": True}], "text": "J18.900"},
    )
    rows = "疾病编码,疾病名称\nJ18,肺炎\nJ18.900,未特指病原体的肺炎\n"
    (tmp_path / "icd.csv").write_text(rows, encoding="utf-8")
    source = Source(tmp_path / "icd.csv", ICD, "icd10", name="Icd10")
    load(exchange.config.terminology_path, source, datetime(2026, 1, 18, tzinfo=UTC))
    found, concept = await checked(*unnamed)
    assert (found, concept["coding"][0]["display"]) == ({"code-unmapped"}, "未特指病原体的肺炎")
    assert (await checked("J18.900^肺炎", "J18.999^肺炎"))[0] == {"code-unknown", "code-unmapped"}
    assert (await checked("J18.900^肺炎", "J18.900^大叶肺炎"))[1]["text"] == "大叶肺炎"


async def test_quality_rules_ask_the_loaded_code_systems(exchange: Exchange, tmp_path: Path) -> None:
    sample = next(a.samples for a in load_adapters() if a.region == "wujiang") / "07-oru-two-orders.hl7"

    async def rules() -> set[str]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=exchange.web), base_url="http://test") as http:
            report = (await http.post("/feeds/wujiang-hl7v2/$check", content=sample.read_bytes())).json()
        return {f["rule"] for part in report["parts"] for f in part["findings"] if "rule" in f}

    assert "result-in-loinc" not in await rules()
    for codes, broken in (("718-7,Hemoglobin", True), (None, False)):
        text = (
            "LOINC_NUM,LONG_COMMON_NAME\n" + (codes or "\n".join(f"{code},x" for code in sorted(loinc_codes()))) + "\n"
        )
        (tmp_path / "loinc.csv").write_text(text, encoding="utf-8")
        source = Source(tmp_path / "loinc.csv", "http://loinc.org", "loinc", name="Loinc")
        load(exchange.config.terminology_path, source, datetime(2026, 1, 18, tzinfo=UTC))
        assert ("result-in-loinc" in await rules()) is broken


def loinc_codes() -> set[str]:
    """Every LOINC code that a code map translates to."""
    tables = load_codes(data_path("mappings", "codes")).values()
    return {
        row.target_code for table in tables for row in table.rows.values() if row.target_system == "http://loinc.org"
    }
