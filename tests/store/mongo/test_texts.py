"""The text index of MongoDB: taken in behind the commits, the same answers before and after."""

import asyncio
from typing import Any

import pytest

from hie.fhir.definitions import official
from hie.search.extract import Extractors
from hie.store.mongo import MongoStore, texts, words
from hie.store.mongo.schema import CONTROL, TEXT, VERSION
from tests.contract.asking import ids, plan, put
from tests.mongo_store import empty_store


async def _taken_in(store: MongoStore) -> None:
    newest = await store._database[VERSION].find_one({}, {"_id": 1}, sort=[("_id", -1)])
    async with asyncio.timeout(60):
        while True:
            state = await store._database[CONTROL].find_one({"_id": "text"})
            if state and newest and state["reached"] >= newest["_id"]:
                return
            await asyncio.sleep(0.05)


def _condition(name: str, text: str, div: str = "") -> dict[str, Any]:
    narrative = {"text": {"status": "generated", "div": f"<div>{div}</div>"}} if div else {}
    return {"resourceType": "Condition", "id": name, "code": {"text": text}, **narrative}


@pytest.fixture
def extract() -> Any:
    return Extractors(official()).extract


async def test_words_are_found_before_and_after_they_are_taken_in(
    mongodb_uri: str, extract: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "_REST_SECONDS", 0.05)
    store = await empty_store(mongodb_uri, "texts", extract=extract)
    other = await empty_store(mongodb_uri, "texts", extract=extract)  # a second server on the same data
    try:
        await put(store, _condition("a", "高血压 Hypertension"), _condition("b", "糖尿病", "told"))
        for round_ in ("before", "after"):
            assert await ids(store, "Condition", "_content=血压") == "a", round_
            assert await ids(other, "Condition", "_content=hyper") == "a", round_
            assert await ids(store, "Condition", "_text=told") == "b", round_
            assert await ids(store, None, "_content=told") == "b", round_
            await _taken_in(store)
        assert await store._database[TEXT].count_documents({"c": "血压"}) == 1
        await put(store, _condition("a", "elsewhere"), {"resourceType": "Basic", "id": "b", "code": {"text": "x"}})
        for round_ in ("before", "after"):
            assert await ids(store, "Condition", "_content=血压") == "", round_
            assert await ids(store, "Condition", "_content=elsewhere") == "a", round_
            await _taken_in(store)
        assert [one.type for one in (await store.search(plan(None, "_content=told"))).matches] == ["Condition"]
        monkeypatch.setattr(words, "MOST_FOUND", 0)
        assert await ids(store, "Condition", "_content=elsewhere") == "a"
    finally:
        await other.close()
        await store.close()


async def test_more_terms_than_a_document_takes_hold_nobody_up(
    mongodb_uri: str, extract: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "_REST_SECONDS", 0.05)
    monkeypatch.setattr(texts, "PART", 70)
    monkeypatch.setattr(texts, "_LONG", 0)
    store = await empty_store(mongodb_uri, "texts", extract=extract)
    try:
        await store._database[CONTROL].update_one({"_id": "text"}, {"$set": {"until": 0}})
        await put(
            store, _condition("long", "alpha bravo charlie delta echo foxtrot", "bravo zulu"), _condition("b", "zulu")
        )
        await _taken_in(store)
        assert await store._database[TEXT].count_documents({"w": {"$gt": 0}}) > 2
        monkeypatch.setattr(words, "MOST_BEYOND", 0)
        for query, found in (
            ("_content=delta", "long"),
            ("_content=alpha foxtrot", "long"),
            ("_text=bravo zu", "long"),
            ("_content=zulu", "b long"),
            ("_content=alpha golf", ""),
            ("_text=alpha", ""),
        ):
            assert await ids(store, "Condition", query) == found, query
        await put(store, _condition("long", "alpha"))
        await _taken_in(store)
        assert await ids(store, "Condition", "_content=alpha foxtrot") == ""
    finally:
        await store.close()
