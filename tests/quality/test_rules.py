"""The registry: complete, consistent, and refused with file and line when it is broken."""

from pathlib import Path
from typing import Any

import pytest

from hie.base.data import data_path
from hie.base.draft import Contribution, Draft, Key
from hie.base.errors import HieError
from hie.base.finding import CODES
from hie.base.record import Record
from hie.quality.rule import DIMENSIONS
from hie.quality.rules import load_rules
from hie.quality.stage import Quality

RULES = load_rules(data_path("mappings", "quality"))

RULE = """[[rule]]
id = "a"
finding = "date-invalid"
dimension = "规范性"
severity = "warn"
scope = "document"
stage = "mapping"
zh = "日期有效"
en = "A date is a date"
owner = "区域数据质控组"
source = "common §5.2"
regions = ["qingpu"]
"""
DOCUMENT = 'scope = "document"\nstage = "mapping"\n'
PATIENT = 'scope = "resource"\ntypes = ["Patient"]\nstage = "quality"\n'
PRESENT = 'predicate = "present"\noptions = { element = "name.txt" }'
PLAUSIBLE = 'predicate = "plausible"\noptions = { table = "none.csv" }'
MATCHES = 'predicate = "matches"\noptions = { element = "name.text", pattern = "(" }'
ORDERED = 'stage = "quality"\npredicate = "ordered-in"\noptions = { first = "Patient", then = "Encounter.id" }'
WITHIN = 'predicate = "within"\noptions = { element = "birthDate", low = "a" }'
SOURCE = 'stage = "quality"\npredicate = "source-present"\noptions = { path = "%s" }'
STATED = 'predicate = "stated"\noptions = { type = "Patient", element = "nam" }'


def test_every_finding_has_a_rule() -> None:
    assert set(CODES) - {rule.finding for rule in RULES} == {"internal-error"}


def test_every_dimension_is_used() -> None:
    assert {rule.dimension for rule in RULES} == set(DIMENSIONS)


def test_every_rule_says_what_must_hold_in_both_languages_and_where_it_comes_from() -> None:
    assert all(rule.zh and rule.en and rule.owner and "§" in rule.source for rule in RULES)
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_paths_are_known_for_every_region_of_a_checked_rule() -> None:
    checked = [rule for rule in RULES if rule.stage == "quality" and rule.scope != "feed" and rule.path]
    assert [rule.id for rule in checked if set(rule.path) != rule.regions] == []


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('id = "a"\n', "", "rules.toml:1: 'id' is missing"),
        ('"date-invalid"', '"date-wrong"', "rules.toml:1: no finding code 'date-wrong'"),
        ('severity = "warn"', 'severity = "reject"', "rules.toml:1: the severity is neither"),
        ('"规范性"', '"好"', "rules.toml:1: no dimension '好'"),
        ('stage = "mapping"', 'stage = "later"', "rules.toml:1: no stage 'later'"),
        ('stage = "mapping"', 'stage = "quality"', "rules.toml:1: rules of stage quality"),
        ('["qingpu"]', '["nowhere"]', "rules.toml:1: regions must be a list of regions"),
        ('stage = "mapping"', 'stage = "quality"\npredicate = "x"', "rules.toml:1: no predicate 'x'"),
        ('stage = "mapping"', 'stage = "quality"\npredicate = "stated"', "rules.toml:1: predicate 'stated'"),
        ('owner = "', 'colour = "red"\nowner = "', "rules.toml:1: unknown key 'colour'"),
        ('id = "a"', "id = a", r"rules.toml:2:6: not TOML"),
        ('scope = "document"', 'scope = "row"', "rules.toml:1: no scope 'row'"),
        ('stage = "mapping"', 'stage = "quality"\nexpression = "a"', "rules.toml:1: an expression is asked about"),
        (DOCUMENT, PATIENT.replace("Patient", "Patien") + PRESENT, "types must name resource types: 'Patien'"),
        (DOCUMENT, PATIENT + 'expression = "name.exists("', "rules.toml:1: FHIRPath"),
        (DOCUMENT, PATIENT + 'expression = "name.where(txt.exists())"', "rules.toml:1: Patient has no element 'txt'"),
        (DOCUMENT, PATIENT + PRESENT, r"rules.toml:1: Patient has no element 'name.txt' \(txt\)"),
        (DOCUMENT, PATIENT + PLAUSIBLE, "rules.toml:1: predicate 'plausible': no table 'none.csv'"),
        (DOCUMENT, PATIENT + MATCHES, "rules.toml:1: predicate 'matches': "),
        (DOCUMENT, PATIENT + 'expression = "name = %nope"', "rules.toml:1: FHIRPath: unknown variable %nope"),
        (DOCUMENT, PATIENT + WITHIN, "rules.toml:1: predicate 'within'"),
        ('stage = "mapping"', ORDERED, "rules.toml:1: Patient has no element ''"),
        ('stage = "mapping"', SOURCE % "/x:a", "rules.toml:1: predicate 'source-present': '/x:a' is no XPath"),
        (
            'stage = "mapping"',
            SOURCE % "count(/a)",
            r"rules.toml:1: predicate 'source-present': 'count\(/a\)' leads to",
        ),
        ('owner = "', 'records = "C0007"\nowner = "', "rules.toml:1: 'records' must be a list of texts"),
        ('owner = "', 'path = { qingpu = 5 }\nowner = "', "rules.toml:1: 'path' must give a text"),
        ('owner = "', 'path = { qingpu = { TB_A = 5 } }\nowner = "', "rules.toml:1: 'path' must give a text"),
        ('owner = "', 'once = "yes"\nowner = "', "rules.toml:1: 'once' must be true or false"),
        ("[[rule]]", '[["rule"]]', "rules.toml: .*every rule begins with a line"),
        ('stage = "mapping"', 'stage = "quality"\n' + STATED, r"rules.toml:1: Patient has no element 'nam' \(nam\)"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, before: str, after: str, message: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(RULE.replace(before, after + "\n" if before == DOCUMENT else after), encoding="utf-8")
    with pytest.raises(HieError, match=message):
        load_rules(path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("plausible", "loinc,unit,low,high\n1-1,g,abc,5\n", "'abc' is no number"),
        ("fits-person", "code,word,sex,youngest,oldest\nC61,,mal,,\n", "'mal' is neither male nor female"),
    ],
)
def test_a_broken_table_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.csv").write_text(text, encoding="utf-8")
    typed = 'type = "Condition", ' if name == "fits-person" else ""
    given = PATIENT if not typed else 'scope = "document"\nstage = "quality"\n'
    rule = RULE.replace(DOCUMENT, f'{given}predicate = "{name}"\noptions = {{ {typed}table = "t.csv" }}\n')
    (tmp_path / "rules.toml").write_text(rule, encoding="utf-8")
    with pytest.raises(HieError, match=f"rules.toml:1: predicate '{name}': {message}"):
        load_rules(tmp_path)


def test_an_expression_that_cannot_be_worked_out_judges_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    rule = PATIENT + "expression = \"name.single().text = 'x'\"\n"
    path.write_text(RULE.replace(DOCUMENT, rule), encoding="utf-8")
    key = Key("qingpu", "o", "Patient", "kind", "1")
    for names, broken in (("x", False), ("y", True), ("yy", False)):
        draft = Draft((Contribution(key, "1", {"name[]": [{"text": name} for name in names]}),))
        assert bool(Quality(load_rules(path)).run(draft, Record(1, "T", None, b"")).findings) is broken


@pytest.mark.parametrize(
    ("limits", "value", "broken"),
    [
        ("low = 1, high = 5", "1", False),
        ("low = 1, high = 5", "5.0", False),
        ("low = 1, high = 5", "0.9", True),
        ("low = 1, high = 5", "5.1", True),
        ("low = 1", "99", False),
        ("high = 5", "-9", False),
        ("high = 5", "many", False),
    ],
)
def test_a_number_lies_within_limits(tmp_path: Path, limits: str, value: str, broken: bool) -> None:
    path = tmp_path / "rules.toml"
    rule = f'predicate = "within"\noptions = {{ element = "name.text", {limits} }}\n'
    path.write_text(RULE.replace(DOCUMENT, PATIENT + rule), encoding="utf-8")
    draft = Draft((Contribution(Key("qingpu", "o", "Patient", "kind", "1"), "1", {"name[]": [{"text": value}]}),))
    assert bool(Quality(load_rules(path)).run(draft, Record(1, "T", None, b"")).findings) is broken


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('id = "a"', 'id = "b"'), "rules.toml:1: the id of a rule of kunshan begins with 'kunshan-'"),
        (('"a"', '"kunshan-a"'), r"rules.toml:1: regions must be a list of regions \(kunshan\)"),
    ],
)
def test_rules_of_a_package_are_for_its_region_only(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(RULE.replace(*change), encoding="utf-8")
    with pytest.raises(HieError, match=message):
        load_rules(path, region="kunshan")


def test_an_id_stands_once(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(RULE + "\n" + RULE, encoding="utf-8")
    with pytest.raises(HieError, match=r"rules\.toml:14: the id stands twice"):
        load_rules(path)


@pytest.mark.parametrize(("loaded", "broken"), [(None, False), (frozenset({"oak"}), False), (frozenset({"elm"}), True)])
def test_member_of_in_an_expression_asks_the_terminology(
    tmp_path: Path, loaded: frozenset[str] | None, broken: bool
) -> None:
    expression = "code.coding.all(memberOf('urn:trees?fhir_vs') = true or memberOf('urn:trees?fhir_vs').empty())"
    path = tmp_path / "rules.toml"
    basic = f'scope = "resource"\ntypes = ["Basic"]\nstage = "quality"\nexpression = "{expression}"\n'
    path.write_text(RULE.replace(DOCUMENT, basic), encoding="utf-8")

    def member_of(value: Any, value_set: str) -> bool | None:
        assert value_set == "urn:trees?fhir_vs"
        return None if loaded is None else value["code"] in loaded

    key = Key("qingpu", "o", "Basic", "kind", "1")
    draft = Draft((Contribution(key, "1", {"code": {"coding": [{"system": "urn:trees", "code": "oak"}]}}),))
    found = Quality(load_rules(path, member_of)).run(draft, Record(1, "TB", None, b"")).findings
    assert bool(found) is broken
