"""ASGI messages to values and back: path, query, body in; ready bytes or a file out."""

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from hie.api.message import Answer
from hie.base.errors import Category, HieError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_PIECE = 1024 * 1024
_MOST = 1000
"""Parameters of one query or form."""


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers of a request by lower-case name."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def path_of(scope: Scope) -> tuple[str, ...]:
    """The segments below the mount point; raises NOT_FOUND when there is an empty one in between."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root):
        path = path[len(root) :]
    parts = path.strip("/").split("/") if path.strip("/") else []
    if "" in parts:
        raise HieError(Category.NOT_FOUND, "There is nothing at this address")
    return tuple(parts)


def pairs_of(text: bytes) -> tuple[tuple[str, str], ...]:
    """The decoded pairs of a query string or form; raises INVALID."""
    if not text:
        return ()
    try:
        if text.count(b"&") >= _MOST:
            raise HieError(Category.INVALID, f"A query has at most {_MOST} parameters", issue="too-costly")
        return tuple(parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict"))
    except ValueError:
        raise HieError(Category.INVALID, "The query is not percent-encoded UTF-8") from None


async def received(receive: Receive, limit: int) -> bytes:
    """The whole body; raises TOO_LARGE past `limit` bytes, INVALID when the caller hangs up."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HieError(Category.INVALID, "The body was cut off")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise HieError(Category.TOO_LARGE, "The body is too large")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def sent(send: Send, method: str, answer: Answer) -> None:
    """Send an answer; a file goes out in pieces."""
    bodiless = answer.status in (204, 304)
    size = answer.file.stat().st_size if answer.file else len(answer.body)
    raw = [(_name(name), _latin(value)) for name, value in answer.headers.items()]
    if not bodiless:
        raw.append((b"content-length", b"%d" % size))
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    if method == "HEAD" or bodiless:
        await send({"type": "http.response.body", "body": b""})
    elif answer.file is None:
        await send({"type": "http.response.body", "body": answer.body})
    else:
        await _send_file(send, answer.file)


@cache
def _name(name: str) -> bytes:
    """A header name of ours on the wire."""
    return name.lower().encode("latin-1")


def _latin(value: str) -> bytes:
    """A header value without anything that could end the line."""
    return value.encode("latin-1", "replace").translate(None, b"\r\n\0")


async def _send_file(send: Send, path: Path) -> None:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
