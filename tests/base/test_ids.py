"""Ids are a function of their parts and of nothing else."""

from concurrent.futures import ThreadPoolExecutor
from time import time_ns
from uuid import RFC_4122, UUID

from hie.base.ids import new_id, raw_item_id, resource_id, stable_id


def test_ids_are_stable_across_runs() -> None:
    assert stable_id("a", "bc") == "bfc4a4d1-f999-5950-b766-858c07e04ec5"
    assert stable_id("a", "bc") != stable_id("ab", "c")


def test_the_same_number_in_two_organisations_gives_two_resources() -> None:
    assert resource_id("wujiang", "A", "Patient", "k", "1") != resource_id("wujiang", "B", "Patient", "k", "1")


def test_the_same_bytes_on_one_feed_are_one_item() -> None:
    assert raw_item_id("f", b"x") == raw_item_id("f", b"x") != raw_item_id("g", b"x")


def test_new_ids_are_uuids_of_the_time() -> None:
    before = time_ns() // 1_000_000
    made = [new_id() for _ in range(1000)][-300:]
    assert len(set(made)) == 300
    assert all(str(UUID(one)) == one and UUID(one).version == 7 and UUID(one).variant == RFC_4122 for one in made)
    assert all(before <= UUID(one).int >> 80 <= time_ns() // 1_000_000 for one in made)
    assert {one[24:30] for one in made} > {made[0][24:30]}


def test_threads_get_different_ids() -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: new_id(), range(5000)))
    assert len(set(made)) == 5000
