"""The drop folder: Qingpu interface §1, crashes at every step, names that want to be paths."""

import asyncio
import contextlib
import errno
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hie.base.errors import Category, HieError
from hie.base.ids import sha256
from hie.feeds import dropnote, filedrop
from hie.feeds.dropfile import same
from hie.feeds.dropnote import Note
from hie.feeds.filedrop import DropAnswer, DropFolder, Step
from hie.feeds.limits import DropLimits


class Crash(BaseException):
    """The process ends here."""


class Exchange:
    """A receiver that knows duplicates, as staging does."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.calls: list[bytes] = []

    async def knows(self, body: bytes) -> bool:
        return sha256(body) in self.stored

    async def handle(self, body: bytes, begun: bool) -> DropAnswer:
        self.calls.append(body)
        status = "duplicate" if sha256(body) in self.stored and not begun else "first"
        self.stored[sha256(body)] = body
        return DropAnswer(f"{status} {body.decode()}".encode(), not body.startswith(b"bad"))

    async def too_large(self, size: int, head: bytes) -> DropAnswer:
        self.calls.append(head)
        assert head == b"x" * len(head) != b""
        return DropAnswer(b"too-large %d" % size, False)


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


def crash_at(last: Step) -> Callable[[Step], None]:
    """Ends the process after that step."""

    def reached(step: Step) -> None:
        if step is last:
            raise Crash

    return reached


def make(folder: Path, exchange: Exchange, reached: Callable[[Step], None] | None = None) -> DropFolder:
    extra = {"reached": reached} if reached else {}
    drop = DropFolder(
        folder,
        exchange.knows,
        exchange.handle,
        exchange.too_large,
        DropLimits(file_bytes=100, poll_seconds=0.001),
        **extra,
    )
    drop.prepare()
    return drop


def put(folder: Path, name: str, body: bytes) -> Path:
    path = folder / "incoming" / name
    draft = path.with_suffix(".tmp")
    draft.write_bytes(body)
    return draft.rename(path)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below the folder that is not a link."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


async def test_accepted_and_refused_files(tmp_path: Path, exchange: Exchange) -> None:
    drop = make(tmp_path, exchange)
    put(tmp_path, "b.xml", b"good")
    put(tmp_path, "a.xml", b"bad")
    assert await drop.scan() == 2
    assert exchange.calls == [b"bad", b"good"]
    assert tree(tmp_path) == {
        "done/b.xml": b"good",
        "done/b.xml.receipt.xml": b"first good",
        "error/a.xml": b"bad",
        "error/a.xml.receipt.xml": b"first bad",
    }
    assert await drop.scan() == 0


async def test_only_xml_files_are_read(tmp_path: Path, exchange: Exchange) -> None:
    drop = make(tmp_path, exchange)
    for name in ("a.tmp", "a.xml.tmp", "a.xml~", ".a.xml", "a.XML", "axml"):
        (tmp_path / "incoming" / name).write_bytes(b"no")
    assert await drop.scan() == 0
    assert exchange.calls == []


async def test_a_name_that_is_taken_gets_a_suffix(tmp_path: Path, exchange: Exchange) -> None:
    drop = make(tmp_path, exchange)
    for body in (b"one", b"two", b"one"):
        put(tmp_path, "a.xml", body)
        assert await drop.scan() == 1
    assert tree(tmp_path) == {
        "done/a.xml": b"one",
        "done/a.xml.receipt.xml": b"first one",
        "done/a.1.xml": b"two",
        "done/a.1.xml.receipt.xml": b"first two",
        "done/a.2.xml": b"one",
        "done/a.2.xml.receipt.xml": b"duplicate one",
    }


async def test_a_receipt_that_lies_there_alone_is_not_overwritten(tmp_path: Path, exchange: Exchange) -> None:
    drop = make(tmp_path, exchange)
    (tmp_path / "done" / "a.xml.receipt.xml").write_bytes(b"somebody's")
    put(tmp_path, "a.xml", b"one")
    await drop.scan()
    assert tree(tmp_path) == {
        "done/a.xml.receipt.xml": b"somebody's",
        "done/a.1.xml": b"one",
        "done/a.1.xml.receipt.xml": b"first one",
    }


@pytest.mark.parametrize("body", [b"good", b"bad", b"x" * 101])
@pytest.mark.parametrize("last", list(Step))
async def test_a_crash_after_any_step_ends_in_the_same_state(
    tmp_path: Path, exchange: Exchange, last: Step, body: bytes
) -> None:
    target, receipt = {
        b"good": ("done", b"first good"),
        b"bad": ("error", b"first bad"),
    }.get(body, ("error", b"too-large 101"))
    drop = make(tmp_path, exchange, crash_at(last))
    put(tmp_path, "a.xml", body)
    with contextlib.suppress(Crash):
        await drop.scan()
    await make(tmp_path, exchange).scan()
    assert tree(tmp_path) == {f"{target}/a.xml": body, f"{target}/a.xml.receipt.xml": receipt}
    assert len(exchange.calls) == (2 if last is Step.HANDLED else 1)


OPERATIONS = [(os, "open"), (os, "fsync"), (Path, "open"), (Path, "rename"), (Path, "unlink")]


@pytest.mark.parametrize("body", [b"good", b"bad"])
async def test_a_crash_before_any_file_operation_ends_in_the_same_state(
    tmp_path: Path, exchange: Exchange, body: bytes
) -> None:
    crashes = 0
    while await crashed_before(crashes, tmp_path / str(crashes), exchange, body):
        crashes += 1
        exchange.stored.clear()
    assert crashes > 12


async def crashed_before(operation: int, folder: Path, exchange: Exchange, body: bytes) -> bool:
    """Crash before the n-th file operation of a scan, scan again, check; whether there were that many."""
    count = 0

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            nonlocal count
            count += 1
            if count == operation + 1:
                raise Crash
            return original(*args, **options)

        return call

    drop = make(folder, exchange)
    put(folder, "a.xml", body)
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in OPERATIONS:
            patch.setattr(owner, name, counted(getattr(owner, name)))
        with contextlib.suppress(Crash):
            await drop.scan()
    await make(folder, exchange).scan()
    target = "error" if body == b"bad" else "done"
    found = tree(folder)
    assert found.keys() == {f"{target}/a.xml", f"{target}/a.xml.receipt.xml"}
    assert found[f"{target}/a.xml"] == body
    assert found[f"{target}/a.xml.receipt.xml"] == b"first " + body
    return count > operation


async def test_repeated_crashes_and_other_files_with_the_name(tmp_path: Path, exchange: Exchange) -> None:
    put_first = make(tmp_path, exchange, crash_at(Step.RECEIPT_VISIBLE))
    put(tmp_path, "a.xml", b"one")
    for _ in range(3):
        with pytest.raises(Crash):
            await put_first.scan()
    await make(tmp_path, exchange).scan()
    put(tmp_path, "a.xml", b"one")
    await make(tmp_path, exchange).scan()
    assert tree(tmp_path) == {
        "done/a.xml": b"one",
        "done/a.xml.receipt.xml": b"first one",
        "done/a.1.xml": b"one",
        "done/a.1.xml.receipt.xml": b"duplicate one",
    }


async def test_torn_notes_and_drafts_are_cleared(tmp_path: Path, exchange: Exchange) -> None:
    make(tmp_path, exchange)
    for name, content in {"x.tmp": b"half", "y": b"", "z": b'["gone.xml","done","gone.xml"]\nreceipt'}.items():
        (tmp_path / ".pending" / name).write_bytes(content)
    make(tmp_path, exchange)
    assert tree(tmp_path) == {}


async def test_the_receipt_is_there_before_the_file_leaves(tmp_path: Path, exchange: Exchange) -> None:
    seen: dict[Step, list[str]] = {}
    drop = make(tmp_path, exchange, lambda step: seen.update({step: list(tree(tmp_path))}))
    put(tmp_path, "a.xml", b"one")
    await drop.scan()
    assert {"incoming/a.xml", "done/a.xml.receipt.xml"} <= set(seen[Step.RECEIPT_VISIBLE])
    assert "done/a.xml" in seen[Step.MOVED]
    assert not any(name.endswith(".tmp") for name in seen[Step.RECEIPT_VISIBLE])


async def test_links_pipes_and_folders_are_not_read(
    tmp_path: Path, exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"SECRET")
    folder = tmp_path / "drop"
    drop = make(folder, exchange)
    incoming = folder / "incoming"
    (incoming / "link.xml").symlink_to(secret)
    (incoming / "dangling.xml").symlink_to(tmp_path / "nowhere")
    (incoming / "hard.xml").hardlink_to(secret)
    (incoming / "folder.xml").mkdir()
    os.mkfifo(incoming / "pipe.xml")
    put(folder, "plain.xml", b"good")
    with caplog.at_level(logging.WARNING):
        assert await drop.scan() == 1
        assert await drop.scan() == 0
    assert exchange.calls == [b"good"]
    assert len(caplog.records) == 1
    assert secret.read_bytes() == b"SECRET"
    assert sorted(tree(folder)) == ["done/plain.xml", "done/plain.xml.receipt.xml", "incoming/hard.xml"]


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
async def test_a_link_put_in_place_of_a_listed_file_is_not_followed(
    tmp_path: Path, exchange: Exchange, link: Callable[[Path, Path], None]
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"SECRET")
    folder = tmp_path / "drop"

    class Raced(DropFolder):
        def _names(self) -> tuple[list[str], int]:
            names, refused = super()._names()
            (folder / "incoming" / "a.xml").unlink()
            link(folder / "incoming" / "a.xml", secret)
            return [*names, "gone.xml"], refused

    drop = Raced(folder, exchange.knows, exchange.handle, exchange.too_large)
    drop.prepare()
    put(folder, "a.xml", b"good")
    assert await drop.scan() == 0
    assert exchange.calls == []


@pytest.mark.parametrize(
    "name",
    [
        "..xml",
        "...xml",
        "a b\n'\".xml",
        "..\\..\\a.xml",
        "%2e%2e%2fa.xml",
        "-rf.xml",
        "瑋.xml",
        "a.xml.receipt.xml",
        os.fsdecode(b"\xac\x7c.xml"),
        "long" * 62 + ".xml",
    ],
)
async def test_names_never_become_paths(tmp_path: Path, exchange: Exchange, name: str) -> None:
    folder = tmp_path / "a" / "b"
    drop = make(folder, exchange)
    (folder / "incoming" / name).write_bytes(b"good")
    await drop.scan()
    assert {Path(path).parts[:2] for path in tree(tmp_path)} <= {("a", "b")}
    assert {len(Path(path).parts) for path in tree(tmp_path)} == {4}
    if not name.startswith("."):
        assert sorted(path.read_bytes() for path in (folder / "done").iterdir()) == [b"first good", b"good"]
        assert list((folder / "incoming").iterdir()) == []


async def test_a_large_file_is_refused_unread(tmp_path: Path, exchange: Exchange) -> None:
    drop = make(tmp_path, exchange)
    put(tmp_path, "a.xml", b"x" * 1000)
    put(tmp_path, "b.xml", b"x" * 100)
    assert await drop.scan() == 2
    assert exchange.stored == {sha256(b"x" * 100): b"x" * 100}
    assert tree(tmp_path)["error/a.xml.receipt.xml"] == b"too-large 1000"
    assert tree(tmp_path)["error/a.xml"] == b"x" * 1000


async def test_a_failing_handler_leaves_the_file_and_its_neighbours(
    tmp_path: Path, exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    failing = True

    async def handler(body: bytes, begun: bool) -> DropAnswer:
        if failing and body == b"one":
            raise RuntimeError("张三")
        return await exchange.handle(body, begun)

    drop = DropFolder(tmp_path, exchange.knows, handler, exchange.too_large)
    drop.prepare()
    put(tmp_path, "a.xml", b"one")
    put(tmp_path, "b.xml", b"two")
    assert await drop.scan() == 1
    assert "张三" not in caplog.text
    assert "RuntimeError" in caplog.text
    failing = False
    assert await drop.scan() == 1
    assert tree(tmp_path)["done/a.xml"] == b"one"


async def test_what_keeps_many_files_is_logged_once(
    tmp_path: Path, exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk kept three thousand files, and each was a line at each scan."""
    full = True

    async def handler(body: bytes, begun: bool) -> DropAnswer:
        if full:
            raise HieError(Category.UNAVAILABLE, "The disk of the store is full.")
        return await exchange.handle(body, begun)

    drop = DropFolder(tmp_path, exchange.knows, handler, exchange.too_large)
    drop.prepare()
    for number in range(20):
        put(tmp_path, f"{number}.xml", b"one")
    for _ in range(3):
        assert await drop.scan() == 0
    full = False
    assert await drop.scan() == 20
    shutil.rmtree(tmp_path / "incoming")
    for _ in range(3):
        assert await drop.scan() == 0
    assert [record.getMessage().partition(" number=")[2] for record in caplog.records] == [
        "20 reason=The disk of the store is full.",
        "0 reason=The disk of the store is full.",
        "1 reason=errno 2",
    ]


@pytest.mark.parametrize("others", [[b"new"], [b"new", b"newer"]])
async def test_a_file_replaced_at_the_last_moment_is_not_moved_unread(
    tmp_path: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch, others: list[bytes]
) -> None:
    """The sender puts another file in its place between the last look at it and the move, and the next after that."""
    looks: list[bool] = []

    def look(one: os.stat_result, other: os.stat_result) -> bool:
        looks.append(same(one, other))
        if 0 <= len(looks) - 2 < len(others):
            put(tmp_path, "a.xml", others[len(looks) - 2])
        return looks[-1]

    monkeypatch.setattr(filedrop, "same", look)
    drop = make(tmp_path, exchange)
    put(tmp_path, "a.xml", b"old")
    assert await drop.scan() == 0
    assert await drop.scan() == len(others)
    found = tree(tmp_path)
    assert {found[f"done/{name}"] for name in ("a.xml", "a.1.xml")[: len(others)]} == set(others)
    assert all(found[f"{name}.receipt.xml"] == b"first " + body for name, body in found.items() if body in others)
    assert set(exchange.stored.values()) == {b"old", *others}


@pytest.mark.parametrize("status", [b"first", b"duplicate"])
async def test_a_file_is_handed_in_once_while_the_disk_is_full(
    tmp_path: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch, status: bytes
) -> None:
    """It was handed in at every scan, counted as a duplicate each time, and so was its receipt."""
    write = dropnote.write_durably

    def refuse(path: Path, content: bytes) -> None:
        if Note.decode(content).folder:
            raise OSError(errno.ENOSPC, "full")
        write(path, content)

    drop = make(tmp_path, exchange)
    if status == b"duplicate":
        exchange.stored[sha256(b"bad")] = b"bad"
    put(tmp_path, "a.xml", b"bad")
    with monkeypatch.context() as full:
        full.setattr(dropnote, "write_durably", refuse)
        assert [await drop.scan() for _ in range(3)] == [0, 0, 0]
    assert await drop.scan() == 1
    assert exchange.calls == [b"bad"]
    assert tree(tmp_path) == {"error/a.xml": b"bad", "error/a.xml.receipt.xml": status + b" bad"}


async def test_a_file_that_was_begun_is_forgotten_when_it_is_gone(tmp_path: Path, exchange: Exchange) -> None:
    drop = make(tmp_path, exchange, crash_at(Step.HANDLED))
    put(tmp_path, "a.xml", b"one")
    with pytest.raises(Crash):
        await drop.scan()
    (tmp_path / "incoming" / "a.xml").unlink()
    drop = make(tmp_path, exchange)
    put(tmp_path, "a.xml", b"one")
    await drop.scan()
    assert tree(tmp_path)["done/a.xml.receipt.xml"] == b"duplicate one"


async def test_a_file_that_grows_while_it_is_read_is_left_for_later(
    tmp_path: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop, fstat = make(tmp_path, exchange), os.fstat
    growing = put(tmp_path, "a.xml", b"first half")

    def looked_at(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        with growing.open("ab") as stream:
            stream.write(b", second half")
        return status

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", looked_at)
        assert await drop.scan() == 0
    assert exchange.calls == []
    assert await drop.scan() == 1
    assert len(exchange.calls) == 1


@pytest.mark.parametrize("step", [Step.READ, Step.HANDLED, Step.NOTED, Step.RECEIPT_VISIBLE])
async def test_a_file_replaced_meanwhile_gets_its_own_receipt(tmp_path: Path, exchange: Exchange, step: Step) -> None:
    replaced = False

    def replace(reached: Step) -> None:
        nonlocal replaced
        if reached is step and not replaced:
            replaced = True
            put(tmp_path, "a.xml", b"new")

    drop = make(tmp_path, exchange, replace)
    put(tmp_path, "a.xml", b"old")
    assert await drop.scan() == 0
    assert await drop.scan() == 1
    assert tree(tmp_path) == {"done/a.xml": b"new", "done/a.xml.receipt.xml": b"first new"}
    assert set(exchange.stored.values()) == {b"old", b"new"}


async def test_run_polls_until_it_is_stopped(tmp_path: Path, exchange: Exchange) -> None:
    stop, handled = asyncio.Event(), asyncio.Event()

    def reached(step: Step) -> None:
        if step is Step.FORGOTTEN:
            loop.call_soon_threadsafe(handled.set)

    loop = asyncio.get_running_loop()
    drop = make(tmp_path, exchange, reached)
    task = asyncio.create_task(drop.run(stop))
    for name in ("a.xml", "b.xml"):
        put(tmp_path, name, name.encode())
        async with asyncio.timeout(10):
            await handled.wait()
        handled.clear()
    stop.set()
    await task
    assert {"done/a.xml", "done/b.xml"} <= set(tree(tmp_path))
