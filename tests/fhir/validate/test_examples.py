"""The 777 official R4 examples: no error beyond those that truly break a rule."""

import tomllib
from pathlib import Path
from typing import Any

from hie.fhir.validate import Validator

FOLDER = Path(__file__).parent
BROKEN = tomllib.loads((FOLDER / "broken-examples.toml").read_text())
BROKEN_FULL = tomllib.loads((FOLDER / "broken-examples-full.toml").read_text())


def test_only_the_listed_examples_break_a_rule(validator: Validator, examples: dict[str, Any]) -> None:
    found = {}
    for name, resource in examples.items():
        rules = {issue.rule for issue in validator.validate(resource, base_only=True) if issue.fails}
        if rules:
            found[name.removesuffix(".json")] = sorted(rules)
    assert len(examples) == 777
    assert found == {name: row["rules"] for name, row in BROKEN.items()}


def test_the_fast_path_agrees_on_every_example(validator: Validator, examples: dict[str, Any]) -> None:
    passed = {name.removesuffix(".json") for name, resource in examples.items() if validator.is_valid(resource)}
    assert {name.removesuffix(".json") for name in examples} - passed == set(BROKEN)


def test_only_the_listed_examples_break_a_rule_beyond_the_base(validator: Validator, examples: dict[str, Any]) -> None:
    found: dict[str, set[str]] = {}
    for name, resource in examples.items():
        plain = name.removesuffix(".json")
        for issue in validator.validate(resource):
            if issue.fails and issue.rule not in BROKEN.get(plain, {"rules": []})["rules"]:
                found.setdefault(issue.rule, set()).add(plain)
    assert {rule: sorted(names) for rule, names in found.items()} == {
        rule: row["examples"] for rule, row in BROKEN_FULL.items()
    }
