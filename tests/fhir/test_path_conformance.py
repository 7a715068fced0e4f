"""The official FHIRPath suite for R4: 935 expressions; every miss is listed with its reason in misses.json."""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from hie.base.errors import HieError
from hie.fhir.definitions import official
from hie.fhir.path import Scope, compile
from hie.fhir.path.node import Value, system, type_info
from hie.fhir.path.temporal import Temporal
from hie.fhir.xml import from_xml
from hie.wire.safejson import loads

SUITE = Path(__file__).parent / "fhirpath"
TESTS = list(etree.parse(str(SUITE / "tests-fhir-r4.xml")).getroot().iter("test"))
MISSES = json.loads((SUITE / "misses.json").read_text())


@cache
def resource(name: str | None) -> dict[str, Any]:
    if name is None:
        return {"resourceType": "Patient"}
    body = (SUITE / name).read_bytes()
    return from_xml(body, official()) if name.endswith(".xml") else loads(body)


def shown(value: Value) -> tuple[str, str]:
    plain = system(value)
    if isinstance(plain, bool):
        plain = "true" if plain else "false"
    elif isinstance(plain, Temporal):
        plain = f"@{'T' if plain.kind == 'Time' else ''}{plain}"
    elif isinstance(plain, Decimal):
        plain = format(plain, "f")
    return type_info(value).name, str(plain)


def same(got: tuple[str, str], wanted: tuple[str | None, str]) -> bool:
    kind, text = wanted
    if kind is not None and kind.lower() != got[0].lower():
        return False
    return got[1] == text or (kind == "decimal" and Decimal(got[1]) == Decimal(text))


def problem(test: Any) -> str | None:
    """What is wrong with our answer to one test, None when it is right.

    Tests that must fail for their types (`semantic`) run in strict mode, as do those that say so.
    """
    expression = test.find("expression")
    invalid = expression.get("invalid")
    scope = Scope(strict=test.get("mode") == "strict" or invalid == "semantic")
    wanted = [(output.get("type"), output.text or "") for output in test.findall("output")]
    try:
        values = compile(expression.text).nodes(resource(test.get("inputfile")), None, scope)
    except HieError as error:
        return None if invalid else f"error: {error.message}"
    if invalid:
        return "should be an error"
    got = [("boolean", str(bool(values)).lower())] if test.get("predicate") == "true" else [shown(v) for v in values]
    if test.get("ordered") == "false":
        got, wanted = sorted(got), sorted(wanted, key=lambda output: output[1])
        got = sorted(got, key=lambda output: output[1])
    if len(got) != len(wanted) or not all(same(g, w) for g, w in zip(got, wanted, strict=True)):
        return f"{got} instead of {wanted}"
    return None


def test_the_official_tests_fail_where_it_is_known_and_nowhere_else() -> None:
    found = {test.get("name"): answer for test in TESTS if (answer := problem(test)) is not None}
    print(f"FHIRPath R4: {len(TESTS) - len(found)} of {len(TESTS)}")
    assert len(TESTS) == 935
    assert sorted(found) == sorted(MISSES), found


@pytest.mark.parametrize("name", sorted(MISSES))
def test_every_miss_has_a_reason(name: str) -> None:
    assert len(MISSES[name]) > 20
