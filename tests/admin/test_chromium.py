"""The quality pages in a real browser: found by hand, filtered, readable without JavaScript, wide tables in narrow
windows."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from starlette.types import ASGIApp

from tests.admin.conftest import FIRST, LAST, simulated
from tests.chromium import Site, browser, follow, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One exchange for all tests of this file."""
    folder = tmp_path_factory.mktemp("quality")

    @asynccontextmanager
    async def exchange() -> AsyncIterator[ASGIApp]:
        one, _, _ = await simulated(folder)
        yield one.web
        await one.close()

    one = Site(exchange)
    one.start()
    yield one
    one.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests of this file."""
    async with browser() as one:
        yield one


async def test_matrix_trend_and_faults_are_seen(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/quality/?from={FIRST}&to={LAST}")
    heads = await seen.page.locator("[data-testid=matrix] thead th").all_inner_texts()
    assert heads == [
        *("机构", "通道", "检查条数"),
        *("完整性", "规范性", "一致性", "及时性", "关联性", "唯一性", "时序", "互认"),
        "综合得分",
    ]
    row = seen.page.locator("[data-institution='12310118MBHE03010J']")
    assert "青浦区中山医院" in await row.inner_text()
    assert await seen.page.locator("[data-testid=trend] polyline").count() >= 3
    assert await seen.page.locator("[data-testid=small] figure").count() == 8
    assert await seen.page.locator("[data-testid=faults] tbody tr").count() == 10
    assert seen.console == []


async def test_filters_work_without_javascript(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/quality/?from={FIRST}&to={LAST}", scripts=False)
    await seen.page.select_option("[name=feed]", "wujiang-hl7v2")
    await seen.page.select_option("[name=dimension]", "completeness")
    await follow(seen.page, "text=查询")
    assert "feed=wujiang-hl7v2" in seen.page.url
    heads = await seen.page.locator("[data-testid=matrix] thead th").all_inner_texts()
    assert heads == ["机构", "通道", "检查条数", "完整性", "综合得分"]
    feeds = await seen.page.locator("[data-testid=matrix] tbody td:nth-child(2)").all_inner_texts()
    assert {feed.partition("区")[0] for feed in feeds} == {"吴江"}
    await follow(seen.page, "text=English")
    assert "By day: Completeness" in await seen.page.inner_text("main")
    async with seen.page.expect_download() as download:
        await seen.page.click("[data-testid=csv]")
    saved = await (await download.value).path()
    assert (await asyncio.to_thread(Path(saved).read_bytes)).startswith(b"\xef\xbb\xbfday,feed,")


async def test_a_narrow_window_scrolls_the_table_only(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/quality/?from={FIRST}&to={LAST}")
    await seen.page.set_viewport_size({"width": 683, "height": 768})
    assert await seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    place = seen.page.locator("[data-testid=faults] td:nth-child(4)").first
    assert await place.evaluate("cell => cell.clientWidth") > 90
    await seen.page.set_viewport_size({"width": 390, "height": 844})
    score = seen.page.locator("[data-testid=matrix] tbody td:nth-child(4)").first
    assert await score.evaluate("cell => cell.getBoundingClientRect().right <= innerWidth"), "a phone shows a score"
    await seen.page.emulate_media(media="print")
    assert await seen.page.locator("input[name=from]").is_visible(), "a sheet says of which days it is"


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_a_desktop_shows_the_whole_table_and_every_date(site: Site, chromium: Browser, lang: str) -> None:
    seen = await opened(chromium, f"{site.base}/quality/?from={FIRST}&to={LAST}&lang={lang}", width=1200)
    assert await seen.page.locator("[data-testid=matrix]").evaluate("m => m.scrollWidth <= m.parentNode.clientWidth")
    ends = "c => [...c.querySelectorAll('text')].map(t => t.getBBox()).map(b => b.x + b.width)"
    chart = seen.page.locator("svg[data-testid=trend]")
    assert max(await chart.evaluate(ends)) <= await chart.evaluate("c => c.viewBox.baseVal.width")
    middles = "c => Object.fromEntries([...c.querySelectorAll('.mid')].map(t => [t.textContent, +t.getAttribute('x')]))"
    dots = (
        "c => [...c.querySelectorAll('.point')].map(p => [p.getAttribute('aria-label'), p.getCTM().e / p.getCTM().a])"
    )
    labels = await chart.evaluate(middles)
    shifts = [x + 5 - labels[day] for name, x in await chart.evaluate(dots) for day in labels if f"-{day} " in name]
    assert len(shifts) > 5
    assert max(map(abs, shifts)) < 1


async def test_a_group_is_rehearsed_then_released_by_hand(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/quality/quarantine", scripts=False)
    held = int(re.findall(r"共 (\d+) 条", await seen.page.inner_text("main"))[0])
    assert held > 0
    await follow(seen.page, "[data-testid=groups] tbody tr:has-text('TB_LIS_REPORT') a")
    await follow(seen.page, "[data-testid=parts] tbody a")
    assert await seen.page.inner_text("[data-testid=state]") == "已隔离"
    await follow(seen.page, "text=演练: 放行")
    assert await seen.page.inner_text("[data-testid=would]") == "接受, 有警告"
    assert await seen.page.inner_text("[data-testid=state]") == "已隔离"
    draft = await seen.page.text_content("[data-testid=rehearsal] details pre")
    assert "DiagnosticReport/" in str(draft)
    await follow(seen.page, ".acts button:text-is('放行')")
    assert await seen.page.inner_text("[data-testid=done]") == "已放行 1 条."
    assert await seen.page.inner_text("[data-testid=state]") == "已入库"
    await seen.page.goto(f"{site.base}/quality/quarantine")
    assert f"共 {held - 1} 条" in await seen.page.inner_text("main")
    assert seen.console == []


async def test_a_group_is_discarded_with_a_reason_only(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/quality/quarantine")
    await follow(seen.page, "[data-testid=groups] tbody tr:has-text('C0002') a")
    await seen.page.click("text=丢弃本组")
    assert await seen.page.locator("[data-testid=done]").count() == 0
    await seen.page.fill("[name=reason]", "发送方确认作废")
    await follow(seen.page, "text=丢弃本组")
    assert await seen.page.inner_text("[data-testid=done]") == "已丢弃 1 条."
    assert await seen.page.locator("[data-testid=groups] tr:has-text('C0002')").count() == 0


async def test_a_form_of_another_site_changes_nothing(site: Site, chromium: Browser) -> None:
    """A page of another origin posts to us, as the browser of an operator would."""
    seen = await opened(chromium, "data:text/html,<title>elsewhere</title>")
    address = f"{site.base}/quality/quarantine/group/release"
    await seen.page.set_content(
        f"<form method=post action='{address}'><input name=feed value=qingpu-xml><input name=cause value=x>"
        "<button>win a prize</button></form>"
    )
    async with seen.page.expect_navigation() as moved:
        await seen.page.click("button")
    answer = await moved.value
    assert answer is not None
    assert answer.status == 403
