"""What a ValueSet means: includes, excludes, imports, versions, what is missing."""

from typing import Any

import pytest

from hie.base.errors import Category, HieError
from hie.fhir.definitions import official
from hie.terminology.compose import DEEPEST, Pins
from hie.terminology.concept import EVERYTHING, Concept, Selection
from hie.terminology.library import Library, not_loaded
from hie.terminology.members import Composed, Listed, Steps
from hie.terminology.port import SystemInfo
from hie.terminology.service import Asked, Terminology
from hie.terminology.shelf import Shelf

FRUIT = "http://example.org/fruit"
HERBS = "http://example.org/herbs"


def system(url: str, concepts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    identity = url.rpartition("/")[2] + str(more.get("version", ""))
    return {"resourceType": "CodeSystem", "id": identity, "url": url, "status": "active", "content": "complete",
            "concept": concepts, **more}  # fmt: skip


def value_set(name: str, *include: dict[str, Any], **compose: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "id": name, "url": f"http://example.org/ValueSet/{name}", "status": "active",
            "compose": {"include": list(include), **compose}}  # fmt: skip


OLD = system(FRUIT, [{"code": "apple", "display": "Apple"}], version="1.9")
NEW = system(
    FRUIT,
    [
        {"code": "apple", "display": "Apple", "concept": [{"code": "fuji", "display": "Fuji"}]},
        {"code": "pear", "display": "Pear"},
        {"code": "mint", "display": "Not a fruit", "property": [{"code": "status", "valueCode": "retired"}]},
    ],
    version="1.10",
    valueSet="http://example.org/ValueSet/all-fruit",
)
NUMBERS = [{"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"}, {"system": "urn:x", "value": "h"}]
HERB = system(HERBS, [{"code": "mint", "display": "Mint"}, {"code": "dill", "display": "Dill"}], identifier=NUMBERS)
APPLES = value_set("apples", {"system": FRUIT, "filter": [{"property": "concept", "op": "is-a", "value": "apple"}]})


@pytest.fixture
def answers() -> Terminology:
    shelf = Shelf("posted")
    shelf.change([OLD, NEW, HERB, APPLES, value_set("ring", {"valueSet": ["http://example.org/ValueSet/ring"]})])
    return Terminology(Library(official(), posted=shelf))


def codes(answers: Terminology, resource: dict[str, Any], pins: Pins = Pins()) -> list[str]:
    """What is listed; what is found one by one is the same."""
    members = answers.compiled(resource, pins)
    listed = [(member.system, member.concept.code) for member in members.walk(EVERYTHING, Steps())]
    known = [(FRUIT, code) for code in ("apple", "fuji", "pear", "mint")] + [(HERBS, code) for code in ("mint", "dill")]
    assert [one for one in known if members.find(*one) is not None] == [one for one in known if one in listed]
    return [f"{url.rpartition('/')[2]}:{code}" for url, code in listed]


def test_includes_in_order_each_code_once(answers: Terminology) -> None:
    two = value_set("two", {"system": HERBS, "concept": [{"code": "dill"}]}, {"system": HERBS}, {"system": FRUIT})
    assert codes(answers, two) == ["herbs:dill", "herbs:mint", "fruit:apple", "fruit:fuji", "fruit:pear", "fruit:mint"]


def test_excludes_by_filter_list_and_value_set(answers: Terminology) -> None:
    def left(exclude: dict[str, Any]) -> list[str]:
        return codes(answers, value_set("less", {"system": FRUIT}, exclude=[exclude]))

    assert left({"system": FRUIT, "concept": [{"code": "pear"}]}) == ["fruit:apple", "fruit:fuji", "fruit:mint"]
    assert left({"valueSet": [APPLES["url"]]}) == ["fruit:pear", "fruit:mint"]
    assert left({"system": FRUIT, "filter": [{"property": "concept", "op": "descendent-of", "value": "apple"}]}) == [
        "fruit:apple", "fruit:pear", "fruit:mint",
    ]  # fmt: skip
    assert left({"system": HERBS}) == ["fruit:apple", "fruit:fuji", "fruit:pear", "fruit:mint"]


def test_several_imports_mean_what_is_in_all_of_them(answers: Terminology) -> None:
    listed = {"system": FRUIT, "concept": [{"code": "fuji"}, {"code": "pear"}]}
    both = value_set("both", {**listed, "valueSet": [APPLES["url"]]})
    assert codes(answers, both) == ["fruit:fuji"]
    assert codes(answers, value_set("less", {"system": FRUIT}, exclude=[both["compose"]["include"][0]])) == [
        "fruit:apple", "fruit:pear", "fruit:mint",
    ]  # fmt: skip


def test_listed_codes_have_the_names_that_the_value_set_gives_them(answers: Terminology) -> None:
    """With those of the code system beside them where it is here; found by all of them."""
    answers.library.posted.change([system("http://example.org/loud", [{"code": "Hi", "display": "Hello"}],
                                          caseSensitive=False)])  # fmt: skip
    named = {"language": "zh", "value": "梨"}
    members = answers.compiled(value_set(
        "named",
        {"system": FRUIT, "concept": [{"code": "pear", "display": "A pear", "designation": [named]}, {"code": "fuji"}]},
        {"system": "http://example.org/elsewhere", "concept": [{"code": "salt", "display": "Salt"}]},
        {"system": "http://example.org/loud", "concept": [{"code": "Hi"}]},
    ))  # fmt: skip

    def shown(*words: str) -> list[str]:
        return [member.concept.display for member in members.walk(Selection(words=words), Steps())]

    assert shown() == ["A pear", "Fuji", "Salt", "Hello"]
    assert (shown("salt"), shown("梨"), shown("fuji"), shown("apple")) == (["Salt"], ["A pear"], ["Fuji"], [])
    found = [members.find(*asked) for asked in (("http://example.org/loud", "HI"), (None, "salt"), (FRUIT, "PEAR"))]
    assert [one and one.concept.code for one in found] == ["Hi", "salt", None]
    assert members.find(HERBS, "salt") is None


def test_inactive_codes_are_left_out_when_the_value_set_says_so(answers: Terminology) -> None:
    active = value_set("active", {"system": FRUIT}, inactive=False)
    assert codes(answers, active) == ["fruit:apple", "fruit:fuji", "fruit:pear"]
    assert answers.compiled(active).find(FRUIT, "mint") is None
    assert answers.compiled(active).size(EVERYTHING) == 3


def test_the_latest_version_unless_another_is_named(answers: Terminology) -> None:
    assert codes(answers, value_set("old", {"system": FRUIT, "version": "1.9"})) == ["fruit:apple"]
    whole = value_set("all", {"system": FRUIT})
    assert len(codes(answers, whole)) == 4
    assert codes(answers, whole, Pins(default={FRUIT: "1.9"})) == ["fruit:apple"]
    named = value_set("new", {"system": FRUIT, "version": "1.10"})
    assert len(codes(answers, named, Pins(default={FRUIT: "1.9"}))) == 4
    assert codes(answers, named, Pins(force={FRUIT: "1.9"})) == ["fruit:apple"]
    assert codes(answers, named, Pins(without=frozenset({FRUIT}))) == []
    with pytest.raises(HieError, match="another version"):
        codes(answers, named, Pins(check={FRUIT: "1.9"}))
    assert len(codes(answers, named, Pins(check={FRUIT: "1.10"}))) == 4
    assert codes(answers, whole, Pins(check={FRUIT: "1.9"})) == ["fruit:apple"]
    with pytest.raises(HieError, match=r"is here as 1\.10, not as version 7"):
        codes(answers, value_set("none", {"system": FRUIT, "version": "7"}))
    twice = not_loaded(FRUIT, "7", [SystemInfo(FRUIT, "1.10"), SystemInfo(FRUIT, "1.10"), SystemInfo(FRUIT, "1.9")])
    assert "is here as 1.10, 1.9, not as version 7" in twice.message


def test_a_code_system_goes_by_its_oid_too(answers: Terminology) -> None:
    assert answers.display("urn:oid:1.2.3", "dill") == "Dill"
    assert answers.display("h", "dill") is None
    for row in ({"system": HERBS}, {"system": HERBS, "concept": [{"code": "dill"}]}):
        assert answers.compiled(value_set("herbs", row)).find("urn:oid:1.2.3", "dill") is not None
        assert answers.compiled(value_set("herbs", row)).find("urn:oid:1.2.4", "dill") is None


def test_what_r4_publishes_is_there_in_its_version(answers: Terminology) -> None:
    url = "http://hl7.org/fhir/administrative-gender"
    assert answers.check(url, "male") is not None
    assert answers.check(url, "male", version="4.0.1") is not None
    assert answers.check(url, "male", version="9") is None
    assert answers.is_value_set("http://hl7.org/fhir/ValueSet/administrative-gender")
    assert not answers.is_value_set("http://hl7.org/fhir/ValueSet/none")


def test_what_is_missing_hurts_only_who_asks_for_it(answers: Terminology) -> None:
    mixed = answers.compiled(value_set("mixed", {"system": "http://snomed.info/sct"}, {"system": HERBS}))
    assert mixed.find(HERBS, "dill") is not None
    with pytest.raises(HieError, match="is not loaded here") as caught:
        mixed.find("http://snomed.info/sct", "1")
    assert (caught.value.category, caught.value.issue) == (Category.UNPROCESSABLE, "not-found")
    with pytest.raises(HieError, match="is not loaded here"):
        list(mixed.walk(EVERYTHING, Steps()))
    assert answers.in_value_set("http://example.org/ValueSet/unknown", None, "x") is None


def test_rings_and_nonsense_are_refused(answers: Terminology) -> None:
    with pytest.raises(HieError, match="imports itself"):
        answers.members("http://example.org/ValueSet/ring")
    for op, value in (("above", "x"), ("regex", "("), ("regex", "(a+)+"), ("exists", "maybe")):
        broken = value_set("broken", {"system": FRUIT, "filter": [{"property": "code", "op": op, "value": value}]})
        with pytest.raises(HieError) as caught:
            codes(answers, broken)
        assert caught.value.category is Category.INVALID


def test_imports_that_multiply_are_refused_at_once(answers: Terminology) -> None:
    def url(place: int) -> str:
        return f"http://example.org/ValueSet/fan{place}"

    fans = [value_set(f"fan{n}", {"valueSet": [url(n + 1)]}, {"valueSet": [url(n + 1)]}) for n in range(18)]
    answers.library.posted.change([*fans, value_set("fan18", {"system": FRUIT})])
    with pytest.raises(HieError) as caught:
        answers.members(url(0))
    assert caught.value.issue == "too-costly"
    assert len(list(answers.members(url(12)).walk(EVERYTHING, Steps()))) == 4


def test_imports_that_go_too_deep_are_refused(answers: Terminology) -> None:
    rows = [
        value_set(f"deep{n}", {"valueSet": [f"http://example.org/ValueSet/deep{n + 1}"]}) for n in range(DEEPEST + 2)
    ]
    answers.library.posted.change([*rows, value_set(f"deep{DEEPEST + 2}", {"system": FRUIT})])
    with pytest.raises(HieError, match="more than 20 deep"):
        answers.members("http://example.org/ValueSet/deep0")


def test_parts_that_multiply_when_they_are_compared_are_refused() -> None:
    concepts = {str(number): Concept(str(number)) for number in range(100)}
    many = Composed(tuple(Listed(f"urn:{part}", "", concepts) for part in range(100)))
    with pytest.raises(HieError, match="too many parts"):
        list(many.walk(EVERYTHING, Steps(checks=100_000)))


@pytest.mark.parametrize(
    "compose",
    ["x", [], {"include": "x"}, {"include": ["x"]}, {"include": [{"valueSet": "x"}]},
     {"include": [{"system": FRUIT, "concept": {}}]}, {"include": [{"system": FRUIT, "filter": "x"}]}],
)  # fmt: skip
def test_a_compose_that_is_none_is_refused(answers: Terminology, compose: Any) -> None:
    with pytest.raises(HieError, match="not well formed"):
        codes(answers, {"resourceType": "ValueSet", "status": "active", "compose": compose})


def test_all_codes_of_a_system_by_url(answers: Terminology) -> None:
    for url in ("http://example.org/ValueSet/all-fruit", f"{FRUIT}?fhir_vs"):
        assert len(list(answers.members(url).walk(EVERYTHING, Steps()))) == 4
    below = answers.members(f"{FRUIT}?fhir_vs=isa/apple")
    assert [member.concept.code for member in below.walk(EVERYTHING, Steps())] == ["apple", "fuji"]


def test_a_value_set_that_is_only_an_expansion(answers: Terminology) -> None:
    contains = [{"abstract": True, "display": "group", "contains": [{"system": HERBS, "code": "dill", "display": "D"}]}]
    frozen = {"resourceType": "ValueSet", "status": "active", "expansion": {"contains": contains}}
    assert codes(answers, frozen) == ["herbs:dill"]


def test_too_many_codes_are_refused_and_pages_are_not(answers: Terminology) -> None:
    many = system("http://example.org/many", [{"code": f"c{n}"} for n in range(10_050)])
    answers.library.posted.change([many])
    members = answers.compiled(value_set("many", {"system": "http://example.org/many"}))
    with pytest.raises(HieError, match="more than 10000 codes") as caught:
        answers.expand(members, Asked())
    assert caught.value.issue == "too-costly"
    page = answers.expand(members, Asked(offset=10_040, count=100))
    assert ([member.concept.code for member in page.members[:2]], page.total) == (["c10040", "c10041"], 10_050)
    assert len(page.members) == 10
    found = answers.expand(members, Asked(Selection(words=("c1004",)), count=3))
    assert (len(found.members), found.total) == (3, 11)
    with pytest.raises(HieError, match="more than 5000 codes"):
        answers.tokens("in", "http://example.org/many?fhir_vs")


def test_member_of_takes_any_coded_value(answers: Terminology) -> None:
    url = str(APPLES["url"])
    assert answers.member_of("fuji", url) is True
    assert answers.member_of({"system": FRUIT, "code": "pear"}, url) is False
    concept = {"coding": [{"system": HERBS, "code": "mint"}, {"system": FRUIT, "code": "apple"}]}
    assert answers.member_of(concept, url) is True
    assert answers.member_of({"text": "apple"}, url) is False
    assert answers.member_of("x", "http://example.org/ValueSet/unknown") is None
