"""Lines and columns of issues in JSON and XML text."""

from hie.fhir.validate import Validator

JSON = """{
  "resourceType": "Patient",
  "name": [
    {"text": "\\u4e2d"},
    {"given": ["a", "",
       "c"], "use": "x\\"y"}
  ],
  "birthDate" : "2023-02-30"
}"""

XML = """<?xml version="1.0"?>
<Bundle xmlns="http://hl7.org/fhir">
  <type value="collection"/>
  <entry>
    <fullUrl value="urn:x"/>
    <resource>
      <Patient>
        <name><given value="a"/><use value="x"/></name>
      </Patient>
    </resource>
  </entry>
</Bundle>"""


def places(validator: Validator, text: str) -> dict[str, tuple[int, int]]:
    issues = validator.validate_text(text.encode())
    return {issue.expression[0]: (issue.line, issue.column) for issue in issues if issue.fails}


def test_json(validator: Validator) -> None:
    assert places(validator, JSON) == {
        "Patient.name[1].given[1]": (5, 21),
        "Patient.name[1].use": (6, 14),
        "Patient.birthDate": (8, 3),
    }


def test_a_byte_order_mark_does_not_shift_columns(validator: Validator) -> None:
    assert places(validator, "\ufeff" + '{"resourceType":"Patient","active":1}') == {"Patient.active": (1, 27)}


def test_xml(validator: Validator) -> None:
    assert places(validator, XML) == {"Bundle.entry[0].resource.name[0].use": (8, 33)}


def test_what_is_missing_is_placed_at_its_parent(validator: Validator) -> None:
    text = (
        '{"resourceType": "Bundle", "type": "collection",\n "entry": [\n  {"link": [{"url": "x"}], "fullUrl": "urn:x",'
    )
    text += ' "resource": {"resourceType": "Basic",\n "id": "1"}}]}'
    assert places(validator, text) == {
        "Bundle.entry[0].link[0]": (3, 13),
        "Bundle.entry[0].resource": (3, 48),
    }


def test_text_that_cannot_be_read_is_fatal(validator: Validator) -> None:
    for text in (b"{", b"<a", b"", b"<Patient xmlns='http://hl7.org/fhir'><foo/></Patient>", b'{"a": 1, "a": 2}'):
        assert [issue.severity for issue in validator.validate_text(text)] == ["fatal"]
