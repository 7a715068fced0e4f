"""CDA in words; nothing of its markup survives."""

import pytest

from hie.browse.document import binary, div_text, document
from tests.browse import seed


def test_sections_and_entries_in_order() -> None:
    found = document(seed.CDA.encode())
    assert (found.readable, found.title) == (True, "门急诊病历")
    assert [(s.code, s.title) for s in found.sections] == [
        ("48765-2", "Allergies, adverse reactions, alerts"),
        ("10154-3", "CHIEF COMPLAINT"),
    ]
    assert [(e.label, e.value, e.depth) for e in found.sections[0].entries] == [
        ("过敏史标志", "true", 0),
        ("过敏史", "青霉素过敏", 1),
    ]
    assert found.sections[1].lines == ("咳嗽一周", "体温　37.2℃")
    assert ("fact.author", "蒋禾") in found.facts
    assert ("fact.authored", "2026-03-01 10:00") in found.facts


def test_gb18030_under_a_wrong_name_is_read() -> None:
    assert document(seed.CDA.encode("gb18030")).title == "门急诊病历"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not xml",
        b"<a/>",
        seed.CDA.encode()[:400],
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><ClinicalDocument xmlns="urn:hl7-org:v3">&e;'
        b"</ClinicalDocument>",
    ],
)
def test_what_is_no_document_is_not_readable(data: bytes) -> None:
    assert not document(data).readable


def test_scripts_are_left_out_and_the_allergy_stays() -> None:
    found = document(seed.HOSTILE_CDA.encode())
    words = " ".join(line for s in found.sections for line in s.lines)
    assert 'alert("cda")' not in words
    assert "咳嗽" in words
    assert found.sections[0].entries[1].value.startswith("青霉素过敏")


def test_a_narrative_becomes_lines() -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><p>一</p><script>x</script><ul><li>二</li><li>三</li></ul></div>'
    assert div_text(div) == "一\n二\n三"
    assert div_text("") == ""
    assert div_text("<div>open") == ""


def test_a_binary_gives_its_bytes() -> None:
    assert binary({"contentType": "application/xml", "data": "PGEvPg=="}) == ("application/xml", b"<a/>")
    assert binary({"data": "%"}) == ("application/octet-stream", b"")
