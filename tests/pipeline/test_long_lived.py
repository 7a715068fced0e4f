"""A patient of whom hundreds of messages speak: what a new one costs, and that the order of arrival never shows."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any

from hie.pipeline import statements
from hie.staging.tables import PREFIX
from hie.store.memory import MemoryStore
from hie.store.port import Transaction
from tests.pipeline.world import TABLES, World, key, number


class _Counting:
    """A transaction that counts the rows it gives, and notes the resources that are read without being foreseen."""

    def __init__(self, tx: Transaction, rows: Counter[str], unforeseen: list[str]) -> None:
        self._tx = tx
        self._rows = rows
        self._unforeseen = unforeseen
        self._foreseen: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    async def select(self, table: Any, where: Any, **options: Any) -> Any:
        found = await self._tx.select(table, where, **options)
        self._rows[table.name] += len(found)
        return found

    async def foresee_resources(self, references: Sequence[str]) -> None:
        self._foreseen.update(references)

    async def read(self, resource_type: str, resource_id: str) -> Any:
        if f"{resource_type}/{resource_id}" not in self._foreseen:
            self._unforeseen.append(f"{resource_type}/{resource_id}")
        return await self._tx.read(resource_type, resource_id)


class CountingStore(MemoryStore):
    """The memory store, counting the rows that transactions read, and what `_Counting` notes."""

    rows: Counter[str] = Counter()

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.unforeseen: list[str] = []

    async def write(self, job: Callable[[Any], Awaitable[Any]]) -> Any:
        return await super().write(lambda tx: job(_Counting(tx, self.rows, self.unforeseen)))


def message(n: int, **options: Any) -> dict[str, Any]:
    """A person and her long stay; every second one, like a report, only mentions both."""
    order = f"{n:04}"
    mentions: dict[str, Any] = {"seed": True} if n % 2 else {}
    person = {"target": ["Patient", "1"], "order": order, "slots": {"birthDate": f"19{n % 10}0"}, **mentions, **options}
    stay = {"target": ["Encounter", "1"], "order": order, "slots": {"class": n}, **mentions}
    return {"says": [person, {**stay, "subject": key("Patient", "1").reference}]}


async def test_the_rows_that_a_message_reads_do_not_grow_with_those_before_it() -> None:
    store = CountingStore(TABLES)
    world = World(store)
    read = []
    for n in range(300):
        before = store.rows.total()
        await world.send(message(n))
        read.append(store.rows.total() - before)
    most = 2 * (statements.BEHIND + statements.AHEAD + 1) + 4
    assert max(read[50:]) <= most, read
    assert max(read[280:]) <= max(read[40:60])


async def test_late_early_and_repeated_messages_give_the_same_store(world: World) -> None:
    random = Random(5)
    messages = [message(n, **({"revoke": True} if n in (20, 33) else {"tier": n % 7 // 5})) for n in range(40)]
    aliases = {"aliases": [(("Patient", "2"), ("Patient", "1"), "0007")]}
    other = [{"says": [{"target": ["Patient", "2"], "order": f"{n:04}", "slots": {"gender": "male"}}]} for n in (3, 30)]
    messages += [aliases, *other, {"merges": [(("Patient", "3"), ("Patient", "1"), "0016")]}]
    sent = messages[:10] + random.sample(messages[10:], len(messages) - 10)
    for one in sent:
        await world.send(one)
    plain = World(MemoryStore(TABLES))
    for one in messages:
        await plain.send(one)
    assert await world.all() == await plain.all()
    items = [str(row["id"]) async for row in world.operator.items()]
    for item in random.sample(items, 5):
        await world.operator.replay(item)
    assert await world.all() == await plain.all()


async def test_a_message_that_is_older_than_the_prefix_makes_it_void(world: World) -> None:
    for n in range(30):
        await world.send(message(2 * n))
    person = key("Patient", "1").reference
    row = await world.store.get(PREFIX, person)
    assert row is not None
    assert "0040" < str(row["upto"]) < "0058"
    await world.send(message(56))
    await world.send({"says": [{"target": ["Patient", "1"], "order": "0003", "slots": {"gender": "female"}}]})
    stored = await world.resource("Patient", "1")
    assert stored is not None
    assert (stored["birthDate"], stored["gender"]) == ("1980", "female")
    again = await world.store.get(PREFIX, person)
    assert again is not None
    assert again["body"] != row["body"]


async def test_a_prefix_that_was_folded_by_other_rules_is_not_used(world: World) -> None:
    for n in range(20):
        await world.send(message(2 * n))
    row = await world.store.get(PREFIX, key("Patient", "1").reference)
    assert row is not None
    spoilt = {**row, "body": row["body"].replace(b"birthDate", b"deathDate"), "rules": "older"}  # type: ignore[union-attr]
    await world.store.write(lambda tx: tx.upsert(PREFIX, spoilt))
    await world.send(message(40, slots={"identifier[]#k": number("s", "1")}))
    stored = await world.resource("Patient", "1")
    assert stored is not None
    assert "deathDate" not in stored


async def test_what_a_merge_moves_is_read_together() -> None:
    """One by one, 24,500 results of a person took longer on MongoDB than it lets a transaction last."""
    store = CountingStore(TABLES)
    world = World(store)
    for n in range(30):
        result = [["Observation", f"{n}"], {"status": "final"}, "result[]"]
        report = {"target": ["DiagnosticReport", f"{n}"], "order": f"{n:04}", "slots": {"status": "final"}}
        stated = {**report, "subject": key("Patient", "1").reference, "members": [result]}
        row = {"target": ["Observation", f"row{n}"], "order": f"{n:04}", "parent": report["target"]}
        await world.send({"says": [{"target": ["Patient", "1"], "order": f"{n:04}"}, stated, row]})
    await world.send({"says": [{"target": ["Patient", "2"], "order": "1"}]})
    store.unforeseen.clear()
    await world.send({"merges": [[["Patient", "1"], ["Patient", "2"], "2"]]})
    for kind, name in (("DiagnosticReport", "7"), ("Observation", "7"), ("Observation", "row7")):
        found = await world.resource(kind, name) or {}
        assert found["subject"] == {"reference": key("Patient", "2").reference}
    assert store.unforeseen == []
