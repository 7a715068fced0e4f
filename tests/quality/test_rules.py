"""The registry: complete, consistent, and refused with file and line when it is broken."""

from pathlib import Path

import pytest

from hie.base.data import data_path
from hie.base.errors import HieError
from hie.base.finding import CODES
from hie.quality.rules import DIMENSIONS, load_rules

RULES = load_rules(data_path("mappings", "quality") / "rules.toml")

RULE = """[[rule]]
id = "a"
finding = "date-invalid"
dimension = "规范性"
severity = "warn"
stage = "mapping"
zh = "日期有效"
en = "A date is a date"
owner = "区域数据质控组"
source = "common §5.2"
scope = ["qingpu"]
"""


def test_every_finding_has_a_rule() -> None:
    assert set(CODES) - {rule.finding for rule in RULES} == {"internal-error"}


def test_every_dimension_is_used() -> None:
    assert {rule.dimension for rule in RULES} == DIMENSIONS


def test_every_rule_says_what_must_hold_in_both_languages_and_where_it_comes_from() -> None:
    assert all(rule.zh and rule.en and rule.owner and "§" in rule.source for rule in RULES)
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_paths_are_known_for_every_region_of_a_checked_rule() -> None:
    assert all(set(rule.path) == rule.scope for rule in RULES if rule.stage == "quality")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('id = "a"\n', "", "rules.toml:1: 'id' is missing"),
        ('"date-invalid"', '"date-wrong"', "rules.toml:1: no finding code 'date-wrong'"),
        ('severity = "warn"', 'severity = "reject"', "rules.toml:1: the severity is not that of the code"),
        ('"规范性"', '"好"', "rules.toml:1: no dimension '好'"),
        ('stage = "mapping"', 'stage = "later"', "rules.toml:1: no stage 'later'"),
        ('stage = "mapping"', 'stage = "quality"', "rules.toml:1: rules of stage quality"),
        ('["qingpu"]', '["nowhere"]', "rules.toml:1: scope must be a list of regions"),
        ('stage = "mapping"', 'stage = "quality"\npredicate = "x"', "rules.toml:1: no predicate 'x'"),
        ('stage = "mapping"', 'stage = "quality"\npredicate = "slot-stated"', "rules.toml:1: predicate 'slot-stated'"),
        ('owner = "', 'colour = "red"\nowner = "', "rules.toml:1: unknown key 'colour'"),
        ('id = "a"', "id = a", "rules.toml: .*line 2"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, before: str, after: str, message: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(RULE.replace(before, after), encoding="utf-8")
    with pytest.raises(HieError, match=message):
        load_rules(path)


def test_an_id_stands_once(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(RULE + "\n" + RULE, encoding="utf-8")
    with pytest.raises(HieError, match=r"rules\.toml:13: the id stands twice"):
        load_rules(path)
