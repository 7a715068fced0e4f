"""Every clause of the interface documents that names a rule has one, and the rule names the clause."""

import csv

import pytest

from tests.quality.examples import FOLDER, RULES

with (FOLDER / "clauses.csv").open(encoding="utf-8", newline="") as lines:
    CLAUSES = list(csv.DictReader(lines))


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda row: f"{row['document']}{row['clause']} {row['what']}")
def test_a_clause_has_its_rules(clause: dict[str, str]) -> None:
    rules = [RULES[name] for name in clause["rules"].split()]
    assert rules
    for rule in rules:
        parts = (part.strip() for part in rule.source.split(";"))
        sections = {f"{p.split(' ', 1)[0]} {s.strip()}" for p in parts for s in p.split(" ", 1)[1].split(",")}
        assert f"{clause['document']} {clause['clause']}" in sections, rule.source


def test_every_rule_of_the_interface_documents_stands_for_a_clause() -> None:
    """Rules with a severity that a sender is told of."""
    named = {name for clause in CLAUSES for name in clause["rules"].split()}
    told = {rule.id for rule in RULES.values() if rule.severity.value != "score"}
    assert told - named == {"event-listed", "fhir-rules-kept"} - named
