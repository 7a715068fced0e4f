"""What the site answers and logs when something is asked wrongly, or when it fails itself."""

import logging

import pytest

from hie.app import Exchange
from hie.pipeline.operate import FAILED, Operator
from hie.pipeline.quarantine import Ground
from tests.admin.conftest import client

SECRET = "320598196804175127"


async def test_a_failure_is_answered_in_the_form_of_the_place_and_logged_without_its_message(
    quiet: Exchange, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise ValueError(SECRET)

    for owner, name in ((Operator, "held"), (Operator, "item"), (quiet.web._doors, "_receive")):
        monkeypatch.setattr(owner, name, fails)
    async with client(quiet) as web:
        with caplog.at_level(logging.DEBUG):
            page = await web.get("/quality/quarantine")
            route = await web.get("/admin/quarantine/0")
            door = await web.post("/feeds/jiashan-cda", content=b"<a/>", headers={"Content-Type": "text/xml"})
    assert (page.status_code, "平台出错, 请稍后重试" in page.text) == (500, True)
    for answer in (route, door):
        assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert caplog.text.count("unexpected ValueError at test_trouble.py") == 3
    assert SECRET not in caplog.text + page.text + route.text + door.text


@pytest.mark.parametrize(("language", "told"), [("zh", "请更正后重试"), ("en", "correct it and send it")])
async def test_a_page_says_what_to_do_in_its_language(quiet: Exchange, language: str, told: str) -> None:
    async with client(quiet) as web:
        page = await web.get("/quality/", params={"from": "soon", "lang": language})
    assert (page.status_code, told in page.text) == (400, True)


async def test_items_that_failed_in_a_group_are_told(quiet: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    async def released(self: Operator, ground: Ground) -> dict[str, int]:
        return {"stored": 2, FAILED: 1}

    monkeypatch.setattr(Operator, "release_group", released)
    async with client(quiet) as web:
        form = {"feed": "qingpu-xml", "label": "", "cause": "orphan-reference", "maps": ""}
        answer = await web.post("/quality/quarantine/group/release", data=form)
        page = await web.get(answer.headers["location"])
    assert "已放行 2 条. 1 件处理失败, 保持原状" in page.text
