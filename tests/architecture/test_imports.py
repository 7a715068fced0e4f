"""Who may import whom: the table of arrows between stages, held against the code."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = frozenset({"*"})

ALLOWED: dict[str, frozenset[str]] = {
    "base": frozenset(),
    "wire": frozenset({"base"}),
    "fhir": frozenset({"wire", "base"}),
    "plugin": frozenset({"base"}),
    "search": frozenset({"fhir", "wire", "base"}),
    "parse": frozenset({"plugin", "fhir", "wire", "base"}),
    "mapping": frozenset({"plugin", "fhir", "wire", "base"}),
    "quality": frozenset({"fhir", "wire", "base"}),
    "fold": frozenset({"fhir", "wire", "base"}),
    "terminology": frozenset({"search.fold", "fhir", "wire", "base"}),
    "identity": frozenset({"store.table", "fhir", "wire", "base"}),
    "store": frozenset({"search", "fhir", "wire", "base"}),
    "staging": frozenset({"store.table", "store.port", "base"}),
    "security": frozenset({"search", "store.port", "fhir", "base"}),
    "pipeline": frozenset(
        {
            "staging",
            "quality",
            "fold",
            "identity",
            "store.port",
            "store.table",
            "store.effects",
            "store.lease",
            "plugin",
        }
        | {"wire", "base"}
    ),
    "front": frozenset({"base"}),
    "feeds": frozenset({"plugin", "wire", "base"}),
    "api": frozenset(
        {"terminology", "search", "store.port", "store.body", "store.table", "store.lease", "security", "fhir", "wire"}
        | {"base"}
    ),
    "browse": frozenset({"search", "store.port", "security", "fhir", "wire", "base"}),
    "admin": frozenset(
        {"pipeline", "staging", "quality", "identity", "browse", "feeds.problem", "feeds.coding", "store.port"}
        | {"store.table", "wire", "base"}
    ),
    "simulate": frozenset({"base"}),
    "testing": EVERYTHING,
    "config": frozenset({"base"}),
    "app": EVERYTHING,
    "cli": EVERYTHING,
    "commands": EVERYTHING,
}
"""Stage -> what it may import besides itself: a stage, or one module of it (`store.port`)."""


def sources() -> Iterator[tuple[str, Path]]:
    """Every module of `hie` with its dotted name."""
    for path in sorted((ROOT / "hie").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


def imports(path: Path) -> Iterator[str]:
    """The `hie` modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "hie")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hie":
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def stage_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def permitted(stage: str, imported: str) -> bool:
    allowed = ALLOWED[stage]
    parts = imported.split(".")[1:]
    target, module = parts[0], ".".join(parts[:2])
    return "*" in allowed or target in (stage, "__version__") or target in allowed or module in allowed


def test_no_arrow_that_the_table_does_not_have() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, path in sources()
        if stage_of(module)
        for imported in imports(path)
        if "." in imported and not permitted(stage_of(module), imported)
    ]
    assert wrong == []


def test_every_stage_stands_in_the_table_and_every_row_is_a_stage() -> None:
    assert {stage_of(module) for module, _ in sources()} - {""} == set(ALLOWED)


def test_stages_form_no_cycle() -> None:
    arrows = {stage: {a.split(".")[0] for a in allowed if a != "*"} for stage, allowed in ALLOWED.items()}
    try:
        list(TopologicalSorter(arrows).static_order())
    except CycleError as error:
        pytest.fail(f"cycle: {error.args[1]}")


def test_adapters_import_the_plugin_module_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {imported}"
        for path in sorted((ROOT / "adapters").rglob("*.py"))
        for imported in imports(path)
        if not imported.startswith("hie.plugin")
    ]
    assert wrong == []


def test_only_the_wiring_names_a_concrete_store() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, path in sources()
        if stage_of(module) not in ("store", "app")
        for imported in imports(path)
        if imported.startswith(("hie.store.sqlite", "hie.store.memory"))
    ]
    assert wrong == []


def test_no_drawer_modules() -> None:
    names = {"utils", "helpers", "common", "manager", "misc", "util"}
    assert [module for module, _ in sources() if names & set(module.split("."))] == []


def test_what_json_is_has_one_name() -> None:
    """`Json`, `JsonView` and `Resource` are declared in `hie/base/resource.py` alone."""
    declared = re.compile(r"^(Json|JsonView|Resource) = .*$", re.MULTILINE)
    wrong = [
        f"{module}: {found[0]}"
        for module, path in sources()
        for found in declared.finditer(path.read_text(encoding="utf-8"))
        if module != "hie.base.resource"
    ]
    assert wrong == []


def test_every_stage_has_its_page() -> None:
    """One name in code, tests and docs: `hie/<stage>`, `tests/<stage>`, `docs/stages/<stage>.md`."""
    folders = {path.name for path in (ROOT / "hie").iterdir() if (path / "__init__.py").exists()}
    stages = folders - {"app", "base", "cli", "commands"}
    assert {path.stem for path in (ROOT / "docs" / "stages").glob("*.md")} >= stages
