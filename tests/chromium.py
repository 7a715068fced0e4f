"""Pages in a real Chromium: a site on a loopback port, one browser, pages that are watched."""

import asyncio
import os
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from starlette.types import ASGIApp

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

if not os.path.exists(CHROMIUM) and not shutil.which("chromium"):
    if os.environ.get("CI") == "true":
        raise RuntimeError("chromium is missing: the pages cannot be tested")
    print("skipping the tests of pages: no chromium at", CHROMIUM)
    pytest.skip("no chromium", allow_module_level=True)


class Site:
    """An application on a loopback port, in a thread of its own; `made` opens and closes it there."""

    def __init__(self, made: Callable[[], AbstractAsyncContextManager[ASGIApp]]) -> None:
        self.base = ""
        self._made = made
        self._ready = threading.Event()
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    async def _serve(self) -> None:
        async with self._made() as app:
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", 0))
                listener.listen(64)
                self.base = f"http://127.0.0.1:{listener.getsockname()[1]}"
                self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
                self._ready.set()
                await self._server.serve(sockets=[listener])

    def start(self) -> None:
        """Start and wait until requests are queued."""
        self._thread.start()
        assert self._ready.wait(120)

    def stop(self) -> None:
        """Stop and wait."""
        assert self._server is not None
        self._server.should_exit = True
        self._thread.join(20)


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A Chromium without window; each page has a context of its own (`opened`)."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=shutil.which("chromium") or CHROMIUM, args=ARGUMENTS
        )
        yield launched
        await launched.close()


class Watched:
    """A page that remembers console messages, dialogs and every URL asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.console: list[str] = []
        self.dialogs: list[str] = []
        self.urls: list[str] = []
        page.on("console", lambda message: self.console.append(message.text))
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("dialog", self._dialog)

    async def _dialog(self, dialog: object) -> None:
        self.dialogs.append(str(dialog))
        await dialog.dismiss()  # type: ignore[attr-defined]


async def follow(page: Page, selector: str) -> None:
    """Click what leads to another page, and wait for it."""
    async with page.expect_navigation():
        await page.click(selector)


async def opened(browser: Browser, url: str, *, scripts: bool = True, width: int = 1366) -> Watched:
    """A page at `url`; its width is that of the common outpatient desktop if no other is given."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": width, "height": 768},
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        java_script_enabled=scripts,
    )
    watched = Watched(await context.new_page())
    await watched.page.goto(url)
    return watched
