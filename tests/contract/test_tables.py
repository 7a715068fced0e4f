"""Tables: what every store does with rows."""

import asyncio
from random import Random

import pytest

from hie.base.errors import Category, HieError
from hie.store.port import Reader, Store, Transaction
from hie.store.table import Above, AtMost, OneOf, Row
from tests.contract.material import ITEM, LINK, NOTE


def item(name: str, due: int | None, state: str = "new", feed: str = "f") -> Row:
    return {"id": name, "feed": feed, "state": state, "due": due, "body": b"\x00" + name.encode()}


@pytest.fixture
async def filled(store: Store) -> Store:
    async def job(transaction: Transaction) -> None:
        for row in (item("a", 1), item("b", 2), item("c", 3, "done"), item("d", None), item("e", None)):
            await transaction.insert(ITEM, row)

    await store.write(job)
    return store


def ids(rows: list[Row]) -> list[object]:
    return [row["id"] for row in rows]


async def test_a_row_is_got_by_its_key(filled: Store) -> None:
    assert await filled.get(ITEM, "a") == item("a", 1)
    assert await filled.get(ITEM, "z") is None


async def test_defaults_fill_what_a_row_leaves_out(store: Store) -> None:
    await store.write(lambda transaction: transaction.insert(ITEM, {"id": "a"}))
    assert await store.get(ITEM, "a") == {"id": "a", "feed": None, "state": "new", "due": None, "body": None}


async def test_select_by_index_with_range_order_and_limit(filled: Store) -> None:
    assert ids(await filled.select(ITEM, {"state": "new", "due": AtMost(2)}, order=["due"])) == ["a", "b"]
    assert ids(await filled.select(ITEM, {"state": "new", "due": AtMost(2)}, order=["due"], descending=True)) == [
        "b",
        "a",
    ]

    async def falling(reader: Reader) -> list[Row]:
        return await reader.select(ITEM, {"state": "new"}, order=["due"], limit=1, descending=True)

    assert ids(await filled.write(falling)) == ids(await falling(filled)) == ["b"]
    assert ids(await filled.select(ITEM, {"state": "new", "due": Above(1)})) == ["b"]
    assert ids(await filled.select(ITEM, {"state": "new"}, order=["due"], limit=3)) == ["d", "e", "a"]
    assert ids(await filled.select(ITEM, {"id": Above("b")}, order=["id"])) == ["c", "d", "e"]
    assert ids(await filled.select(ITEM, {}, order=["id"], limit=2)) == ["a", "b"]


async def test_select_one_of_and_null(filled: Store) -> None:
    assert ids(await filled.select(ITEM, {"id": OneOf(("c", "a", "z"))}, order=["id"])) == ["a", "c"]
    assert ids(await filled.select(ITEM, {"state": "new", "due": None}, order=["id"])) == ["d", "e"]
    assert ids(await filled.select(ITEM, {"state": "new", "due": OneOf((1, None))}, order=["id"])) == ["a", "d", "e"]
    assert await filled.select(ITEM, {"id": OneOf(())}) == []


async def test_the_rows_that_fit_are_counted(filled: Store) -> None:
    assert await filled.count(ITEM, {"state": "new"}) == 4
    assert await filled.count(ITEM, {}) == 5


@pytest.mark.parametrize(
    ("where", "order"), [({"due": 1}, []), ({"body": b""}, []), ({"state": "new"}, ["id"]), ({}, ["feed", "id"])]
)
async def test_no_query_scans(filled: Store, where: dict, order: list[str]) -> None:
    with pytest.raises(ValueError, match="no key or index"):
        await filled.select(ITEM, where, order=order)


@pytest.mark.parametrize("row", [item("a", 9), item("z", 1)])
async def test_a_taken_key_or_unique_value_is_a_conflict(filled: Store, row: Row) -> None:
    with pytest.raises(HieError) as caught:
        await filled.write(lambda transaction: transaction.insert(ITEM, row))
    assert caught.value.category is Category.CONFLICT
    assert await filled.count(ITEM, {}) == 5


async def test_a_job_goes_on_after_a_conflict_that_it_handles(store: Store) -> None:
    async def job(transaction: Transaction) -> None:
        await transaction.insert(LINK, {"left_id": "a", "right_id": "b", "score": 1})
        with pytest.raises(HieError):
            await transaction.insert(LINK, {"left_id": "a", "right_id": "b", "score": 2})
        await transaction.insert(LINK, {"left_id": "a", "right_id": "c", "score": 3})

    await store.write(job)
    assert [row["score"] for row in await store.select(LINK, {"left_id": "a"}, order=["right_id"])] == [1, 3]


async def test_upsert_and_remove(filled: Store) -> None:
    async def job(transaction: Transaction) -> int:
        await transaction.upsert(ITEM, item("a", 7, "done"))
        await transaction.upsert(ITEM, item("f", 8, "done"))
        return await transaction.remove(ITEM, {"state": "new", "due": AtMost(5)})

    assert await filled.write(job) == 1
    assert ids(await filled.select(ITEM, {}, order=["id"])) == ["a", "c", "d", "e", "f"]
    assert (await filled.get(ITEM, "a"))["due"] == 7


async def test_what_a_job_has_written_is_found_above_a_bound(filled: Store) -> None:
    async def job(transaction: Transaction) -> list[list[object]]:
        await transaction.upsert(ITEM, item("a", 7))
        await transaction.upsert(ITEM, item("b", 2, "done"))
        await transaction.upsert(ITEM, item("f", 5))
        await transaction.upsert(ITEM, item("g", 1))
        rows = [await transaction.select(ITEM, {"state": "new", "due": Above(due)}) for due in (1, 5, 7)]
        return [sorted(ids(found)) for found in rows]  # type: ignore[type-var]

    assert await filled.write(job) == [["a", "f"], ["a"], []]


async def test_an_unknown_column_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="unknown column"):
        await store.write(lambda transaction: transaction.insert(LINK, {"left_id": "a", "right_id": "b", "x": 1}))


async def test_update_changes_the_named_columns_only(filled: Store) -> None:
    async def job(transaction: Transaction) -> list[bool]:
        return [await transaction.update(ITEM, {"id": name, "state": "done"}) for name in ("a", "z")]

    assert await filled.write(job) == [True, False]
    assert await filled.get(ITEM, "a") == item("a", 1, "done")
    with pytest.raises(HieError):
        await filled.write(lambda transaction: transaction.update(ITEM, {"id": "a", "due": 2}))


async def test_a_job_finds_what_it_and_its_neighbours_wrote(store: Store) -> None:
    """Random jobs, many at once, some of which fail, on a table with one key column and one with two."""
    random = Random(7)
    model: dict[str, Row] = {}
    links: dict[tuple[str, str], Row] = {}

    def job(number: int):
        async def run(tx: Transaction) -> None:
            notes, pairs, own = dict(model), dict(links), Random(number)
            for _ in range(own.randrange(1, 6)):
                name, kind = own.choice("abcdefgh"), own.choice("xyz")
                row: Row = {"id": name, "kind": kind, "text": str(own.random()).encode()}
                link: Row = {"left_id": kind, "right_id": name, "score": own.randrange(9)}
                if own.randrange(3) == 0:
                    await tx.foresee(NOTE, [*({"kind": one} for one in "xyz"), *({"id": one} for one in "abc")])
                    await tx.foresee(LINK, [{"left_id": kind}, {"left_id": "x", "right_id": name}])
                match own.randrange(6):
                    case 0:
                        await tx.remove(NOTE, {"kind": kind})
                        notes = {key: one for key, one in notes.items() if one["kind"] != kind}
                    case 1:
                        assert await tx.update(NOTE, {"id": name, "kind": kind}) == (name in notes)
                        if name in notes:
                            notes[name] = {**notes[name], "kind": kind}
                    case _:
                        await tx.upsert(NOTE, row)
                        await tx.upsert(LINK, link)
                        notes[name] = row
                        pairs[kind, name] = link
                assert await tx.get(NOTE, name) == notes.get(name)
                found = await tx.select(NOTE, {"kind": kind})
                assert sorted(map(repr, found)) == sorted(repr(one) for one in notes.values() if one["kind"] == kind)
                assert await tx.get(LINK, kind, name) == pairs.get((kind, name))
                mine = [pairs[key] for key in sorted(pairs) if key[0] == kind]
                assert sorted(map(repr, await tx.select(LINK, {"left_id": kind}))) == sorted(map(repr, mine))
                if own.randrange(4) == 0:
                    assert await tx.select(LINK, {"left_id": kind}, order=["right_id"], limit=2) == mine[:2]
                    assert await tx.count(NOTE, {"kind": kind}) == len(found)
            if own.randrange(3) == 0:
                raise HieError(Category.CONFLICT, "taken back")
            model.clear()
            model.update(notes)
            links.clear()
            links.update(pairs)

        return run

    for _ in range(12):
        jobs = [store.write(job(random.randrange(1 << 30))) for _ in range(5)]
        for result in await asyncio.gather(*jobs, return_exceptions=True):
            assert result is None or (isinstance(result, HieError) and result.message == "taken back"), result
        assert {row["id"]: row for row in await store.select(NOTE, {}, order=["id"])} == model
        assert {(row["left_id"], row["right_id"]): row for row in await store.select(LINK, {})} == links
