"""Looks at rows that stay known from batch to batch: they give what a selection would, whatever changed."""

from random import Random

from hie.store.mongo.altered import Altered
from hie.store.mongo.selected import MOST, Selected, look_of
from hie.store.mongo.tables import Key, key_of
from hie.store.table import AtMost, Row, Table, Where, matches

PAIR = Table("pair", {"left": str, "right": str, "value": int}, key=("left", "right"), indexes=(("right",), ("value",)))


def pair(left: str, right: str, value: int = 0) -> Row:
    return {"left": left, "right": right, "value": value}


def test_only_equality_is_a_look() -> None:
    assert look_of(PAIR, {"right": "a"}) == ("pair", ("right",), ("a",))
    assert look_of(PAIR, {"right": None}) == ("pair", ("right",), (None,))
    assert look_of(PAIR, {"right": AtMost("a")}) is None
    assert look_of(PAIR, {}) is None


def test_changes_at_random_leave_every_look_as_a_selection() -> None:
    random, selected = Random(7), Selected()
    rows: dict[tuple, Row] = {}
    for _ in range(3000):
        some: Where = random.choice([{"right": str(random.randrange(4))}, {"value": random.randrange(4)}])
        look = look_of(PAIR, some)
        assert look is not None
        expected = {key: row for key, row in rows.items() if matches(row, some)}
        assert selected.get(look) in (None, expected)
        if random.random() < 0.2:
            selected.keep({look: expected})
        row = pair(str(random.randrange(4)), str(random.randrange(4)), random.randrange(4))
        key = key_of(PAIR, row)
        if random.random() < 0.3:
            rows.pop(key, None)
            selected.change("pair", key, None)
        else:
            rows[key] = row
            selected.change("pair", key, row)


def test_altered_rows_are_found_by_every_value_that_they_had() -> None:
    random, altered = Random(7), Altered()
    rows: dict[Key, Row | None] = {}
    for _ in range(2000):
        some: Where = random.choice([{"right": str(random.randrange(4))}, {"value": random.randrange(4)}])
        look = look_of(PAIR, some)
        assert look is not None
        found = altered.of(look, lambda: rows)
        assert {key for key, row in rows.items() if row is not None and matches(row, some)} <= set(found)
        row = pair(str(random.randrange(40)), str(random.randrange(4)), random.randrange(4))
        rows[key_of(PAIR, row)] = None if random.random() < 0.3 else row
        altered.change("pair", key_of(PAIR, row), row)


def test_what_is_kept_is_bounded() -> None:
    selected = Selected()
    selected.keep({("pair", ("value",), (number,)): {} for number in range(MOST + 2)})
    assert selected.get(("pair", ("value",), (1,))) is None
    assert selected.get(("pair", ("value",), (2,))) == {}
    selected.keep({("pair", ("right",), ("a",)): {("b", "a"): pair("b" * 20_000, "a")}})
    assert selected.get(("pair", ("right",), ("a",))) is None
    selected.change("pair", ("c", "d"), pair("c" * 20_000, "d", 2))
    assert selected.get(("pair", ("value",), (2,))) is None
