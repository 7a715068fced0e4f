"""What is agreed with a FHIR sender and no item has."""

from pathlib import Path

from hie.mapping.fhir.met import Met
from hie.wire.submission import STATED, Entry, Submission

AGREED = """
[identifiers]
"https://a.example/id/patient" = "2.16.156.10011.2.5.1.4"
"https://a.example/id/patients" = "2.16.156.10011.2.5.1.4"
"https://a.example/id/pat" = "2.16.156.10011.2.5.1.4"
[keys]
Patient = ["https://a.example/id/patient", "https://a.example/id/visit"]
Encounter = ["https://a.example/id/visit"]
[codes]
"https://a.example/lab" = "a-lab"
[ignore]
Patient = ["photo", "contact"]
"""
PATIENT = {
    "resourceType": "Patient",
    "identifier": [{"system": "https://a.example/id/patient", "value": "1"}],
    "photo": [{}],
}


def test_what_is_agreed_and_no_item_has_is_named_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "a-fhir.toml").write_text(AGREED, encoding="utf-8")
    met = Met(tmp_path / "a-fhir.toml")
    met.look(Submission("resource", (Entry("Patient", "", STATED, "", "", PATIENT),), (), "", ""))
    assert list(map(str, met.never())) == [
        "a-fhir.toml:4:2: no item has the system 'https://a.example/id/patients'",
        "a-fhir.toml:5:2: no item has the system 'https://a.example/id/pat'",
        "a-fhir.toml:7:45: no Patient has the system 'https://a.example/id/visit'",
        "a-fhir.toml:10:2: no item has the system 'https://a.example/lab'",
        "a-fhir.toml:12:22: no Patient has the element 'contact'",
    ]
    search = "Observation?code=https://a.example/lab|K"
    met.look(Submission("resource", (Entry("Bundle.entry[0]", "", "POST", search, "", {}),), (), "", ""))
    assert len(met.never()) == 4
    assert not Met(tmp_path / "none.toml").never()
