"""Agreement with the HL7 validator on valid or invalid, over its own R4 cases."""

import json
import tomllib
from pathlib import Path
from typing import Any

from hie.fhir.validate import Options, Validator

SUITE = Path(__file__).parent.parent / "validator_suite"
FLOOR = 0.95


def options(case: dict[str, Any]) -> Options:
    """The switches of a case; unknown extensions are errors to the HL7 validator."""
    return Options(
        unknown_extensions="error",
        example_urls=case.get("examples", True),
        html_in_text="error" if case.get("security-checks") else "warning",
        markdown_html="error" if case.get("noHtmlInMarkdown") else "warning",
        resolve_references=case.get("validateReference") == "CHECK_EXISTS_AND_TYPE",
        check_contained=case.get("validateContains") != "IGNORE",
    )


def test_agreement_with_the_hl7_validator(validator: Validator) -> None:
    cases = json.loads((SUITE / "cases.json").read_text())
    misses = tomllib.loads((SUITE / "misses.toml").read_text())
    found = {}
    for case in cases:
        issues = validator.validate_text((SUITE / "cases" / case["file"]).read_bytes(), options=options(case))
        if any(issue.fails for issue in issues) == case["valid"]:
            found[case["name"]] = case["valid"]
    print(f"\nagreement with the HL7 validator: {len(cases) - len(found)} of {len(cases)}")
    assert len(cases) == 113
    assert 1 - len(found) / len(cases) >= FLOOR
    assert found == {name: row["expected"] for name, row in misses.items()}
