"""Local concepts, closed tables that are only checked, references by number, presence, narrative."""

from typing import Any

import pytest
from lxml import etree

from hie.base.data import data_path
from hie.mapping.codefile import load_codes
from hie.mapping.context import Context
from hie.mapping.transforms import coded, dates, identifiers
from hie.mapping.transforms.clinical import document_address, signer
from hie.mapping.transforms.narrative import narrative, sections
from tests.mapping.transforms.notebook import ORGANISATION, Notebook

ID = f"https://hie.example.org/id/{ORGANISATION}"


@pytest.fixture
def context() -> Context:
    codes = load_codes(data_path("mappings", "codes"))
    received = Notebook().received
    return Context(region="qingpu", organisation=ORGANISATION, feed="qingpu-xml", received=received, codes=codes)


def test_an_address_of_cda_keeps_its_lines(context: Context) -> None:
    lines = "<streetAddressLine>朝阳东路 1 号</streetAddressLine><streetAddressLine>2 楼</streetAddressLine>"
    node = etree.fromstring(f"<addr>{lines}<city>嘉兴市</city><state>浙江省</state></addr>")
    found = document_address(node, context)
    assert found is not None
    assert (found["text"], found["line"]) == ("浙江省嘉兴市朝阳东路 1 号2 楼", ["朝阳东路 1 号2 楼"])


def test_a_staff_number_has_a_root_of_the_region(context: Context) -> None:
    ids = '<id root="1.2.156.9" extension="0301"/><id root="1.2.156.4" extension="2001"/>'
    node = etree.fromstring(f"<author>{ids}<assignedPerson><name>姚立</name></assignedPerson></author>")
    assert signer(node, context) == {"display": "姚立"}
    number = {"system": f"{ID}/2.16.156.10011.1.4", "value": "2001"}
    assert signer(node, context, root="1.2.156.4") == {"display": "姚立", "identifier": number}


@pytest.mark.parametrize(("code", "found"), [("1", []), (" １ ", []), ("7", ["code-unknown"]), ("", [])])
def test_check_code_states_nothing(context: Context, code: str, found: list[str]) -> None:
    coded.check_code(code, context, table="qingpu-change-flag")
    assert [f.code for f in context.findings] == found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            ("01", "内科"),
            {
                "coding": [{"system": f"{ID}/dept", "code": "01", "display": "内科", "userSelected": True}],
                "text": "内科",
            },
        ),
        (("01", ""), {"coding": [{"system": f"{ID}/dept", "code": "01", "userSelected": True}]}),
        (("A  1", ""), {"coding": [{"system": f"{ID}/dept", "code": "A 1", "userSelected": True}]}),
        (("", "内科"), {"text": "内科"}),
        (("", " "), None),
    ],
)
def test_a_local_concept_is_a_code_with_its_name(context: Context, value: tuple[str, str], expected: Any) -> None:
    assert coded.local_concept(value, context, kind="dept") == expected


def test_local_concept_of_a_fixed_system(context: Context) -> None:
    found = coded.local_concept(("A", ""), context, system="urn:x")
    assert found == {"coding": [{"system": "urn:x", "code": "A", "userSelected": True}]}


def test_identifiers_whose_kind_depends_on_another_value() -> None:
    found = identifiers.qualified_identifier(("K1", "２"), Notebook(), kind="card-{}")
    assert found == {"system": f"{ID}/card-2", "value": "K1"}
    odd = identifiers.qualified_identifier(("K1", "A　1:2"), Notebook(), kind="card-{}")
    assert odd == {"system": f"{ID}/card-A%201%3A2", "value": "K1"}
    assert identifiers.qualified_identifier(("K1", ""), Notebook(), kind="card-{}") is None
    assert identifiers.qualified_identifier(("", "2"), Notebook(), kind="card-{}") is None


def test_a_reference_to_somebody_known_by_a_number() -> None:
    found = identifiers.identifier_reference("D1", Notebook(), kind="2.16.156.10011.1.4")
    assert found == {"identifier": {"system": f"{ID}/2.16.156.10011.1.4", "value": "D1"}}
    assert identifiers.identifier_reference("-", Notebook(), kind="x") is None


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2026-04-09 15:30:00", "yes"),
        ("20260409", "yes"),
        ("sometime", "yes"),
        ("1900-01-01 00:00:00", "no"),
        ("19000101", "no"),
        ("-", "no"),
        ("无", "no"),
        ("", "no"),
        (None, "no"),
    ],
)
def test_a_flag_or_a_date_says_whether_something_is_there(sent: str | None, expected: str) -> None:
    notes = Notebook()
    assert dates.presence(sent, notes, present="yes", absent="no") == expected
    assert notes.codes == []


def test_narrative_escapes_markup_and_keeps_lines() -> None:
    found = narrative(' a<b & "c"\r\n d ')
    div = '<div xmlns="http://www.w3.org/1999/xhtml">a&lt;b &amp; "c"<br/>d</div>'
    assert found == {"status": "generated", "div": div}


def test_sections_without_text_are_left_out(context: Context) -> None:
    found = sections(("a", "", "c"), context, titles=["A", "B", "C"]) or {}
    assert {slot: stated and stated["title"] for slot, stated in found.items()} == {
        "section[]": None,
        "section[]#1": "A",
        "section[]#3": "C",
    }
    assert sections(("", "", ""), context, titles=["A", "B", "C"]) is None
