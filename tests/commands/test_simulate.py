"""`hie simulate`: files with the truth beside them, and a running server over MLLP and HTTP."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hie.base.errors import Category, HieError
from hie.base.ids import sha256
from hie.cli import app
from hie.commands import delivery, patience
from hie.commands.scored import report, score
from hie.commands.serve import running
from hie.commands.simulate import Sent, Target, simulate
from hie.config import load_config
from hie.simulate.dirt import even
from hie.simulate.history import World
from hie.simulate.truth import to_json, world_line

WORLD = World(seed=9, patients=30, start=datetime(2025, 1, 6), days=20, dirt=even(0.2))


class Stopped(Exception):
    """Ends a run in its middle."""


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*"))


async def test_files_and_truth_go_together(tmp_path: Path) -> None:
    sent = await simulate(WORLD, Target(out=tmp_path))
    lines = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    items = [line for line in lines if line["kind"] == "item"]
    assert sum(1 for line in lines if line["kind"] == "person") == sent.people == 30
    assert len(items) == sum(sent.items.values())
    assert all(sha256((tmp_path / item["file"]).read_bytes()) == item["sha256"] for item in items)
    assert names(tmp_path) == [item["file"] for item in items], "names sort in order of arrival"


async def test_a_server_gets_everything_over_mllp_and_http(tmp_path: Path) -> None:
    settings = {"data": tmp_path / "data", "port": 0, "mllp_port": 0, "drop_poll_seconds": 0}
    async with running(load_config(settings, {})) as server:
        target = Target(
            mllp=f"127.0.0.1:{server.exchange.mllp.listening['wujiang-hl7v2']}",
            http=server.url,
            truth=tmp_path / "truth.jsonl",
            rate=10_000,
            connections=3,
        )
        sent = await simulate(WORLD, target)
        lines = [json.loads(line) for line in target.truth_file.read_text(encoding="utf-8").splitlines()]
        assert [line["item"] for line in lines if line["kind"] == "item"] == list(range(1, sent.all_items + 1))
        assert sum(sent.answers.values()) == sent.all_items
        assert {"AA", "AR", "200"} <= set(sent.answers)
        assert sent.left_out == 0
        assert {"wujiang-hl7v2", "jiashan-cda", "qingpu-xml"} <= set(sent.items)
        found = [version.id async for version in server.exchange.store.versions("Encounter")]
    assert len(found) > 10


async def test_only_mllp_leaves_the_other_feeds_out(tmp_path: Path) -> None:
    settings = {"data": tmp_path / "data", "port": 0, "mllp_port": 0, "drop_poll_seconds": 0}
    async with running(load_config(settings, {})) as server:
        target = Target(
            mllp=f"127.0.0.1:{server.exchange.mllp.listening['wujiang-hl7v2']}", truth=tmp_path / "truth.jsonl"
        )
        sent = await simulate(WORLD, target)
    assert set(sent.items) == {"wujiang-hl7v2"}
    assert sent.left_out > 0


@pytest.mark.parametrize(
    "target",
    [
        Target(),
        Target(mllp="nowhere"),
        Target(mllp="127.0.0.1:99999"),
        Target(mllp="127.0.0.1:²"),
        Target(mllp=f"127.0.0.1:{'1' * 5000}"),
        Target(http="127.0.0.1:8080"),
        Target(http="http://"),
        Target(http="http://127.0.0.1:99999"),
    ],
)
async def test_a_target_is_needed_and_the_truth_of_the_run_before_stays(target: Target, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    truth.write_text("before")
    with pytest.raises(HieError) as caught:
        await simulate(WORLD, replace(target, truth=truth))
    assert caught.value.category is Category.INVALID
    assert truth.read_text() == "before"


async def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    await simulate(WORLD, Target(out=whole))
    sent = Sent()

    def stop(now: Sent) -> None:
        if now.all_items == 40:
            raise Stopped

    with pytest.raises(Stopped):
        await simulate(WORLD, Target(out=parts), stop, sent)
    assert sent.all_items == 40
    with (parts / "truth.jsonl").open("a", encoding="utf-8") as truth:
        truth.write('{"kind": "it')
    rest = await simulate(WORLD, Target(out=parts, resume=True))
    assert rest.passed == 40
    assert (parts / "truth.jsonl").read_bytes() == (whole / "truth.jsonl").read_bytes()
    assert names(parts) == names(whole)


async def test_the_truth_of_other_traffic_is_not_gone_on_with(tmp_path: Path) -> None:
    await simulate(WORLD, Target(out=tmp_path))
    with pytest.raises(HieError, match="other traffic"):
        await simulate(replace(WORLD, seed=10), Target(out=tmp_path, resume=True))


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("text", ["of value", "of value\n", "[1]\n"])
async def test_a_file_that_is_no_truth_stays_as_it_is(tmp_path: Path, text: str, resume: bool) -> None:
    (tmp_path / "notes").write_text(text)
    with pytest.raises(HieError, match="notes is no truth"):
        await simulate(WORLD, Target(out=tmp_path / "out", truth=tmp_path / "notes", resume=resume))
    assert (tmp_path / "notes").read_text() == text


@pytest.mark.parametrize("line", ["no JSON", "[1]"])
async def test_a_truth_with_a_line_that_is_none_is_not_gone_on_with(tmp_path: Path, line: str) -> None:
    (tmp_path / "truth.jsonl").write_text(f"{to_json(world_line(WORLD))}{line}\n")
    with pytest.raises(HieError, match=r"truth\.jsonl:2: this is no line of a truth"):
        await simulate(WORLD, Target(out=tmp_path, resume=True))


async def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    await simulate(WORLD, Target(out=tmp_path / "a"))
    again = await simulate(WORLD, Target(out=tmp_path / "a"))
    assert again.all_items
    with pytest.raises(HieError, match="holds something else: name a new folder"):
        await simulate(replace(WORLD, seed=10), Target(out=tmp_path / "a"))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "notes.txt").write_text("mine")
    with pytest.raises(HieError, match="holds something else"):
        await simulate(WORLD, Target(out=tmp_path / "b"))


async def test_a_server_that_is_not_there_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.0)
    with pytest.raises(HieError) as caught:
        await simulate(WORLD, Target(http="http://127.0.0.1:9", truth=tmp_path / "truth.jsonl", connections=3))
    assert caught.value.category is Category.UNAVAILABLE
    assert "No answer from http://127.0.0.1:9" in caught.value.message


async def test_a_server_that_takes_nothing_is_not_called_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(client: object, item: object) -> delivery.NotTaken:
        return delivery.NotTaken()

    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(delivery, "_to_http", unavailable)
    with pytest.raises(HieError, match="did not take an item in 8 tries"):
        await simulate(WORLD, Target(http="http://127.0.0.1:9", truth=tmp_path / "truth.jsonl"))


async def test_the_exchange_is_held_to_the_truth(tmp_path: Path) -> None:
    settings = {"data": tmp_path / "data", "port": 0, "mllp_port": 0, "drop_poll_seconds": 0}
    truth = tmp_path / "truth.jsonl"
    async with running(load_config(settings, {})) as server:
        port = server.exchange.mllp.listening["wujiang-hl7v2"]
        sent = await simulate(WORLD, Target(mllp=f"127.0.0.1:{port}", http=server.url, truth=truth))
    found = await score(load_config(settings, {}), truth)
    assert found.perfect
    assert found.items <= sent.all_items
    text = "\n".join(report(found))
    assert "precision 1.0000  recall 1.0000" in text
    assert f"{found.items}  与真相一致" in text
    whole = truth.read_text(encoding="utf-8").splitlines(keepends=True)
    truth.write_text("".join(whole[:-5]), encoding="utf-8")
    part = await score(load_config(settings, {}), truth)
    assert (part.perfect, sum(part.beside.values())) == (True, 5 - sum('"duplicate"' in line for line in whole[-5:]))
    assert "真相未提及 not in the truth, not judged: " in "\n".join(report(part))
    lines = "".join(whole).replace('"findings": []', '"findings": ["id-checksum"]')
    truth.write_text(lines, encoding="utf-8")
    assert not (await score(load_config(settings, {}), truth)).perfect


async def test_without_truth_there_is_no_score(tmp_path: Path) -> None:
    with pytest.raises(HieError):
        await score(load_config({"data": tmp_path}, {}), tmp_path / "truth.jsonl")
    async with running(load_config({"data": tmp_path, "port": 0, "mllp_port": -1, "workers": 0}, {})):
        pass
    for wrong in ("no truth", "7", '{"kind": "person", "person": 3}'):
        (tmp_path / "truth.jsonl").write_text(f'{{"kind": "world"}}\n{wrong}\n')
        with pytest.raises(HieError, match=r"truth\.jsonl:2: this is no line of a truth"):
            await score(load_config({"data": tmp_path}, {}), tmp_path / "truth.jsonl")


def test_a_run_that_was_interrupted_says_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(world: World, target: Target, progress: object, sent: Sent) -> None:
        sent.people, sent.items, sent.seconds = 3, {"qingpu-xml": 4}, 1.0
        raise asyncio.CancelledError

    monkeypatch.setattr("hie.commands.simulate.simulate", interrupted)
    done = CliRunner().invoke(app, ["simulate", "--out", str(tmp_path)])
    assert done.exit_code == 0
    assert "3 people, 4 items" in done.output
