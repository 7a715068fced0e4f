"""The table in `docs/feeds/README.md` names tests that exist, and each failing has at least one."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "docs" / "feeds" / "README.md").read_text(encoding="utf-8").partition("## Where converters")[2]
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ")][2:]


def names(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }


def test_every_failing_has_a_test_that_exists() -> None:
    assert len(ROWS) > 20
    for row in ROWS:
        cited = re.findall(r"`(tests/[\w/.]+)::(\w+)`", row)
        assert cited, row
        for file, name in cited:
            assert name in names(ROOT / file), f"{file}::{name}"
