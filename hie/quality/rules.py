"""The registry of quality rules: every rule of the interface documents, loaded and checked at start.

Rules of the stage `quality` name a predicate of `hie.quality.builtin` and run on every draft; the others say where they
are kept (parse, mapping, pipeline), so that one list shows them all to reviewers and in reports.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any

from hie.base.draft import Draft
from hie.base.errors import Category, HieError
from hie.base.finding import CODES, Severity
from hie.quality.builtin import PREDICATES

DIMENSIONS = frozenset({"完整性", "规范性", "一致性", "及时性", "关联性", "唯一性", "时序", "互认"})
"""Completeness, conformity, consistency, timeliness, reference, uniqueness, order of times, mutual recognition."""

STAGES = frozenset({"parse", "mapping", "quality", "pipeline"})
"""Where a rule is kept."""

REGIONS = frozenset({"wujiang", "jiashan", "qingpu"})

_TEXTS = ("id", "finding", "dimension", "severity", "stage", "zh", "en", "owner", "source")
_KEYS = frozenset({*_TEXTS, "scope", "predicate", "options", "path", "once", "unless"})
_HEADER = re.compile(r"\s*\[\[rule\]\]\s*(?:#.*)?")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    `finding` is the code it gives; `zh` and `en` say what must hold; `source` is the clause it comes from; `owner` who
    decides about it; `scope` the regions it is for. Rules of the stage `quality` have a `predicate` with `options`, and
    `path`: where the value stands in each region's own terms. `once`: not repeated when mapping has noted the code.
    `unless`: finding codes that, noted at the same path, say already why a value is not there.
    """

    id: str
    finding: str
    dimension: str
    severity: Severity
    stage: str
    zh: str
    en: str
    owner: str
    source: str
    scope: frozenset[str]
    predicate: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    once: bool = False
    unless: tuple[str, ...] = ()

    def check(self, draft: Draft) -> Draft | None:
        """The draft after the rule when it is broken (amended where the clause says so), None when it holds."""
        return PREDICATES[self.predicate](draft, **self.options)


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Every rule of a file, in order. Raises `HieError` that lists each mistake with file and line."""
    text = path.read_text(encoding="utf-8")
    try:
        rows = tomllib.loads(text).get("rule", [])
    except tomllib.TOMLDecodeError as error:
        raise HieError(Category.INTERNAL, f"{path.name}: {error}") from error
    lines = [number for number, line in enumerate(text.splitlines(), 1) if _HEADER.fullmatch(line)]
    problems: list[str] = []
    seen: set[str] = set()
    for line, row in zip(lines, rows, strict=True):
        reasons = _mistakes(row) or (["the id stands twice"] if row["id"] in seen else [])
        problems += [f"{path.name}:{line}: {reason}" for reason in reasons]
        seen.add(str(row.get("id")))
    if problems:
        raise HieError(Category.INTERNAL, "broken quality rules:\n" + "\n".join(problems))
    return tuple(_rule(row) for row in rows)


def _rule(row: Mapping[str, Any]) -> Rule:
    texts = {name: row[name] for name in _TEXTS if name != "severity"}
    return Rule(
        **texts,
        severity=Severity(row["severity"]),
        scope=frozenset(row["scope"]),
        predicate=row.get("predicate", ""),
        options=row.get("options", {}),
        path=row.get("path", {}),
        once=row.get("once", False),
        unless=tuple(row.get("unless", ())),
    )


def _mistakes(row: Mapping[str, Any]) -> list[str]:
    found = [f"unknown key {key!r}" for key in sorted(set(row) - _KEYS)]
    found += [f"{name!r} is missing" for name in _TEXTS if not isinstance(row.get(name), str) or not row[name]]
    if found:
        return found
    code = CODES.get(row["finding"])
    checks = {
        f"no finding code {row['finding']!r}": code is not None,
        "the severity is not that of the code": code is None or row["severity"] == code.severity.value,
        f"no dimension {row['dimension']!r}": row["dimension"] in DIMENSIONS,
        f"no stage {row['stage']!r}": row["stage"] in STAGES,
        "scope must be a list of regions": bool(row.get("scope")) and set(row["scope"]) <= REGIONS,
        "unless must name finding codes": set(row.get("unless", ())) <= set(CODES),
        "path must name regions of the scope": set(row.get("path", {})) <= set(row.get("scope", ())),
        "rules of stage quality, and only they, have a predicate": ("predicate" in row) == (row["stage"] == "quality"),
    }
    found = [reason for reason, holds in checks.items() if not holds]
    return found + _predicate_mistakes(row)


def _predicate_mistakes(row: Mapping[str, Any]) -> list[str]:
    name = row.get("predicate")
    if name is None:
        return []
    predicate: Callable[..., Any] | None = PREDICATES.get(name)
    if predicate is None:
        return [f"no predicate {name!r}"]
    try:
        signature(predicate).bind(None, **row.get("options", {}))
    except TypeError as error:
        return [f"predicate {name!r}: {error}"]
    return []
