"""CDA in words; nothing of its markup survives."""

from pathlib import Path

import pytest

from hie.browse.attachment import binary
from hie.browse.document import div_text, document, plain_text
from tests.browse import seed

SAMPLES = Path(__file__).parents[2] / "adapters" / "jiashan" / "samples"


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


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("20260302101500", "2026-03-02 10:15"),
        ("20260302101500.25+0800", "2026-03-02 10:15"),
        ("202603021015+0800", "2026-03-02 10:15"),
        ("20260302180000+0000", "2026-03-03 02:00"),
        ("2026030210", "2026-03-02"),
        ("20260302", "2026-03-02"),
        ("202603", "2026-03"),
        ("19000101000000", None),
        ("soon", None),
    ],
)
def test_times_are_shown_in_china_time(sent: str, shown: str | None) -> None:
    found = document(
        seed.CDA.replace('effectiveTime value="20260301100000', f'effectiveTime value="{sent}', 1).encode()
    )
    assert dict(found.facts).get("fact.authored") == shown


def test_a_document_without_namespace_is_shown_too() -> None:
    assert document(seed.CDA.replace(' xmlns="urn:hl7-org:v3"', "").encode()) == document(seed.CDA.encode())


def test_sections_in_sections_follow_theirs() -> None:
    inner = "<component><section><title>内</title><text>内文</text></section></component></section>"
    found = document(seed.CDA.replace("</section>", inner, 1).encode())
    assert [(s.title, s.lines) for s in found.sections][1] == ("内", ("内文",))


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
    assert div_text("<div>10<sup>9</sup>/L，H<sub>2</sub>O</div>") == "10^9/L，H2O"
    assert div_text("") == ""
    assert div_text("<div>open") == ""


def test_plain_text_is_read_in_either_charset() -> None:
    assert [plain_text("病程\n平稳".encode(c)).text for c in ("utf-8", "gb18030")] == ["病程\n平稳"] * 2


def test_a_binary_gives_its_bytes() -> None:
    assert binary({"contentType": "application/xml", "data": "PGEvPg=="}) == ("application/xml", b"<a/>")
    assert binary({"data": "%"}) == ("application/octet-stream", b"")


@pytest.mark.parametrize(
    ("name", "title", "sections", "words"),
    [
        ("01-c0002-outpatient.xml", "门急诊病历", 4, "青霉素过敏"),
        ("02-c0007-nested.xml", "检验报告", 1, "白细胞偏高"),
        ("05-c0006-imaging-gb18030.xml", "检查报告", 1, "主观提示"),
        ("06-c0004-prescription.xml", "西药处方", 2, "阿莫西林胶囊"),
        ("07-c0053-discharge.xml", "出院小结", 6, "冠状动脉支架置入术"),
        ("09-c0007-wrongcharset.xml", "检验报告", 1, "检验项目"),
    ],
)
def test_documents_of_the_region_are_shown(name: str, title: str, sections: int, words: str) -> None:
    found = document((SAMPLES / name).read_bytes())
    assert (found.title, len(found.sections)) == (title, sections)
    text = " ".join(f"{e.label} {e.value}" for s in found.sections for e in s.entries)
    assert words in text


@pytest.mark.parametrize("name", ["10-bad-truncated.xml", "11-doctype.xml", "08-soap-register.xml"])
def test_what_the_region_sends_broken_is_not_readable(name: str) -> None:
    assert not document((SAMPLES / name).read_bytes()).readable
