"""Names, supplements, grammars, translation: what the service answers beyond value sets."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hie.base.errors import HieError
from hie.fhir.definitions import official
from hie.terminology.codefile import CodeFile
from hie.terminology.concept import Concept, Designation, Selection
from hie.terminology.conceptmap import Wanted
from hie.terminology.language import display_in, matches, wanted_languages
from hie.terminology.library import Library
from hie.terminology.loading import Source, load
from hie.terminology.service import Asked, Terminology, Verdict
from hie.terminology.shelf import Shelf
from hie.terminology.text import holds, search_text, words_of

DRUGS = "http://example.org/drugs"


def test_a_name_is_found_by_parts_pinyin_initials_and_code() -> None:
    text = search_text("E11.9", ["2型糖尿病", "Type 2 Diabetes"])
    for typed in ("糖尿", "tangniaobing", "2xtnb", "e11", "ＴＹＰＥ", "diab 糖"):
        assert holds(text, words_of(typed)), typed
    for typed in ("高血压", "E12", "diab 高"):
        assert not holds(text, words_of(typed)), typed


def test_languages_in_order_of_preference() -> None:
    assert wanted_languages("en;q=0.2, zh-CN, *;q=0.1, de;q=x") == ("zh-CN", "en")
    assert matches("zh", "zh-CN")
    assert matches("zh-Hans-CN", "zh")
    assert not matches("zh", "en")
    assert not matches("", "en")
    concept = Concept("a", "Eins", designations=(Designation("One", "en"), Designation("一", "zh-CN")))
    assert display_in(concept, "de", ("zh-TW", "zh")) == ("一", "zh-CN")
    assert display_in(concept, "de", ("fr",)) == ("Eins", "de")
    assert display_in(concept, "en", ("en",)) == ("Eins", "en")


def supplement(*concepts: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "CodeSystem", "id": "zh", "url": "http://example.org/zh", "language": "zh",
        "status": "active", "content": "supplement", "supplements": f"{DRUGS}|1", "concept": list(concepts),
    }  # fmt: skip


@pytest.fixture
def answers(tmp_path: Path) -> Terminology:
    (tmp_path / "drugs.csv").write_text("code,display,parent,class\nA,Aspirin,,x\nA1,Aspirin 100,A,y\nB,Ibuprofen,,x\n")
    file = tmp_path / "t.sqlite"
    load(file, Source(tmp_path / "drugs.csv", DRUGS, language="en"), datetime(2026, 1, 18, tzinfo=UTC))
    return Terminology(Library(official(), posted=Shelf("posted"), loaded=CodeFile(file)))


def test_a_supplement_adds_names_and_properties_to_a_loaded_code_system(answers: Terminology) -> None:
    assert answers.display(DRUGS, "A") == "Aspirin"
    added = {"code": "A", "display": "阿司匹林", "property": [{"code": "otc", "valueBoolean": True}]}
    answers.library.posted.change([supplement(added)])
    assert answers.display(DRUGS, "A") == "阿司匹林"
    assert answers.display(DRUGS, "A", "en") == "Aspirin"
    assert answers.check(DRUGS, "A", "阿司匹林") == Verdict(True, "", "Aspirin", True)

    def found(**include: Any) -> list[str]:
        words = words_of(include.pop("text", None))
        members = answers.compiled({"compose": {"include": [{"system": DRUGS, **include}]}})
        page = answers.expand(members, Asked(Selection(words=words), 0, 10))
        return [member.concept.code for member in page.members]

    assert found() == ["A", "A1", "B"]
    assert found(text="asipilin") == ["A"]
    assert found(text="aspirin") == ["A", "A1"]
    assert found(filter=[{"property": "otc", "op": "=", "value": "true"}]) == ["A"]
    assert found(filter=[{"property": "otc", "op": "=", "value": "false"}]) == []
    assert found(filter=[{"property": "class", "op": "=", "value": "x"}], text="buprofen") == ["B"]
    assert (answers.subsumes(DRUGS, "A", "A1"), answers.subsumes(DRUGS, "A1", "A")) == ("subsumes", "subsumed-by")
    answers.library.posted.change([supplement({**added, "display": "乙酰水杨酸"})])
    assert answers.display(DRUGS, "A") == "乙酰水杨酸"
    answers.library.posted.change([], [("CodeSystem", "zh")])
    assert answers.display(DRUGS, "A") == "Aspirin"


def test_grammars_judge_and_do_not_list(answers: Terminology) -> None:
    for system, good, bad in (
        ("urn:ietf:bcp:47", "zh-Hans", "zh_CN"),
        ("urn:ietf:bcp:13", "text/plain; charset=utf-8", "text"),
        ("http://unitsofmeasure.org", "10*9/L", "per litre"),
    ):
        assert answers.validate(system, good).result
        assert not answers.validate(system, bad).result
        assert answers.subsumes(system, good, good) == "equivalent"
        assert answers.check(system, bad) is None
        with pytest.raises(HieError, match="cannot be listed"):
            answers.tokens("in", f"{system}?fhir_vs")


def test_a_posted_code_system_goes_before_a_loaded_one_and_an_empty_one_does_not(answers: Terminology) -> None:
    empty = {"resourceType": "CodeSystem", "id": "d", "url": DRUGS, "status": "active", "content": "not-present"}
    answers.library.posted.change([empty])
    assert answers.validate(DRUGS, "A1").result
    answers.library.posted.change([{**empty, "content": "complete", "concept": [{"code": "Z"}]}])
    assert not answers.validate(DRUGS, "A1").result
    assert answers.validate(DRUGS, "Z").result


def concept_map(name: str, *groups: dict[str, Any]) -> dict[str, Any]:
    url = f"urn:map:{name}"
    return {"resourceType": "ConceptMap", "id": name, "url": url, "status": "active", "group": list(groups)}


def test_unmapped_codes_and_dependencies(answers: Terminology) -> None:
    depends = {"code": "m", "equivalence": "equivalent", "dependsOn": [{"property": "urn:sex", "value": "1"}]}
    first = concept_map(
        "first",
        {"source": "urn:a", "target": "urn:b", "element": [{"code": "1", "target": [depends]}],
         "unmapped": {"mode": "other-map", "url": "urn:map:second"}},
    )  # fmt: skip
    second = concept_map("second", {"source": "urn:a", "target": "urn:b", "unmapped": {"mode": "provided"}})
    answers.library.posted.change([first, second])

    def codes(code: str, **more: Any) -> list[tuple[str, str, str]]:
        found = answers.translate([first], Wanted("urn:a", code, **more))
        return [(match.code, match.equivalence, match.source) for match in found]

    assert codes("1") == []
    assert codes("1", dependencies={"urn:sex": "1"}) == [("m", "equivalent", "urn:map:first")]
    assert codes("9") == [("9", "equal", "urn:map:second")]
    assert codes("9", target="urn:c") == []
    ring = concept_map("ring", {"source": "urn:a", "unmapped": {"mode": "other-map", "url": "urn:map:ring"}})
    answers.library.posted.change([ring])
    assert answers.translate([ring], Wanted("urn:a", "9")) == []


@pytest.mark.parametrize(
    ("wanted", "reverse", "expected"),
    [
        (Wanted("urn:a", "1"), False, [("2", "urn:b"), ("none", "urn:b")]),
        (Wanted("urn:a", "1", "urn:b"), False, [("2", "urn:b"), ("none", "urn:b")]),
        (Wanted("urn:z", "1"), False, [("7", "urn:c")]),
        (Wanted(None, "1"), False, [("2", "urn:b"), ("7", "urn:c"), ("none", "urn:b")]),
        (Wanted("urn:a", "1", "urn:c"), False, []),
        (Wanted("urn:a", "8"), False, [("other", "urn:b")]),
        (Wanted("urn:b", "2"), True, [("1", "urn:a")]),
        (Wanted("urn:c", "7"), True, [("1", "urn:z")]),
        (Wanted("urn:c", "2"), True, []),
        (Wanted("urn:b", "2", "urn:z"), True, []),
    ],
)
def test_groups_translate_between_their_own_systems(
    answers: Terminology, wanted: Wanted, reverse: bool, expected: list[tuple[str, str]]
) -> None:
    targets = [{"code": "none", "equivalence": "unmatched"}, {"code": "2", "equivalence": "wider"}]
    both = concept_map(
        "both",
        {"source": "urn:a", "target": "urn:b", "element": [{"code": "1", "target": targets}],
         "unmapped": {"mode": "fixed", "code": "other"}},
        {"source": "urn:z", "target": "urn:c", "element": [{"code": "1", "target": [{"code": "7"}]}]},
    )  # fmt: skip
    assert [(match.code, match.system) for match in answers.translate([both], wanted, reverse)] == expected
