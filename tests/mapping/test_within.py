"""Coverage within fields: what documents and messages have in the fields that a map knows, and no map reads."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from hie.base.data import data_path
from hie.base.record import Delivery, Record
from hie.mapping.apply import MapSet
from hie.mapping.context import Context
from hie.mapping.dialects.cda_looks import looks
from hie.mapping.within import Within, WithinCoverage
from hie.plugin import Adapter, Feed
from hie.wire.clinical_document import number_entries
from hie.wire.hl7v2 import parse as parse_message
from hie.wire.hl7v2_group import group

NUMBER = "2.16.156.10011.1.11"
CDA_MAP = f"""
[map]
feed = "x-cda"
dialect = "cda"
types = ["C0007"]
order = ["document:order"]
ignore = ["author/time", "section(9)//obs(B)", "//@codeSystem"]

[[resource]]
name = "patient"
type = "Patient"
key = {{ kind = "{NUMBER}", value = "recordTarget/patientRole/id[@root='{NUMBER}']/@extension" }}

[[resource.field]]
source = "recordTarget/patientRole/telecom/@value"
target = "telecom[]"
item = {{ value = "{{value}}" }}

[[resource.field]]
source = "recordTarget/patientRole/patient/administrativeGenderCode/@code"
target = "gender"

[[resource]]
type = "Observation"
context = "section(9)//observation[templateId/@root='1.5' and code/@codeSystem='s']"
key = {{ kind = "k", value = "effectiveTime/low/@value | effectiveTime/@value" }}
subject = "patient"

[[resource.field]]
source = "node:."
transform = "x-result"
target = "*"

[[resource.field]]
source = "translate(normalize-space(code/@code), '-', '')"
target = "code.text"
"""
DOCUMENT = f"""<ClinicalDocument xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<templateId root="2.16.156.10011.2.1.1.27"/><id extension="d" root="1"/><code code="C0007"/><title>t</title>
<effectiveTime value="20260302111500"/><recordTarget typeCode="RCT"><patientRole>
<id root="{NUMBER}" extension="1"/><id root="1.2.3" extension="2"/>
<telecom value="1"/><telecom value="2" use="HP"/><patient><name>n</name>
<administrativeGenderCode code="1"/><administrativeGenderCode code="2"/></patient></patientRole></recordTarget>
<author><time value="2026"/><assignedAuthor><assignedPerson><name>a</name></assignedPerson></assignedAuthor></author>
<component><structuredBody><component><section><code code="9"/><title>T</title><text>said <b>so</b></text>
<entry><observation classCode="OBS" negationInd="true"><templateId root="1.5"/>
<code code="77-1" displayName="d" codeSystem="s"/>
<effectiveTime value="20260302"/><value xsi:type="PQ" value="5" unit="g" codeSystem="s"><translation code="t"/></value>
<interpretationCode code="H"/><methodCode/>
<entryRelationship><observation><code code="B"/><value>x</value><methodCode code="m"/></observation></entryRelationship>
<entryRelationship><observation><code code="C"/><value>y</value><methodCode code="m"/></observation></entryRelationship>
</observation></entry></section></component></structuredBody></component></ClinicalDocument>"""

HL7_MAP = """
[map]
feed = "x-hl7v2"
dialect = "hl7v2"
types = ["ADT^A28"]
order = ["MSH-7.1", "MSH-10"]
ignore = ["MSH-*", "PID-5.7"]

[[resource]]
name = "patient"
type = "Patient"
key = { kind = "k", value = "PID-3.1" }

[[resource.field]]
source = "PID-5"
transform = "hl7-name"
target = "name[]"

[[resource.field]]
source = "PID-8.1"
target = "gender"

[[resource.field]]
source = "PID-15:name"
target = "communication[]"
item = { language = { text = "{value}" } }
"""
MESSAGE = (
    b"MSH|^~\\&|A|B|||20260101||ADT^A28|1|P|2.4\r"
    b"PID|1||L1^^^WJ~L2^^^WJ||N^G^^^^^L^I||1980|F~U|||A^B||||zh^Chinese^ISO\rZPD|x\r"
)


def result(node: Any, context: Context) -> dict[str, Any]:
    """A transform of a package: it reads an element in its own ways."""
    value = node.find("value")
    return {
        "valueString": f"{value.get('value')} {value.xpath('@unit')[0]}",
        "note": node.findtext("entryRelationship/x"),
    }


def within(tmp_path: Path, dialect: str, text: str, record: Record, transforms: dict[str, Any]) -> WithinCoverage:
    feed = Feed(f"x-{dialect}", dialect, "x", {f"x-{dialect}": "x"})
    (tmp_path / "fields" / feed.id).mkdir(parents=True)
    (tmp_path / "fields" / feed.id / "m.toml").write_text(text, encoding="utf-8")
    (tmp_path / "codes").mkdir()
    documents = data_path("mappings", "codes", "jiashan-document.csv").read_text(encoding="utf-8")
    (tmp_path / "codes" / "jiashan-document.csv").write_text(documents, encoding="utf-8")
    adapter = Adapter("x", "x", (feed,), (), tmp_path, transforms)
    delivery = Delivery("1", feed.id, feed.id, datetime(2026, 4, 1, tzinfo=UTC), record.body)
    seen = Within(tmp_path, adapter)
    seen.look(record, delivery, MapSet.load(tmp_path, [adapter]).draft(record, delivery, adapter))
    (found,) = seen.found().values()
    return found


@pytest.fixture
def document() -> Record:
    root = etree.fromstring(DOCUMENT)
    number_entries(root)
    return Record(1, "C0007", root, DOCUMENT.encode(), organisation="12330421MBHE020186")


def test_what_no_map_reads_of_a_document(tmp_path: Path, document: Record) -> None:
    found = within(tmp_path, "cda", CDA_MAP, document, {"x-result": result})
    assert set(found.unknown) == {
        "recordTarget/patientRole/id[@root='1.2.3']/@extension",
        "recordTarget/patientRole/telecom[position()>1]/@use",
        "recordTarget/patientRole/patient/name",
        "recordTarget/patientRole/patient/administrativeGenderCode[position()>1]/@code",
        "section(9)//observation/@negationInd",
        "section(9)//observation/code/@displayName",
        "section(9)//observation/value/translation/@code",
        "section(9)//observation/interpretationCode/@code",
    }
    assert {
        "author/assignedAuthor/assignedPerson/name",
        "title",
        "section(9)/text",
        "section(9)//observation/code/@code",
        "section(9)//observation/templateId/@root",
        "section(9)//observation/code/@codeSystem",
        "section(9)//observation/effectiveTime/@value",
        "section(9)//observation/value/@unit",
    } <= set(found.used)
    assert {
        "author/time/@value",
        "section(9)//observation/@classCode",
        "section(9)//observation/value/@codeSystem",
        "section(9)//obs(B)/methodCode/@code",
    } <= set(found.ignored)
    assert not any("obs(C)" in path or "(C)" in path for path in found.unknown), "the entry itself is unknown"


def test_what_no_map_reads_of_a_message(tmp_path: Path) -> None:
    tree = group(parse_message(MESSAGE.decode()))
    record = Record(1, "ADT^A28", tree, MESSAGE)
    found = within(tmp_path, "hl7v2", HL7_MAP, record, {})
    assert set(found.unknown) == {
        "PID-3.4",
        "PID-3[2].1",
        "PID-3[2].4",
        "PID-5.8",
        "PID-8[2].1",
        "PID-15.1",
        "PID-15.3",
    }
    assert {"PID-3.1", "PID-5.1", "PID-5.2", "PID-8.1", "PID-15.2"} <= set(found.used)
    assert {"MSH-1.1", "PID-5.7"} <= set(found.ignored)
    assert not any(path.startswith(("PID-7", "PID-11", "ZPD")) for path in found.unknown), "the field itself is unknown"


@pytest.mark.parametrize(
    ("expression", "paths", "inner"),
    [
        ("value/@value | value[not(@value)]", ["value/@value", "value[not(@value)]"], ["value/@value"]),
        ("id[@root='a|b']/@extension", ["id[@root='a|b']/@extension"], ["id/@root"]),
        ("translate(normalize-space(a/@value), '-', '')", [], ["a/@value"]),
        ("(section(*)//obs(A))[2]/value", ["(section(*)//obs(A))[2]/value"], []),
        ("v[contains(../c/@d, 'x') and position() = last()]/*", None, ["v/../c/@d"]),
        ("count(//section) * 2 - 1", [], ["//section"]),
        ("*[self::act or @n mod 2 = 1]/x-y", ["*[self::act or @n mod 2 = 1]/x-y"], ["*/self::act", "*/@n"]),
        ("a[/b/c[@d]/e]", ["a[/b/c[@d]/e]"], ["/b/c/@d", "/b/c[@d]/e"]),
        ("node()[text()]", ["node()[text()]"], ["node()/text()"]),
    ],
)
def test_where_an_expression_looks(expression: str, paths: list[str] | None, inner: list[str]) -> None:
    found = list(looks(expression))
    assert [one.path for one in found if not one.inner] == ([expression] if paths is None else paths)
    assert [one.path for one in found if one.inner] == inner
