"""The code systems, value sets and naming systems of the exchange: built from their tables, valid, in two languages."""

from hie.base.resource import Json
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from adapters.wujiang import adapter as wujiang
from hie.app import load_adapters
from hie.app.terminology import shipped_resources
from hie.base.systems import REGION
from hie.base.data import data_path
from hie.base.systems import NATIONAL_ID, identifier_system
from hie.fhir.definitions import load_definitions
from hie.fhir.validate import Validator
from hie.mapping.codefile import load_codes
from tools.build_profiles import BUILT, FOLDER, files



BESIDE = {("national-id", "binding-extensible")}
"""NI is a code of v2-0203 that the extensible value set of R4 does not list."""


def ours(kind: str) -> Iterator[Json]:
    for path in sorted(FOLDER.glob(f"{kind}-*.json")):
        yield json.loads(path.read_bytes())


def test_the_files_are_what_the_tables_make() -> None:
    kept = {path.name: path.read_bytes() for kind in BUILT for path in FOLDER.glob(f"{kind}-*.json")}
    made = files()
    assert kept.keys() == made.keys(), "run: python -m tools.build_profiles"
    assert [name for name in made if kept[name] != made[name]] == [], "run: python -m tools.build_profiles"


@pytest.mark.parametrize("kind", ["CodeSystem", "ValueSet", "NamingSystem"])
def test_they_are_valid_fhir(kind: str) -> None:
    validator = Validator(load_definitions())
    rows = list(ours(kind))
    assert len(rows) > 40
    assert {(row["id"], issue.rule) for row in rows for issue in validator.validate(row)} <= BESIDE


def test_every_code_of_a_code_map_is_in_its_code_system() -> None:
    known = {
        (system["url"], concept["code"]): {concept["display"], *(d["value"] for d in concept.get("designation", ()))}
        for system in ours("CodeSystem")
        for concept in system.get("concept", ())
    }
    checked = 0
    for table in load_codes(data_path("mappings", "codes")).values():
        for row in table.rows.values():
            if not row.source_system.startswith("http://"):
                assert {*row.names} <= known[row.source_system, row.code], (table.name, row.code)
                checked += 1
    assert checked > 250


def test_every_source_system_of_a_code_map_has_a_code_system() -> None:
    tables = load_codes(data_path("mappings", "codes")).values()
    spoken = {table.system for table in tables if table.system and not table.system.startswith("http://")}
    assert spoken <= {system["url"] for system in ours("CodeSystem")}


def test_a_concept_is_told_in_chinese_and_english() -> None:
    found = {system["id"]: system for system in ours("CodeSystem")}
    female = {"code": "2", "display": "女性"}
    designations = [{"language": "en", "value": "Female"}, {"language": "zh-CN", "value": "女"}]
    assert {**female, "designation": designations} in found["gender"]["concept"]
    assert len(found["ethnic-group"]["concept"]) == 58
    assert found["icd-10"]["content"] == "not-present"


def test_a_local_number_has_the_system_of_each_organisation() -> None:
    ids = {row["id"]: {one["value"] for one in row["uniqueId"]} for row in ours("NamingSystem")}
    expected = {
        identifier_system(organisation.uscc, "2.16.156.10011.1.33")
        for adapter in load_adapters()
        for organisation in adapter.organisations
    }
    assert len(expected) == 9
    assert expected < ids["laboratory-report"]
    assert ids["national-id"] == {NATIONAL_ID.removeprefix("urn:oid:"), NATIONAL_ID}
    assert "https://hie.example.org/id/12310118MBHE03010J/passport" in ids["passport"]
    assert "https://hie.example.org/id/12320509MBHE01015B/passport" not in ids["passport"]


def test_the_region_of_an_installed_package_is_a_region() -> None:
    """Its resources are tagged with it: without the code each of them failed `$validate`."""
    adapters = (wujiang, replace(wujiang, region="kunshan", title="昆山市"))
    (regions,) = (row for row in shipped_resources((), adapters) if row.get("url") == REGION)
    assert [concept["code"] for concept in regions["concept"]] == ["wujiang", "jiashan", "qingpu", "kunshan"]
    assert (regions["concept"][-1]["display"], regions["count"]) == ("昆山市", 4)
