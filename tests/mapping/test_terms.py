"""What mapping asks of the terminology: names that nobody sent, and codes that an open table's code system lacks."""

from datetime import UTC, datetime

import pytest

from hie.fhir.definitions import official
from hie.mapping.codefile import read_table
from hie.mapping.codes import CodeTable
from hie.mapping.context import Context
from hie.mapping.transforms.coded import local_concept
from hie.terminology.library import Library
from hie.terminology.remembered import Remembered
from hie.terminology.service import Terminology
from hie.terminology.shelf import Shelf

COLUMNS = "source_system,code,display,target_system,target_code,target_display,equivalence,note"
HEAD = f"# table: t\n# kind: open\n# system: urn:trees\n# target: urn:birds\n{COLUMNS}\n"
TREES = {
    "resourceType": "CodeSystem", "id": "trees", "url": "urn:trees", "status": "active", "content": "complete",
    "concept": [{"code": "oak", "display": "橡树"}, {"code": "elm", "display": "榆树"}],
}  # fmt: skip
BIRDS = {**TREES, "id": "birds", "url": "urn:birds", "concept": [{"code": "jay", "display": "松鸦"}]}


def terms(*resources: dict) -> Remembered:  # type: ignore[type-arg]
    shelf = Shelf("own")
    shelf.change(list(resources))
    return Remembered(Terminology(Library(official(), shelf)))


def context(*resources: dict) -> Context:  # type: ignore[type-arg]
    received = datetime(2026, 1, 1, tzinfo=UTC)
    return Context(region="r", organisation="o", feed="f", received=received, terms=terms(*resources))


def table(text: str) -> CodeTable:
    found, problems = read_table("t.csv", text)
    assert problems == []
    return found


def test_names_that_neither_sender_nor_table_gives_come_from_the_code_system() -> None:
    at = context(TREES, BIRDS)
    found = table(HEAD + ",oak,,,jay,,,\n").translate("oak", "", at)
    assert found.concept == {
        "coding": [
            {"system": "urn:trees", "code": "oak", "display": "橡树", "userSelected": True},
            {"system": "urn:birds", "code": "jay", "display": "松鸦"},
        ],
        "text": "橡树",
    }
    assert at.findings == ()


def test_the_name_as_sent_and_that_of_the_table_stand() -> None:
    at = context(TREES, BIRDS)
    found = table(HEAD + ",oak,Eiche,,jay,Jay,,\n").translate("oak", "大橡树", at)
    assert [coding["display"] for coding in found.concept["coding"]] == ["Eiche", "Jay"]
    assert found.text == "大橡树"


@pytest.mark.parametrize(
    ("resources", "codes"), [((), ["code-unmapped"]), ((TREES,), ["code-unknown", "code-unmapped"])]
)
def test_a_code_that_its_code_system_lacks_is_unknown_when_that_is_here(
    resources: tuple[dict, ...],  # type: ignore[type-arg]
    codes: list[str],
) -> None:
    at = context(*resources)
    found = table(HEAD).translate("fir", "冷杉", at)
    assert sorted(f.code for f in at.findings) == codes
    assert found.concept["coding"][0] == {
        "system": "urn:trees", "code": "fir", "display": "冷杉", "userSelected": True
    }  # fmt: skip


def test_a_code_without_a_table_is_named_and_judged_too() -> None:
    at = context(TREES)
    assert local_concept(("elm", ""), at, system="urn:trees") == {
        "coding": [{"system": "urn:trees", "code": "elm", "display": "榆树", "userSelected": True}],
        "text": "榆树",
    }
    assert at.findings == ()
    local_concept(("fir", "冷杉"), at, system="urn:trees")
    assert [f.code for f in at.findings] == ["code-unknown"]


def test_an_answer_is_kept_until_the_library_changes_and_a_message_is_looked_at() -> None:
    shelf = Shelf("own")
    asked = Remembered(Terminology(Library(official(), shelf)))
    asked.look()
    assert asked.has("urn:trees", "fir") is None
    shelf.change([TREES])
    assert asked.has("urn:trees", "fir") is None
    asked.look()
    assert (asked.has("urn:trees", "fir"), asked.has("urn:trees", "oak")) == (False, True)
    assert asked.display("urn:trees", "oak") == "橡树"


def test_rules_ask_for_members_by_coding_and_by_concept() -> None:
    asked = terms(TREES)
    asked.look()
    oak, fir = {"system": "urn:trees", "code": "oak"}, {"system": "urn:trees", "code": "fir"}
    everything = "urn:trees?fhir_vs"
    for value, told in ((oak, True), (fir, False), ({"coding": [fir, oak]}, True), ({"system": "urn:trees"}, None)):
        assert asked.member_of(value, everything) is told
        assert asked.member_of(value, "urn:no-such-set") is None
