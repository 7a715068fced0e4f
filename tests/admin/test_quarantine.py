"""Quarantine over HTTP and on the command line."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hie.app import Exchange
from hie.cli import app
from hie.store.port import Store
from tests.admin.conftest import client

SAMPLES = Path(__file__).resolve().parents[2] / "adapters" / "wujiang" / "samples"
LONG_NAME = "顾" * 101


async def held(exchange: Exchange, *, times: int = 2) -> list[str]:
    """Admissions whose name is too long; the ids of their raw items, and something of the patient to look for."""
    ids = []
    for number in range(times):
        body = (SAMPLES / "01-admit-a01.hl7").read_bytes().decode()
        body = body.replace("顾晓岚", LONG_NAME).replace("|WS0001|", f"|WS000{number}|")
        await exchange.ingest.receive("wujiang-hl7v2", body.encode())
    for one in await exchange.operator().held():
        ids.append(one.item)
    return ids


async def audits(store: Store) -> int:
    return len([version async for version in store.versions("AuditEvent")])


async def test_a_group_is_seen_rehearsed_and_released(quiet: Exchange) -> None:
    ids = await held(quiet)
    assert len(ids) == 2
    async with client(quiet) as http:
        [group] = (await http.get("/admin/quarantine-groups")).json()
        assert (group["feed"], group["label"], group["cause"], group["count"]) == (
            *("wujiang-hl7v2", "ADT^A01", "field-too-long"),
            2,
        )
        assert len(group["maps"]) == 12
        answer = await http.post(f"/admin/quarantine/{ids[0]}/rehearse", params={"release": True})
        found = answer.json()
        assert found["disposition"] == "accepted-with-warnings"
        assert "MSA|AA|" in found["answer"]["body"]
        assert any(line["target"].startswith("Patient/") for line in found["parts"][0]["draft"])
        assert "顾" not in answer.text
        assert "320598" not in answer.text
        shown = (await http.get(f"/admin/quarantine/{ids[0]}")).json()
        assert shown["state"] == "quarantined"
        assert shown["received"] == shown["parts"][0]["received"] == group["oldest"]
        assert [part["disposition"] for part in shown["parts"]] == ["quarantined"]
        assert datetime.fromisoformat(shown["received"]).utcoffset() == timedelta()
        assert await audits(quiet.store) == 0
        ground = {name: group[name] for name in ("feed", "label", "cause", "rule", "maps")}
        assert (await http.post("/admin/quarantine-groups/release", json=ground)).json() == {"stored": 2}
        assert (await http.post("/admin/quarantine-groups/release", json=ground)).json() == {}
        assert (await http.get("/admin/quarantine-groups")).json() == []
        [part] = (await http.get(f"/admin/quarantine/{ids[0]}")).json()["parts"]
        assert part["disposition"] == "accepted-with-warnings"
        assert any(resource.startswith("Patient/") for resource in part["resources"])
    assert await audits(quiet.store) == 2


async def test_what_nothing_can_be_narrowed_to_is_refused(quiet: Exchange) -> None:
    async with client(quiet) as http:
        for method, path, named in (
            ("GET", "quarantine?feed=qingpu", "feed"),
            ("GET", "quarantine-groups?cause=too-long", "cause"),
            ("GET", "coverage?feed=qingpu", "feed"),
            ("POST", "replay?state=quarantine", "state"),
        ):
            answer = await http.request(method, f"/admin/{path}")
            told = f"There is no {named} '{path.partition('=')[2]}'. Choose one of: "
            assert (answer.status_code, answer.json()["detail"][: len(told)]) == (400, told)


@pytest.mark.parametrize(("part", "status", "state"), [("x", 400, "quarantined"), ("0", 303, "rejected")])
async def test_a_form_that_names_no_part_does_not_mean_the_whole_item(
    quiet: Exchange, part: str, status: int, state: str
) -> None:
    [item] = await held(quiet, times=1)
    async with client(quiet) as http:
        form = {"part": part, "reason": "made for a test"}
        assert (await http.post(f"/quality/quarantine/{item}/discard", data=form)).status_code == status
        assert (await http.get(f"/admin/quarantine/{item}")).json()["state"] == state


async def test_what_is_discarded_already_is_not_said_to_be_discarded_again(quiet: Exchange) -> None:
    [item] = await held(quiet, times=1)
    async with client(quiet) as http:
        gone = False
        for form in ({"part": "0"}, {"part": "0"}, {}):
            done = await http.post(f"/quality/quarantine/{item}/discard", data={**form, "reason": "made for a test"})
            page = await http.get(done.headers["location"])
            assert ("已丢弃 1 条" in page.text, "没有改变" in page.text) == (not gone, gone), form
            gone = True
        answer = await http.post(f"/quality/quarantine/{item}/discard", data={"part": "7", "reason": "made for a test"})
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin", "origin": "http://localhost"}, 200),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, 200),
        ({"sec-fetch-site": "cross-site", "origin": "http://localhost"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
async def test_a_page_from_elsewhere_changes_nothing(quiet: Exchange, headers: dict[str, str], status: int) -> None:
    [item] = await held(quiet, times=1)
    async with client(quiet) as http:
        answer = await http.post(f"/admin/quarantine/{item}/release", headers=headers)
        assert answer.status_code == status
        if status == 403:
            for act in (f"{item}/release", f"{item}/discard", f"{item}/rehearse", "group/release", "maps/reload"):
                form = {"reason": "made for a test", "feed": "wujiang-hl7v2", "cause": "field-too-long"}
                answer = await http.post(f"/quality/quarantine/{act}", headers=headers, data=form)
                assert answer.status_code == 403, act
        state = (await http.get(f"/admin/quarantine/{item}")).json()["state"]
    assert state == ("stored" if status == 200 else "quarantined")


async def test_the_command_line_acts_on_groups(quiet: Exchange, tmp_path: Path) -> None:
    [item] = await held(quiet, times=1)
    await quiet.close()

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["quarantine", *words, "--data", str(tmp_path)])
        return result.exit_code, result.output

    code, text = await asyncio.to_thread(run, "groups")
    assert (code, "field-too-long" in text, "ADT^A01" in text) == (0, True, True)
    code, text = await asyncio.to_thread(run, "rehearse", item, "--release")
    assert (code, "accepted-with-warnings" in text, "顾" in text) == (0, True, False)
    assert (await asyncio.to_thread(run, "release"))[0] == 2
    assert "stored: 1" in (await asyncio.to_thread(run, "release", "--cause", "field-too-long"))[1]
    assert "Nothing lies" in (await asyncio.to_thread(run, "groups"))[1]


async def test_a_replay_of_what_does_not_exist_replays_nothing(quiet: Exchange) -> None:
    async with client(quiet) as http:
        for wanted, said in (
            ({"state": "quarantin"}, "There is no state 'quarantin'. Choose one of: "),
            ({"feed": "wujiang"}, "There is no feed 'wujiang'. Choose one of: jiashan-cda, qingpu-xml, wujiang-hl7v2."),
            ({"item": "x", "state": "stored"}, "Name either an item, or a feed and a state"),
        ):
            found = await http.post("/admin/replay", params=wanted)
            assert (found.status_code, said in found.json()["detail"]) == (400, True)
