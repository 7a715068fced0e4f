"""The command line says what is wrong and what to do next."""

import asyncio
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from hie.app import Exchange
from hie.app.address import listening
from hie.base.errors import Category, HieError
from hie.cli import app
from hie.cli.terminal import perform
from hie.commands import operate, quarantine
from hie.commands.datadir import DataDirectory
from hie.config import Config, load_config

runner = CliRunner()
SAMPLES = Path(__file__).resolve().parents[2] / "adapters"


def run(*words: str) -> tuple[int, str]:
    result = runner.invoke(app, list(words))
    return result.exit_code, " ".join((result.output or "").split())


def commands(group: typer.core.TyperGroup) -> Iterator[typer.core.TyperCommand]:
    for command in group.commands.values():
        yield from commands(command) if isinstance(command, typer.core.TyperGroup) else (command,)


def test_every_command_says_what_it_does_in_both_languages() -> None:
    told = {one.name: one.help or "" for one in commands(typer.main.get_command(app))}
    assert len(told) > 20
    assert [name for name, text in told.items() if not re.match(r"[\u4e00-\u9fff]+ · [A-Z]", text)] == []


def test_code_lists_that_cannot_be_kept_or_are_not_there_are_said_in_one_line(tmp_path: Path) -> None:
    codes = tmp_path / "codes.csv"
    codes.write_text("code,display\nA,One\n")
    code, text = run("terminology", "load", str(codes), "--system", "urn:x", "--data", str(codes / "below"))
    assert (code, "Not a directory" in text) == (2, True)
    code, text = run("terminology", "remove", "urn:x", "--data", str(tmp_path))
    assert (code, text) == (1, "urn:x 没有装载 · is not loaded; see: hie terminology list")


def test_check_shows_findings_and_says_whether_it_would_be_stored() -> None:
    good = SAMPLES / "wujiang" / "samples" / "07-oru-two-orders.hl7"
    code, text = run("check", str(good), "--feed", "wujiang-hl7v2")
    assert code == 0
    assert "code-unmapped" in text
    assert text.endswith("accepted")
    for shown in ("tree", "PID-3", "draft", "DiagnosticReport"):
        assert shown in text
    warned = SAMPLES / "wujiang" / "samples" / "14-wrongcharset-a31.hl7"
    assert run("check", str(warned), "--feed", "wujiang-hl7v2")[0] == 0
    assert run("check", str(warned), "--feed", "wujiang-hl7v2", "--strict")[0] == 1
    clean = SAMPLES / "wujiang" / "samples" / "01-admit-a01.hl7"
    assert run("check", str(clean), "--feed", "wujiang-hl7v2", "--strict")[0] == 0
    assert run("check", str(clean), "--feed", "nowhere")[0] == 2
    code, text = run("check", str(SAMPLES / "jiashan" / "samples" / "11-doctype.xml"), "--feed", "jiashan-cda")
    assert code == 1
    assert "doctype-forbidden" in text
    assert text.endswith("rejected")


def test_a_broken_table_is_said_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """A header in brackets is no markup, nor is a URN an emoji, and a line with its place stays one line."""
    message = "kunshan-hl7v2/person.toml:16:1: unknown table [resourse] in urn:x:y" + " and more" * 10

    async def broken() -> None:
        raise HieError(Category.INTERNAL, message)

    with pytest.raises(typer.Exit):
        perform(broken())
    assert capsys.readouterr().err == message + "\n"


@pytest.mark.parametrize("given", [{}, {"stopped": 0}])
def test_a_command_that_is_stopped_has_not_done_its_work(given: dict[str, int]) -> None:
    """0 only where Ctrl-C is the way to end it: a script would take half an export for a whole one."""

    async def stopped() -> None:
        raise asyncio.CancelledError

    with pytest.raises(typer.Exit) as ended:
        perform(stopped(), **given)
    assert ended.value.exit_code == given.get("stopped", 130)


def test_verify_without_a_database_says_so(tmp_path: Path) -> None:
    code, text = run("verify", "--data", str(tmp_path))
    assert code == 2
    assert "no database" in text
    assert run("replay", "--feed", "wujiang-hl7v2", "--data", str(tmp_path / "none"))[0] == 2
    assert not (tmp_path / "none").exists()


async def test_nothing_is_changed_beside_a_server_that_starts(tmp_path: Path) -> None:
    """A replay ran beside it, and what that wrote the server did not know of."""
    (tmp_path / "hie.sqlite").touch()
    (tmp_path / "server").write_text("http://127.0.0.1:1")  # of one that was killed
    config = load_config({"data": tmp_path}, {})
    with DataDirectory(tmp_path):
        for method in ("GET", "POST"):
            with pytest.raises(HieError, match="A server starts or ends"):
                await operate.call(config, method, "/admin/ledger", {})


@pytest.mark.parametrize(("method", "held"), [("POST", True), ("GET", False)])
async def test_no_server_starts_beside_a_command_that_changes_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, held: bool
) -> None:
    seen: list[bool] = []

    async def look(_: Config) -> Exchange:
        try:
            DataDirectory(tmp_path).release()
            seen.append(False)
        except HieError as error:
            seen.append(error.category is Category.CONFLICT)
        raise ZeroDivisionError

    (tmp_path / "hie.sqlite").touch()
    monkeypatch.setattr(operate, "open_existing", look)
    with pytest.raises(ZeroDivisionError):
        await operate.call(load_config({"data": tmp_path}, {}), method, "/admin/ledger", {})
    assert seen == [held]
    DataDirectory(tmp_path).release()


def test_a_data_directory_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        HieError, match=r"data directory .*file .*: let this user write there, or choose another --data"
    ):
        DataDirectory(tmp_path / "file")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EADDRINUSE, "another program listens there. End it, or choose another --port"),
        (errno.EACCES, "this user may not. Choose a --port above 1023"),
        (errno.ENETDOWN, "down. Choose another --port"),
    ],
)
def test_a_port_that_cannot_be_had_says_what_to_do(number: int, told: str) -> None:
    with (
        pytest.raises(HieError, match=f"HTTP cannot listen on ::1 port 80: .*{told}"),
        listening("HTTP", "::1", 80, "--port"),
    ):
        raise OSError(number, os.strerror(number).lower())


def test_a_store_has_one_server_whatever_its_data_directory(tmp_path: Path) -> None:
    """A second one wrote beside the first, and neither knew of what the other changed."""
    store, other = tmp_path / "a" / "hie.sqlite", tmp_path / "other.sqlite"
    held = DataDirectory(tmp_path / "a", store)
    other.symlink_to(store)
    with pytest.raises(HieError, match=f"uses the store {other}"):
        DataDirectory(tmp_path / "b", other)
    DataDirectory(tmp_path / "b").release()
    held.release()
    DataDirectory(tmp_path / "b", other).release()


async def test_an_act_on_groups_is_on_those_that_were_meant_and_on_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = {"feed": "f", "cause": "c", "rule": "r", "maps": "m"}
    groups, asked = [{**ground, "label": label, "n": 2} for label in ("A", "B", "A")], list[object]()

    async def call(_: Config, method: str, path: str, params: object, body: object = None) -> object:
        asked.append((path, params, body))
        return groups if method == "GET" else {"stored": 2}

    monkeypatch.setattr(quarantine, "call", call)
    config = load_config({"data": tmp_path}, {})
    assert await quarantine.act(config, "release", {"feed": None, "label": "A"}, "why") == {"stored": 4}
    release = ("/admin/quarantine-groups/release", {}, {**ground, "label": "A", "reason": "why"})
    assert asked == [("/admin/quarantine-groups", {"feed": None, "cause": None}, None), release, release]
    with pytest.raises(HieError, match="Name an item, or at least one of"):
        await quarantine.decide(config, "discard", None, None, {"feed": None, "label": None})
    for item, part, feed, said in (
        (None, 3, "f", "--part is of one item"),
        ("a", None, "f", "an item, or groups by --f"),
    ):
        with pytest.raises(HieError, match=said):
            await quarantine.decide(config, "discard", item, part, {"feed": feed, "label": None})
    for no_id in ("", " ", "a/../b"):
        with pytest.raises(HieError, match=f"'{no_id}' is no id of a raw item"):
            await quarantine.decide(config, "release", no_id, None, {})
    assert len(asked) == 3


def test_quarantine_of_a_stopped_exchange(tmp_path: Path) -> None:
    from hie.commands.samples import send_all
    from hie.commands.serve import running

    async def feed() -> None:
        config = load_config({"data": tmp_path, "port": 0, "mllp_port": 0, "drop_poll_seconds": 0.1}, {})
        async with running(config) as started:
            await send_all(started.exchange, started.url, lambda _: None)
            body = (SAMPLES / "qingpu" / "samples" / "04-indicators-first.xml").read_bytes()
            lonely = body.replace(b"L0007", b"L9999").replace(b"I820005", b"I999999")
            await started.exchange.ingest.receive("qingpu-xml", lonely)

    asyncio.run(feed())
    code, text = run("quarantine", "list", "--data", str(tmp_path))
    assert code == 0
    assert "orphan-reference" in text
    assert "L9999" not in text
    assert "Nothing like that is held" in run("quarantine", "list", "--overdue", "--data", str(tmp_path))[1]
    item = next(word for word in text.split() if len(word) == 13 and word[8] == "-")
    assert run("quarantine", "show", item, "--data", str(tmp_path))[0] == 0
    code, text = run("quarantine", "discard", item, "--reason", "made for a test", "--data", str(tmp_path))
    assert (code, text) == (0, "rejected")
    code, text = run("replay", "--feed", "wujiang-hl7v2", "--data", str(tmp_path))
    assert code == 0
    assert "stored: 13" in text
    assert run("verify", "--data", str(tmp_path))[0] == 0
