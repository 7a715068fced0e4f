"""The generated extractors against the FHIRPath engine, on the official examples and a synthetic record."""

import bz2
import tarfile
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from hie.fhir.definitions import official
from hie.search.derived import Both, Either, derived
from hie.search.entries import KINDS, Entries
from hie.search.extract import Extractors
from hie.search.general import general_writer
from hie.wire.safejson import loads
from tests.search.test_extract import UNINDEXED

DATA = Path(__file__).parent.parent / "data"


def examples() -> Iterator[tuple[str, dict[str, Any]]]:
    with tarfile.open(DATA / "r4-examples" / "examples.tar.gz") as tar:
        for member in tar:
            handle = tar.extractfile(member)
            assert handle is not None
            yield member.name, loads(handle.read())
    for path in (DATA / "synthea").glob("*.bz2"):
        for index, entry in enumerate(loads(bz2.decompress(path.read_bytes()))["entry"]):
            yield f"synthea {index}", entry["resource"]


@cache
def resources() -> dict[str, list[tuple[str, dict[str, Any]]]]:
    by_type: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for name, resource in examples():
        kept = by_type.setdefault(resource["resourceType"], [])
        if len(kept) < 12:
            kept.append((name, resource))
    return by_type


def comparable(kind: str, entries: list[Any]) -> set[Any]:
    """Entries without what only one side knows: the system of a bound code, pinyin of name parts, contained types."""
    if kind == "token":
        return {(entry[2], entry[3]) for entry in entries}
    if kind == "string":
        return {entry[1:] for entry in entries if entry[2]}
    if kind == "composite":
        return {repr([plain(part)[1:] for part in entry[1]]) for entry in entries}
    if kind == "reference":
        return {entry[1:] for entry in entries if not entry[3].startswith("#")}
    return {entry[1:] for entry in entries}


def plain(entry: tuple[Any, ...]) -> tuple[Any, ...]:
    """A component entry, the system of a token left out."""
    return (entry[0], *entry[2:]) if len(entry) == 4 else entry


def entries_of(name: str, entries: Entries, kind: str, code: str) -> list[Any]:
    """The entries of a parameter; those of a derived one from what it is derived from."""
    match derived(official(), name).get(code):
        case Either(params):
            return [entry for param in params for entry in entries_of(name, entries, kind, param)]
        case Both(params):
            kinds = [KINDS[official().search_parameters(name)[param].type] for param in params]
            lists = [entries_of(name, entries, one, param) for one, param in zip(kinds, params, strict=True)]
            return [(code, together) for together in product(*lists)]
    return [entry for entry in getattr(entries, kind) if entry[0] == code]


@pytest.mark.parametrize("name", official().resource_types)
def test_extractor_and_engine_agree(name: str) -> None:
    extractor = Extractors(official()).of(name)
    found = [(source, extractor.extract(resource), resource) for source, resource in resources().get(name, ())]
    for parameter in official().search_parameters(name).values():
        if parameter.code in UNINDEXED:
            continue
        kind = KINDS[parameter.type]
        write = general_writer(parameter, official())
        for source, entries, resource in found:
            expected: list[Any] = []
            write(resource, expected)
            mine = entries_of(name, entries, kind, parameter.code)
            assert comparable(kind, mine) == comparable(kind, expected), (parameter.code, source)


def test_the_examples_reach_most_parameters() -> None:
    extractors = Extractors(official())
    reached, all_of_them = set(), set()
    for name, items in resources().items():
        all_of_them |= {(name, code) for code in extractors.of(name).parameters}
        for _, resource in items:
            entries = extractors.extract(resource)
            reached |= {(name, entry[0]) for kind in set(KINDS.values()) for entry in getattr(entries, kind)}
    assert len(reached) > 900
    assert reached <= all_of_them
