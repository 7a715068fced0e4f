"""FHIR XML in and out."""

import httpx
import pytest

from tests.api.conftest import PATIENT

XML = {"content-type": "application/fhir+xml", "accept": "application/fhir+xml"}
BODY = b"""<Observation xmlns="http://hl7.org/fhir"><id value="o1"/><status value="final"/>
<code><text value="K"/></code><valueQuantity><value value="1.10"/></valueQuantity></Observation>"""


async def test_in_and_out(client: httpx.AsyncClient) -> None:
    made = await client.put("Observation/o1", content=BODY, headers=XML)
    assert (made.status_code, made.headers["content-type"].partition(";")[0]) == (201, "application/fhir+xml")
    assert b'<value value="1.10"/>' in made.content
    assert '"value":1.10' in (await client.get("Observation/o1")).text
    assert b'<value value="1.10"/>' in (await client.get("Observation/o1?_format=xml")).content
    assert b'\n  <id value="o1"/>' in (await client.get("Observation/o1?_format=xml&_pretty=true")).content


async def test_bundles_and_errors_in_xml(client: httpx.AsyncClient) -> None:
    await client.put("Observation/o1", content=BODY, headers=XML)
    bundle = await client.get("Observation", headers=XML)
    assert b'<Bundle xmlns="http://hl7.org/fhir">' in bundle.content
    assert b"<Observation" in bundle.content
    missing = await client.get("Observation/none", headers=XML)
    assert (missing.status_code, b"<OperationOutcome" in missing.content) == (404, True)
    assert (await client.get("metadata?_format=xml")).status_code == 200


async def test_a_transaction_in_xml(client: httpx.AsyncClient) -> None:
    body = (
        b'<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry><resource>' + BODY
        + b'</resource><request><method value="PUT"/><url value="Observation/o1"/></request></entry></Bundle>'
    )  # fmt: skip
    answer = await client.post("", content=body, headers=XML)
    assert b'<status value="201 Created"/>' in answer.content


async def test_hostile_xml(client: httpx.AsyncClient) -> None:
    bodies = {
        "doctype": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir"/>',
        "cut off": BODY[:60],
        "namespace": b"<Patient/>",
        "unknown": b'<Patient xmlns="http://hl7.org/fhir"><nonsense value="x"/></Patient>',
        "deep": b'<Patient xmlns="http://hl7.org/fhir">' + b"<contact>" * 5000 + b"</contact>" * 5000 + b"</Patient>",
        "json": b"{}",
        "empty": b"",
    }
    for name, body in bodies.items():
        answer = await client.post("Patient", content=body, headers=XML)
        assert answer.status_code == 400, name
        assert b"<OperationOutcome" in answer.content


async def test_what_r4_has_no_element_for_stays_json(client: httpx.AsyncClient) -> None:
    await client.put("Patient/p1", json={**PATIENT, "id": "p1", "nonsense": 1})
    assert (await client.get("Patient/p1")).status_code == 200
    assert (await client.get("Patient/p1", headers=XML)).status_code == 406


@pytest.mark.parametrize("path", ["Patient", "Patient/$validate"])
async def test_xml_that_is_no_fhir_tells_line_and_column(client: httpx.AsyncClient, path: str) -> None:
    body = '<Patient xmlns="http://hl7.org/fhir">\n <contact/>\n <contact>\n   <nonsense/></contact></Patient>'
    answer = await client.post(path, content=body, headers={**XML, "accept": "application/fhir+json"})
    (issue,) = answer.json()["issue"]
    assert (answer.status_code, issue["expression"]) == (400, ["Patient.contact[1].nonsense"])
    assert issue["details"]["text"].endswith("line 4, column 4")
    assert [one["valueInteger"] for one in issue["extension"]] == [4, 4]


async def test_xml_inside_a_bundle_is_placed_in_the_whole_text(client: httpx.AsyncClient) -> None:
    body = (
        '<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/>\n<entry><resource><Patient/></resource></entry>\n'
        '<entry><resource><Observation><valueQuantity>\n<size value="1"/></valueQuantity></Observation></resource>'
        "</entry></Bundle>"
    )
    answer = await client.post("", content=body, headers={**XML, "accept": "application/fhir+json"})
    (issue,) = answer.json()["issue"]
    assert issue["expression"] == ["Bundle.entry[1].resource.value.size"]
    assert issue["details"]["text"].endswith("line 4, column 1")
