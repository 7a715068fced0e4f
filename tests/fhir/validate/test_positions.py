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


def test_issues_have_their_line_and_column_in_json(validator: Validator) -> None:
    assert places(validator, JSON) == {
        "Patient.name[1].given[1]": (5, 21),
        "Patient.name[1].use": (6, 14),
        "Patient.birthDate": (8, 3),
    }


def test_a_byte_order_mark_does_not_shift_columns(validator: Validator) -> None:
    assert places(validator, "\ufeff" + '{"resourceType":"Patient","active":1}') == {"Patient.active": (1, 27)}


def test_issues_have_their_line_and_column_in_xml(validator: Validator) -> None:
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


def test_an_element_that_xml_does_not_know_is_placed(validator: Validator) -> None:
    text = '<Patient xmlns="http://hl7.org/fhir">\n <active value="true"/>\n <name><gendr/></name>\n</Patient>'
    issue = validator.validate_text(text.encode())[0]
    assert (issue.severity, issue.expression, issue.line, issue.column) == ("fatal", ("Patient.name[0].gendr",), 3, 8)


def test_text_that_is_cut_off_is_placed(validator: Validator) -> None:
    issue = validator.validate_text(b'{"resourceType":\n "Patient", "name": [')[0]
    assert (issue.severity, issue.rule, issue.line, issue.column) == ("fatal", "text", 2, 22)


def test_a_resource_inside_another_text_is_placed_there(validator: Validator) -> None:
    raw = b'{"a": [\n {"resource": {"resourceType": "Patient",\n  "gender": "M"}}]}'
    patient = {"resourceType": "Patient", "gender": "M"}
    issue = next(i for i in validator.all_issues(patient, raw=raw, within=("a", 0, "resource")) if i.fails)
    assert (issue.line, issue.column) == (3, 3)
