"""Build `docs/quality.md`: how to write a rule, every rule, and what the mutation test catches.

    python -m tools.build_quality

Runs every mutation (some ten seconds). A test builds the page again and compares.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from hie.base.data import data_path
from hie.quality.rule import DIMENSIONS, Rule
from hie.quality.rules import load_rules
from tools.build_docs import NOTE, table
from tools.mutation import Caught, run

PAGE = Path(__file__).resolve().parents[1] / "docs" / "quality.md"
INTRODUCTION = Path(__file__).resolve().parent / "quality.intro.md"


def mutations(caught: Sequence[Caught]) -> str:
    """What is caught of each kind of fault."""
    kinds = {c.kind.id: c.kind for c in caught}
    heads = ("Kind · 类型", "Dimension", "Cases", "Caught", "By", "Noted elsewhere", "Missed")
    rows = []
    for kind in kinds.values():
        mine = [c for c in caught if c.kind.id == kind.id]
        by = ", ".join(f"`{rule}`" for rule in dict.fromkeys(rule for c in mine for rule in c.right))
        right = sum(bool(c.right) for c in mine)
        elsewhere = sum(bool(c.other) and not c.right for c in mine)
        missed = ", ".join(c.sample for c in mine if not c.right and not c.other)
        rows.append((f"{kind.zh} · {kind.en}", kind.dimension, len(mine), right, by, elsewhere or "", missed))
    right, elsewhere = sum(bool(c.right) for c in caught), sum(bool(c.other) and not c.right for c in caught)
    return (
        f"{len(kinds)} kinds, {len(caught)} cases: {right} caught in their own dimension, {elsewhere} noted in another"
        f" one, {len(caught) - right - elsewhere} missed.\n\n" + table(heads, rows)
    )


def rules_of(rules: Iterable[Rule]) -> str:
    """Every rule, by dimension."""
    text = ""
    for dimension, (_, english) in DIMENSIONS.items():
        mine = [rule for rule in rules if rule.dimension == dimension]
        text += f"\n### {dimension} {english} ({len(mine)})\n\n"
        heads = ("Rule", "中文", "English", "Severity", "Regions: parts", "How", "Clause")
        text += table(heads, [_row(rule) for rule in mine])
    return text


def _row(rule: Rule) -> tuple[str, ...]:
    how = f"`{rule.how}`" if rule.how else f"in {rule.stage}"
    regions = "all" if len(rule.regions) == 3 else " ".join(sorted(rule.regions))
    parts = " ".join(f"`{kind}`" for kind in rule.records)
    where = f"{regions}: {parts}" if parts else regions
    return f"`{rule.id}`", rule.zh, rule.en, rule.severity.value, where, how, rule.source


def page(caught: Sequence[Caught]) -> str:
    """The whole page."""
    rules = load_rules(data_path("mappings", "quality"))
    text = INTRODUCTION.read_text(encoding="utf-8")
    return NOTE.replace("build_docs", "build_quality") + text.replace("{mutations}", mutations(caught)).replace(
        "{rules}", rules_of(rules)
    ).replace("{count}", str(len(rules)))


def main() -> None:
    PAGE.write_text(page(run(load_rules(data_path("mappings", "quality")))), encoding="utf-8")


if __name__ == "__main__":
    main()
