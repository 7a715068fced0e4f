"""What a tally says of counters, and what it keeps when senders name more than it has room for."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from hie.base.finding import Finding, finding
from hie.base.tally import Cause
from hie.staging import tallies
from hie.staging.tallies import OPEN, OTHERS, counts_of_item, counts_of_part, tally


def counted(found: list[Finding], label: str = "ADT^A01", resources: int = 2) -> dict[str, int]:
    return counts_of_part(found, resources, lambda one: "form" if one.code != "code-unmapped" else "", label)


def row(body: bytes) -> dict[str, Any]:
    return {"day": "2026-01-18", "feed": "a", "organisation": "o", "state": OPEN, "body": body}


def test_a_part_says_what_no_map_covers_and_what_fails() -> None:
    counts = counted(
        [finding("type-unknown", "a[1].b"), finding("field-unmapped", "PID-9[2]"), finding("code-unmapped", "x")]
    )
    found = tally(row(tallies._changed({"n": {}, "s": {}}, counts, {})))
    assert (found.checked, found.resources, found.types) == (1, 2, {"ADT^A01": 1})
    assert found.unmapped == {"ADT^A01": 1}
    assert found.unknown == {("ADT^A01", "PID-9"): 1}
    assert {cause.path for cause in found.found} == {"a.b", "PID-9", "x"}
    assert set(found.failed) <= {"form"}
    plain = tally(row(tallies._changed({"n": {}, "s": {}}, counted([finding("code-unmapped", "x")]), {})))
    assert (plain.unmapped, plain.unknown) == ({}, {})


def test_an_item_is_one_arrival_in_the_hour_of_china() -> None:
    at = datetime(2026, 1, 18, 17, 30, tzinfo=UTC)
    assert counts_of_item(at, [], lambda _: "") == {"items": 1, "hour|01": 1}
    known = counts_of_item(at, [finding("code-unmapped", "x")], lambda _: "")
    assert (known["checked"], known["items"], "resources" in known) == (1, 1, False)


def test_what_is_taken_back_leaves_nothing() -> None:
    counts = counted([finding("field-unmapped", "PID-9")])
    [name] = [name for name in counts if name.startswith("found|")]
    kept = orjson.loads(tallies._changed({"n": {}, "s": {}}, counts, {name: "item/3"}))
    assert tally(row(orjson.dumps(kept))).samples == {Cause(*name.split("|")[1:]): ("item", 3)}
    left = tallies._changed(kept, {name: -n for name, n in counts.items()}, {})
    assert orjson.loads(left) == {"n": {}, "s": {}}


@pytest.mark.parametrize(
    ("name", "together"),
    [
        ("found|warning|code|rule|PID-9|x", f"found|warning|code|rule|{OTHERS}"),
        ("type|ADT^A01", f"type|{OTHERS}"),
        ("unmapped|ADT^A01", f"unmapped|{OTHERS}"),
        ("unknown|ADT^A01|PID-9", f"unknown|{OTHERS}|"),
        ("hour|08", "hour|08"),
        ("failed|form", "failed|form"),
    ],
)
def test_more_names_than_there_is_room_for_are_counted_together(
    monkeypatch: pytest.MonkeyPatch, name: str, together: str
) -> None:
    monkeypatch.setattr(tallies, "MOST_NAMES", 1)
    full = {"n": {"items": 1}, "s": {}}
    counts = orjson.loads(tallies._changed(full, {"items": 1, name: 2}, {}))["n"]
    assert counts == {"items": 2, together: 2}


def test_what_was_counted_together_is_taken_back_from_there_when_there_is_room_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tallies, "MOST_NAMES", 3)
    content: dict[str, Any] = {"n": {}, "s": {}}
    for changes in ({"items": 3, "type|a": 1, "type|b": 1, "type|c": 1}, {"type|a": -1, "type|b": -1, "type|c": -1}):
        content = orjson.loads(tallies._changed(content, changes, {}))
    assert content["n"] == {"items": 3}
