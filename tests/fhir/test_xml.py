"""FHIR XML to and from JSON: every official example, and what must be refused."""

import tarfile
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from hie.base.errors import Category, HieError
from hie.fhir.definitions import official
from hie.fhir.xml import from_xml, to_xml
from hie.wire.safejson import dumps, loads

EXAMPLES = Path(__file__).parent.parent / "data" / "r4-examples" / "examples.tar.gz"
HEAD = '<Patient xmlns="http://hl7.org/fhir">'


def same_narrative_text(value: Any) -> Any:
    """Narratives in canonical XML without comments, keys sorted: bytes then compare decimals as written."""
    if isinstance(value, dict):
        return {
            key: etree.tostring(etree.fromstring(value[key]), method="c14n", with_comments=False).decode()
            if key == "div"
            else same_narrative_text(value[key])
            for key in sorted(value)
        }
    return [same_narrative_text(item) for item in value] if isinstance(value, list) else value


def test_all_official_examples_survive_the_way_through_xml() -> None:
    count = 0
    with tarfile.open(EXAMPLES) as tar:
        for member in tar:
            handle = tar.extractfile(member)
            assert handle is not None
            body = handle.read()
            back = from_xml(to_xml(loads(body), official()), official())
            assert dumps(same_narrative_text(back)) == dumps(same_narrative_text(loads(body))), member.name
            count += 1
    assert count == 777


def test_primitives_keep_ids_extensions_and_nulls() -> None:
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "active": True,
        "birthDate": "1980",
        "_birthDate": {"id": "b", "extension": [{"url": "urn:x", "valueDecimal": loads(b"1.10")}]},
        "name": [{"given": ["Ann", None], "_given": [None, {"extension": [{"url": "urn:y", "valueCode": "c"}]}]}],
    }
    xml = to_xml(patient, official())
    assert b'<birthDate id="b" value="1980">' in xml.replace(b'value="1980" id="b"', b'id="b" value="1980"')
    assert b'<valueDecimal value="1.10"/>' in xml
    assert from_xml(xml, official()) == patient


def test_elements_come_in_the_order_of_the_definition() -> None:
    xml = to_xml({"resourceType": "Patient", "gender": "male", "active": True, "id": "p"}, official()).decode()
    assert xml.index("<id ") < xml.index("<active ") < xml.index("<gender ")


@pytest.mark.parametrize(
    "text",
    [
        "<Patient/>",
        HEAD + "<shoe/></Patient>",
        HEAD + '<active value="true" colour="red"/></Patient>',
        HEAD + "words</Patient>",
        HEAD + '<birthDate value="1980"/><birthDate value="1981"/></Patient>',
        HEAD + "<contained/></Patient>",
        HEAD,
        '<!DOCTYPE x [<!ENTITY e "boom">]>' + HEAD + "</Patient>",
        '<Shoe xmlns="http://hl7.org/fhir"/>',
    ],
)
def test_what_is_not_fhir_xml_is_refused(text: str) -> None:
    with pytest.raises(HieError) as caught:
        from_xml(text.encode(), official())
    assert caught.value.category is Category.INVALID


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Shoe"},
        {"resourceType": "Patient", "shoe": 1},
        {"resourceType": "Patient", "name": ["x"]},
        {"resourceType": "Patient", "text": {"status": "empty", "div": "<div>"}},
    ],
)
def test_what_has_no_xml_form_is_refused(resource: dict[str, Any]) -> None:
    with pytest.raises(HieError):
        to_xml(resource, official())
