"""`Transaction.memo`: what callers found out is never kept longer than it is true."""

from pathlib import Path
from typing import Any

import pytest

from hie.store.port import Store, Transaction
from hie.store.sqlite import SqliteStore
from tests.contract.asking import put
from tests.contract.material import patient


async def _known(store: Store, kind: str = "Patient") -> Any:
    """What is kept about a type; notes `found` there."""

    async def job(transaction: Transaction) -> Any:
        found = transaction.memo(kind).get("asked")
        transaction.memo(kind)["asked"] = "found"
        return found

    return await store.write(job)


async def _delete(store: Store) -> None:
    async def job(transaction: Transaction) -> None:
        await transaction.delete("Patient", "a")

    await store.write(job)


async def _reindex(store: Store) -> None:
    async def job(transaction: Transaction) -> None:
        await transaction.reindex("Patient", "a")

    await store.write(job)


async def test_a_write_of_the_type_empties_it(store: Store) -> None:
    for change in (lambda: put(store, patient("a")), lambda: _reindex(store), lambda: _delete(store)):
        await _known(store)
        await change()
        assert await _known(store) is None


async def test_it_is_empty_after_a_write_in_the_same_job(store: Store) -> None:
    async def job(transaction: Transaction) -> Any:
        transaction.memo("Patient")["asked"] = "found"
        await transaction.put(patient("a"))
        return transaction.memo("Patient").get("asked")

    assert await store.write(job) is None


async def test_what_a_failed_job_kept_is_gone(store: Store) -> None:
    async def job(transaction: Transaction) -> None:
        await transaction.put(patient("a"))
        transaction.memo("Patient")["asked"] = "found"
        raise ValueError

    with pytest.raises(ValueError):
        await store.write(job)
    assert await _known(store) is None


async def test_sqlite_keeps_it_until_the_type_is_written_here_or_anything_by_another_process(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "hie.sqlite")
    await _known(store)
    await put(store, {"resourceType": "Basic", "id": "b"})
    assert await _known(store) == "found"
    other = await SqliteStore.open(tmp_path / "hie.sqlite")
    await put(other, patient("a"))
    await other.close()
    assert await _known(store) is None
    await store.close()
