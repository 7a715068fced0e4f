"""Paths, contexts and coverage of the dialect `cda`."""

from typing import Any

import pytest
from lxml import etree

from hie.mapping.dialects.cda import Cda
from hie.wire.clinical_document import drop_namespaces, number_entries

CDA = Cda()
DOCUMENT = """<ClinicalDocument xmlns="urn:hl7-org:v3"><id extension=" D1 "/><code code="C0002"/>
<effectiveTime value="20260302101000"/><versionNumber>1</versionNumber>
<component><structuredBody>
<component><section><code code="29548-5" displayName="Diagnosis"/>
<entry><observation><code code="DE05.01.024.00"/><value code="J40" displayName="支气管炎"/></observation></entry>
<entry><observation><code code="DE05.01.024.00"/><value> 咳嗽 </value></observation></entry>
<entry><observation><code code="DE99.00.000.00"/><value>x</value></observation></entry>
<entry><observation><code code="DE98.00.000.00"/><value/></observation></entry></section></component>
<component><section><title>手术</title><entry><procedure><code code="36.06"/></procedure></entry></section></component>
</structuredBody></component></ClinicalDocument>"""


@pytest.fixture
def tree() -> Any:
    root = etree.fromstring(DOCUMENT)
    drop_namespaces(root)
    number_entries(root)
    return root


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("id/@extension", ["D1"]),
        ("id/@root", []),
        ("document:id", ["D1"]),
        ("document:type", ["C0002"]),
        ("document:corrects", ["true"]),
        ("document:withdraws", []),
        ("document:parent", []),
        ("section(29548-5)//obs(DE05.01.024.00)/value", ["支气管炎", "咳嗽"]),
        ("section(Diagnosis)//obs(DE05.01.024.00)/value/@code", ["J40"]),
        ("section(手术)//procedure/code/@code", ["36.06"]),
        ("section(*)//procedure/code/@code", ["36.06"]),
        ("section(nothing)//value", []),
        ("section(29548-5)//obs(DE05.01.024.00)[1]/value/@code", ["J40"]),
        ("section(29548-5)//obs(DE05.01.024.00)[last()]/value", ["支气管炎", "咳嗽"]),
        ("(section(*)//obs(DE05.01.024.00))[2]/value", ["咳嗽"]),
        ("section(*)[1]/title", ["手术"]),
        ("count(//section)", ["2"]),
        ("boolean(//section)", ["true"]),
        ("section(29548-5)//value[contains(../code/@code, '05.01') and position() = last()]", ["支气管炎", "咳嗽"]),
    ],
)
def test_a_path_gives_the_values_of_a_document(tree: Any, path: str, values: list[str]) -> None:
    assert list(CDA.compile_path(path)(tree)) == values


def test_contexts_and_numbers(tree: Any) -> None:
    entries = list(CDA.compile_context("section(29548-5)//obs(DE05.01.024.00)")(tree))
    assert [CDA.compile_path("n()")(entry) for entry in entries] == [("1",), ("2",)]
    assert [list(CDA.compile_path("document:id")(entry)) for entry in entries] == [["D1"], ["D1"]]
    assert CDA.locate(entries[1], "value") == "section(29548-5)/DE05.01.024.00[2]/value"
    assert CDA.locate(tree, "title") == "title"


def test_the_header_is_that_of_the_document_at_hand(tree: Any) -> None:
    other = etree.fromstring(DOCUMENT.replace(" D1 ", "D2"))
    drop_namespaces(other)
    read = CDA.compile_path("document:id")
    assert [list(read(node)) for node in (tree, other, tree[0], other[0])] == [["D1"], ["D2"], ["D1"], ["D2"]]


def test_a_path_of_nodes_gives_elements(tree: Any) -> None:
    (first, second) = CDA.compile_path("node:section(29548-5)//obs(DE05.01.024.00)/value")(tree)
    assert (first.get("displayName"), second.text) == ("支气管炎", " 咳嗽 ")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a[", "Invalid expression"),
        ("document:nothing", "the header has no field"),
        ("node:]", "Invalid expression"),
        ("hl7:recordTarget/hl7:id", "without 'hl7:'"),
        ("dcument:order", "without 'dcument:'"),
        ("sections(手术)//procedure", r"sections\(\): Unregistered function"),
        ("a[matches(@b, 'x')]", r"matches\(\)"),
        ("a[contains(@b)]", r"contains\(\): Invalid number of arguments"),
        ("a[@b = $c]", "no variables"),
    ],
)
def test_what_is_no_path_or_fails_in_the_document_that_has_it(path: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        CDA.compile_path(path)


def test_coverage_by_section_and_entry(tree: Any) -> None:
    mentions = frozenset({(("section(29548-5)//obs(DE05.01.024.00)",), "value"), ((), "section(手术)//procedure/code")})
    found = CDA.compile_coverage(mentions, frozenset())(tree)
    assert found.used == ("section(29548-5)/DE05.01.024.00", "section(手术)/procedure")
    assert found.unmapped == (("section(29548-5)/DE99.00.000.00", "field-unmapped"),)


def test_ignored_entries_are_neither_used_nor_unmapped(tree: Any) -> None:
    mentions = frozenset({((), "section(29548-5)//obs(DE05.01.024.00)/value")})
    ignored = frozenset({"section(*)//obs(DE99.00.000.00)", "section(手术)//procedure"})
    found = CDA.compile_coverage(mentions, ignored)(tree)
    assert found.unmapped == ()
    assert found.ignored == ("section(29548-5)/DE99.00.000.00", "section(手术)/procedure")


NESTED = """<ClinicalDocument><component><structuredBody>
<component><section><code code="30954-2"/><entry><organizer><component><observation><templateId root="4.2"/>
<code code="6690-2"/><value value="5"/></observation></component></organizer></entry>
<entry><act><code code="CONC"/><entryRelationship><observation><templateId root="4.7"/><code code="ASSERTION"/>
<value code="A"/><entryRelationship><observation><code code="SEV"/><value code="B"/></observation></entryRelationship>
</observation></entryRelationship></act></entry>
<component><section><code code="1"/><entry><supply/></entry><entry><encounter/></entry><entry><act/></entry></section>
</component></section></component></structuredBody></component></ClinicalDocument>"""


def test_observations_of_any_code_and_entries_in_sections_within_sections() -> None:
    mentions = frozenset(
        {
            (("section(30954-2)//organizer", "component/observation[templateId/@root='4.2']"), "value/@value | value"),
            (("section(30954-2)//observation[templateId/@root = '4.7']",), "node:value"),
            ((), "section(30954-2)//encounter/code/@code"),
        }
    )
    found = CDA.compile_coverage(mentions, frozenset({"section(1)//act"}))(etree.fromstring(NESTED))
    assert found.used == ("section(30954-2)/6690-2", "section(30954-2)/ASSERTION", "section(1)/encounter")
    assert found.unmapped == (("section(30954-2)/SEV", "field-unmapped"), ("section(1)/supply", "field-unmapped"))
    assert found.ignored == ("section(1)/act",)


@pytest.mark.parametrize("path", ["sections(1)//obs(2)", "section(1)", "//section", "section(*)[2]"])
def test_whole_sections_cannot_be_ignored(path: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be ignored|no path"):
        CDA.compile_coverage(frozenset(), frozenset({path}))


def test_a_map_without_entries_counts_none(tree: Any) -> None:
    assert CDA.compile_coverage(frozenset({((), "id/@extension")}), frozenset())(tree).unmapped == ()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("document:effective", "effectiveTime/@value"),
        ("node:recordTarget/patientRole/addr", "recordTarget/patientRole/addr"),
        ("author/time/@value", "author/time/@value"),
    ],
)
def test_a_finding_names_a_place_in_the_document(path: str, expected: str) -> None:
    assert Cda().locate(None, path) == expected


@pytest.mark.parametrize(
    ("path", "unknown"),
    [
        ("recordTarget/patientRole/patien/@classCode", "patien"),
        ("component/structuredBody//section[code/@codee='1 and mor']", "codee"),
        ("section(検査 a)//obs(DE01.x)/value[@xsi:type='PQ' and not(self::low or lo)]/@value | n", "lo"),
        ("node:ancestor::section/entry/*[self::act or self::observation][count(text) mod 2 = 1]/@nullFlavor", ""),
        ("translate(normalize-space(effectiveTime/low/@value), '-', '')", ""),
        ("document:effective", ""),
        ("n()", ""),
    ],
)
def test_names_that_cda_does_not_have(path: str, unknown: str) -> None:
    said = CDA.beyond(path)
    assert (f"{unknown!r}" in said) if unknown and said else said is None


ENTRY, DRUG = "section(*)//obs(Z)", "section(*)//substanceAdministration"


@pytest.mark.parametrize(
    ("path", "around", "meant"),
    [
        ("recordTarget/patient/name", (), "recordTarget/patientRole/patient"),
        ("/recordTarget/patientRole", (), "/ClinicalDocument/recordTarget"),
        ("section(*)//organizer/observation", (), "organizer/component/observation"),
        ("consumable/manufacturedMaterial/code", (DRUG,), "consumable/manufacturedProduct/manufacturedMaterial"),
        ("manufacturedProduct", (DRUG, "consumable/id | entry"), ""),
        ("node:entryRelationship/value", (ENTRY,), "entryRelationship/observation/value"),
        ("translate(observationRange/text, '/', '')", (ENTRY,), "observation/referenceRange/observationRange"),
        ("id | author/id[@root='1']", (), "author/assignedAuthor/id"),
        ("participant[associatedEntity/name and time]", (), "associatedEntity/associatedPerson/name"),
        ("value/@value | value[not(@value)]", (ENTRY,), ""),
        ("ancestor::section/title", (ENTRY,), ""),
        ("../../code", (ENTRY,), ""),
        ("value * 2", (ENTRY,), ""),
        ("(legalAuthenticator | authenticator)/assignedEntity/id", (), ""),
        ("recordTarget[1]/patientRole[not(patient/birthTime)]/addr/city", (), ""),
        ("/ClinicalDocument/author div 2", (ENTRY,), ""),
        ("entry/node()/code", ("section(*)",), ""),
        ("signatureText", ("legalAuthenticator",), ""),
        ("recordTarget/patientRole/patientType/patienttypeCode", (), ""),
    ],
)
def test_elements_that_cda_does_not_have_there(path: str, around: tuple[str, ...], meant: str) -> None:
    said = CDA.beyond(path, around) or ""
    assert said.partition("did you mean ")[2] == (f"{meant!r}?" if meant else "")
    assert bool(said) == bool(meant)


@pytest.mark.parametrize(("code", "known"), [("DE04.30.019.00", True), ("DE04.30.19.00", False), ("6690-2", True)])
def test_a_data_element_that_cannot_be_one(code: str, known: bool) -> None:
    said = CDA.beyond(f"section(*)//obs({code})/value")
    assert said == (None if known else f"'{code}' is no data element: they are written like DE04.30.019.00 (WS 363)")
