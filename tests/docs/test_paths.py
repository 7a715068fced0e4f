"""The pages name files that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
MODULES = {path.name for folder in ("hie", "tests", "tools") for path in (ROOT / folder).rglob("*.py")}

FOLDERS = sorted(path.parent.name for path in (ROOT / "hie").glob("*/__init__.py"))
PAGE_OF = {"commands": "cli"}
"""Folders that share the page of another."""

_PATH = re.compile(r"`((?:hie|tests|docs|tools|mappings|profiles|adapters)/[\w./*-]+\.\w+)(?:::\w+)*`")
_MODULE = re.compile(r"`(\w+\.py)`")
_LINK = re.compile(r"\]\(([\w./-]+)(?:#[\w-]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    assert [path for path in _PATH.findall(text) if not any(ROOT.glob(path))] == []
    assert [link for link in _LINK.findall(text) if not (page.parent / link).exists()] == []
    if page.parent.name in ("stages", "decisions"):
        assert [name for name in _MODULE.findall(text) if name not in MODULES] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_page_of_a_folder_names_every_module(folder: str) -> None:
    text = (ROOT / "docs" / "stages" / f"{PAGE_OF.get(folder, folder)}.md").read_text("utf-8")
    named = {word for code in re.findall(r"`([^`]+)`", text.replace("```", "")) for word in re.findall(r"\w+", code)}
    assert {path.stem for path in (ROOT / "hie" / folder).rglob("*.py") if path.stem.strip("_") == path.stem} <= named
