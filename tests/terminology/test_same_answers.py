"""Generated code systems and selections: the stored code system answers as the one in memory does."""

import csv
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hie.terminology.codefile import CodeFile
from hie.terminology.concept import Filter, Selection
from hie.terminology.loading import Source, load
from hie.terminology.port import CodeSystem
from hie.terminology.resource import ResourceSystem

CODES = ["A", "B", "a1", "A1.1", "X-9", "编1"]
NAMES = ["霍乱", "Cholera", "伤寒 typhoid", "Ｔyphoid", ""]
COLOURS = ["red", "blue", ""]
URL = "http://example.org/generated"

ROWS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.integers(-1, 4), st.integers(-1, 4), st.booleans(), st.sampled_from(COLOURS)),
    min_size=len(CODES),
    max_size=len(CODES),
)
"""For each code: name, places of two parents (only earlier codes count), inactive, colour."""

NAMED = ["code", "display", "parent", "child", "inactive", "colour", "notSelectable", "definition"]
PROPERTIES = st.sampled_from(NAMED)
TREE = st.sampled_from(["is-a", "descendent-of", "is-not-a", "generalizes"])
VALUES = st.sampled_from([*CODES, "red", "true", "false", "霍乱", "none"])
FILTERS = st.one_of(
    st.builds(Filter, st.just("concept"), TREE, VALUES),
    st.builds(Filter, PROPERTIES, st.just("="), VALUES),
    st.builds(Filter, PROPERTIES, st.just("exists"), st.sampled_from(["true", "false"])),
    st.builds(Filter, PROPERTIES, st.sampled_from(["in", "not-in"]), st.sampled_from(["A,B", "red, true", "a1"])),
    st.builds(Filter, PROPERTIES, st.just("regex"), st.sampled_from(["[A-Z].*", "r.d|true", "A1\\.1", ".*"])),
)
SELECTIONS = st.builds(
    Selection,
    st.lists(FILTERS, max_size=2).map(tuple),
    st.lists(st.lists(FILTERS, min_size=1, max_size=2).map(tuple), max_size=1).map(tuple),
    st.lists(st.sampled_from(["huo", "hl", "typhoid", "霍", "a1", "x"]), max_size=1).map(tuple),
    st.booleans(),
    st.booleans(),
)


def parents_of(place: int, row: tuple[Any, ...]) -> list[str]:
    return [CODES[at] for at in dict.fromkeys(row[1:3]) if 0 <= at < place]


def in_memory(rows: list[tuple[Any, ...]]) -> CodeSystem:
    concepts = []
    for place, (code, row) in enumerate(zip(CODES, rows, strict=True)):
        properties: list[dict[str, Any]] = [{"code": "parent", "valueCode": up} for up in parents_of(place, row)]
        properties += [{"code": "inactive", "valueBoolean": True}] if row[3] else []
        properties += [{"code": "colour", "valueString": row[4]}] if row[4] else []
        concepts.append({"code": code, "display": row[0], "property": properties})
    return ResourceSystem({"url": URL, "content": "complete", "concept": concepts}, "posted")


def stored(folder: Path, rows: list[tuple[Any, ...]]) -> CodeSystem:
    path = folder / "codes.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["code", "display", "parent", "inactive", "colour"])
        for place, (code, row) in enumerate(zip(CODES, rows, strict=True)):
            table.writerow([code, row[0], "|".join(parents_of(place, row)), "true" if row[3] else "", row[4]])
    load(folder / "t.sqlite", Source(path, URL), datetime(2026, 1, 18, tzinfo=UTC))
    found = CodeFile(folder / "t.sqlite").find(URL)
    assert found is not None
    return found


@settings(max_examples=25, deadline=None)
@given(rows=ROWS, selections=st.lists(SELECTIONS, min_size=8, max_size=20), pair=st.tuples(VALUES, VALUES))
def test_the_stored_code_system_answers_as_the_one_in_memory(
    rows: list[tuple[Any, ...]], selections: list[Selection], pair: tuple[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here, there = in_memory(rows), stored(Path(folder), rows)
        for wanted in selections:
            codes = [concept.code for concept in here.select(wanted)]
            assert [concept.code for concept in there.select(wanted)] == codes, wanted
            assert [concept.code for concept in there.select(wanted, 1)] == codes[1:]
            assert (here.size(wanted), there.size(wanted)) == (len(codes), len(codes))
            plain = Selection(wanted.filters, wanted.without)
            for code in (*CODES, "none"):
                assert (here.pick(code, plain) is None) == (there.pick(code, plain) is None), (code, plain)
        assert here.subsumes(*pair) == there.subsumes(*pair)
        for code in CODES:
            assert list(here.parents(code)) == sorted(there.parents(code), key=list(here.parents(code)).index)
            assert sorted(here.children(code)) == sorted(there.children(code))
