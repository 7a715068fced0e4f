"""The registry of quality rules: `mappings/quality/*.toml`, those of packages too, loaded and checked at start.

Every file has `[defaults]` and one `[[rule]]` for each rule. Rules of the stage `quality` have a predicate or a
FHIRPath expression and run on every draft; the others say where they are kept (parse, mapping, pipeline), so that one
list shows them all. A rule that cannot run stops the start, with file and line.
"""

import csv
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hie.base.errors import Category, HieError
from hie.base.finding import CODES, Severity
from hie.base.tablefile import NotUtf8, table_files, table_text, toml_problem
from hie.fhir.definitions import official
from hie.fhir.path.scope import MemberOf
from hie.quality.element import missing_element
from hie.quality.expression import ask, expression_mistakes
from hie.quality.predicate import Test
from hie.quality.predicates import PREDICATES
from hie.quality.rule import DIMENSIONS, REGIONS, STAGES, Rule

_TEXTS = ("id", "finding", "dimension", "severity", "scope", "stage", "zh", "en", "owner", "source")
_KEYS = frozenset(
    {*_TEXTS, "regions", "types", "records", "predicate", "expression", "options", "path", "once", "unless"}
)
_LISTS = ("regions", "types", "records", "unless")
_SHAPES: Mapping[str, type] = {"predicate": str, "expression": str, "options": dict, "path": dict, "once": bool}
_SHAPE = {str: "a text", dict: "a table", bool: "true or false"}
_HEADER = re.compile(r"\s*\[\[\s*rule\s*\]\]\s*(?:#.*)?")
_SCOPES = frozenset({"resource", "document", "feed"})

Row = Mapping[str, Any]


def nothing_told(value: Any, value_set: str) -> bool | None:
    """The terminology of rules that are only read: it tells of no value set."""
    return None


def load_rules(path: Path, member_of: MemberOf = nothing_told, region: str = "") -> tuple[Rule, ...]:
    """Every rule of a file, or of all `.toml` files of a folder in order of their names; `member_of` is asked about
    value sets that are not official ones. With a `region` these are the rules of its package: they are for that region
    alone, without saying so, and their ids begin with its code, so that they are nobody else's.

    Raises `HieError` that lists each mistake with file and line.
    """
    problems: list[str] = []
    rules: list[Rule] = []
    seen: set[str] = set()
    for file in (path,) if path.suffix == ".toml" else table_files(path, "*.toml"):
        for line, row in _rows(file):
            row = {"regions": [region], **row} if region else row
            reasons = _mistakes(row, file.parent, frozenset({region}) if region else REGIONS)
            if region and not str(row.get("id")).startswith(f"{region}-"):
                reasons.append(f"the id of a rule of {region} begins with '{region}-'")
            if row.get("id") in seen:
                reasons.append("the id stands twice")
            seen.add(str(row.get("id")))
            problems += [f"{file.name}:{line}: {reason}" for reason in reasons]
            if not problems:
                rules.append(_rule(row, file, line, member_of))
    if problems:
        raise HieError(Category.INTERNAL, "broken quality rules:\n" + "\n".join(problems))
    return tuple(rules)


def _rows(file: Path) -> Iterator[tuple[int, Row]]:
    text = ""
    try:
        text = table_text(file)
        tables = tomllib.loads(text)
    except NotUtf8 as error:
        raise HieError(Category.INTERNAL, f"{file.name}:{error.line}:{error.column}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        line, column, reason = toml_problem(error, text)
        raise HieError(Category.INTERNAL, f"{file.name}:{line}:{column}: {reason}") from error
    lines = [number for number, line in enumerate(text.splitlines(), 1) if _HEADER.fullmatch(line)]
    defaults, rows = tables.get("defaults", {}), tables.get("rule", [])
    if not isinstance(defaults, dict) or not isinstance(rows, list) or len(rows) != len(lines):
        form = "[defaults] is a table, and every rule begins with a line [[rule]], as no other line does"
        raise HieError(Category.INTERNAL, f"{file.name}: {form}")
    for line, row in zip(lines, rows, strict=True):
        yield line, {**defaults, **row}


def _rule(row: Row, file: Path, line: int, member_of: MemberOf) -> Rule:
    texts = {name: row[name] for name in _TEXTS if name != "severity"}
    return Rule(
        **texts,
        severity=Severity(row["severity"]),
        regions=frozenset(row["regions"]),
        types=tuple(row.get("types", ())),
        records=tuple(row.get("records", ())),
        predicate=row.get("predicate", ""),
        expression=row.get("expression", ""),
        options=row.get("options", {}),
        path={region: _places(places) for region, places in row.get("path", {}).items()},
        shown={region: places for region, places in row.get("path", {}).items() if isinstance(places, dict)},
        once=row.get("once", False),
        unless=tuple(row.get("unless", ())),
        place=f"{file.name}:{line}",
        test=_test(row, file.parent, member_of),
    )


def _places(places: str | list[str] | dict[str, str]) -> tuple[str, ...]:
    if isinstance(places, str):
        return (places,)
    return tuple(places.values() if isinstance(places, dict) else places)


def _is_path(places: Any) -> bool:
    return isinstance(places, str) or _is_texts(list(places.values()) if isinstance(places, dict) else places)


def _test(row: Row, folder: Path, member_of: MemberOf = nothing_told) -> Test | None:
    """The test of a rule; raises `ValueError`, `TypeError` or `HieError` when it cannot be made."""
    if "expression" in row:
        return ask(row["expression"], member_of)
    if "predicate" not in row:
        return None
    predicate = PREDICATES[row["predicate"]]
    options = dict(row.get("options", {}))
    if predicate.table:
        options["table"] = _table(folder / "tables" / str(options["table"]))
    if predicate.terms:
        options["member_of"] = member_of
    made: Test = predicate.make(**options)
    return made


def _table(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise ValueError(f"no table {path.name!r}")
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _mistakes(row: Row, folder: Path, known: frozenset[str]) -> list[str]:
    found = [f"unknown key {key!r}" for key in sorted(set(row) - _KEYS)]
    found += [f"{name!r} is missing" for name in _TEXTS if not isinstance(row.get(name), str) or not row[name]]
    found += [f"{name!r} must be a list of texts" for name in _LISTS if not _is_texts(row.get(name, []))]
    found += [f"{name!r} must be {_SHAPE[kind]}" for name, kind in _SHAPES.items() if not _fits(row, name, kind)]
    if not found and not all(map(_is_path, row.get("path", {}).values())):
        found.append("'path' must give a text, a list of texts or a text for each kind of part for each region")
    if found:
        return found
    code = CODES.get(row["finding"])
    regions = set(row.get("regions", ()))
    unknown = [name for name in row.get("types", ()) if not official().is_resource(name)]
    runs = "predicate" in row or "expression" in row
    checks = {
        f"no finding code {row['finding']!r}": code is not None,
        "the severity is neither that of the code nor score": code is None
        or row["severity"] in (code.severity.value, Severity.SCORE.value),
        f"no dimension {row['dimension']!r}, only {', '.join(DIMENSIONS)}": row["dimension"] in DIMENSIONS,
        f"no stage {row['stage']!r}, only {', '.join(sorted(STAGES))}": row["stage"] in STAGES,
        f"no scope {row['scope']!r}, only {', '.join(sorted(_SCOPES))}": row["scope"] in _SCOPES,
        f"regions must be a list of regions ({', '.join(sorted(known))})": bool(regions) and regions <= known,
        "unless must name finding codes": set(row.get("unless", ())) <= set(CODES),
        "path must name regions of the rule": set(row.get("path", {})) <= regions,
        f"types must name resource types: {', '.join(map(repr, unknown))}": not unknown,
        "rules of stage quality, and only they, have a predicate or an expression": runs == (row["stage"] == "quality"),
        "a rule has a predicate or an expression, not both": not ("predicate" in row and "expression" in row),
    }
    found = [reason for reason, holds in checks.items() if not holds]
    if not found and runs:
        found = _expression_mistakes(row) if "expression" in row else _predicate_mistakes(row, folder)
    return found


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _fits(row: Row, name: str, kind: type) -> bool:
    return name not in row or isinstance(row[name], kind)


def _expression_mistakes(row: Row) -> list[str]:
    if row["scope"] != "resource" or not row.get("types"):
        return ["an expression is asked about resources of types"]
    return [reason for name in row["types"] for reason in expression_mistakes(row["expression"], name)]


def _predicate_mistakes(row: Row, folder: Path) -> list[str]:
    name = row["predicate"]
    predicate = PREDICATES.get(name)
    if predicate is None:
        return [f"no predicate {name!r}"]
    scope, types = row["scope"], row.get("types", ())
    if predicate.scope not in (scope, "amend") and (predicate.scope, scope) != ("claims", "document"):
        return [f"predicate {name!r} is for the scope {predicate.scope}"]
    if predicate.scope == "resource" and not types:
        return [f"predicate {name!r} is asked about resources of types"]
    try:
        _test(row, folder)
    except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError, re.error) as error:
        return [f"predicate {name!r}: {error}"]
    return _element_mistakes(row)


def _element_mistakes(row: Row) -> list[str]:
    """Element paths in options that FHIR R4 does not have: those below `types`, and those that begin with a type."""
    options, found = row.get("options", {}), []
    wanted = [(t, options[o]) for o in PREDICATES[row["predicate"]].elements if o in options for t in row["types"]]
    if "type" in options:
        wanted += [(options["type"], path) for path in options.get("elements", [options.get("element", "id")])]
    if row["predicate"].endswith("-in"):
        paths = [options[name].partition(".") for name in ("first", "then", "second") if name in options]
        wanted += [(resource_type, path) for resource_type, _, path in paths]
    for resource_type, path in wanted:
        name = missing_element(resource_type, path)
        if name is not None:
            found.append(f"{resource_type} has no element {path!r} ({name})")
    return found
