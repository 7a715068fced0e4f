"""The record page in a real browser: what a doctor sees, with and without JavaScript."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from starlette.applications import Starlette

from hie.store.sqlite import SqliteStore
from tests import chromium as shown
from tests.browse import seed
from tests.browse.conftest import EXTRACTORS, Frail, mounted, write
from tests.chromium import follow, opened
from tests.clock import FixedClock

pytestmark = pytest.mark.asyncio(loop_scope="module")
GU, LONG = seed.uid("golden", "gu"), seed.uid("golden", "long")


class Site(shown.Site):
    """The record browser over the seeded people; `store` can be made to fail."""

    def __init__(self, folder: Path) -> None:
        super().__init__(self._opened)
        self.store: Frail | None = None
        self._folder = folder

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Starlette]:
        sqlite = await SqliteStore.open(
            self._folder / "hie.sqlite", (), extract=EXTRACTORS.extract, clock=FixedClock(seed.NOW)
        )
        await write(sqlite, *seed.everybody(), seed.long_record(450))
        self.store = Frail(sqlite)
        yield mounted(self.store)
        await sqlite.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for all tests of this file."""
    one = Site(tmp_path_factory.mktemp("browse"))
    one.start()
    yield one
    one.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests of this file."""
    async with shown.browser() as one:
        yield one


async def test_a_doctor_finds_the_patient_by_number(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/")
    await seen.page.fill("[name=q]", seed.GU_ID)
    await seen.page.press("[name=q]", "Enter")
    await seen.page.wait_for_selector("[data-testid=banner]")
    assert await seen.page.inner_text("[data-testid=name]") == "顾晓岚"
    assert await seen.page.inner_text("[data-testid=masked-id]") == "3205**********5127"
    banner = await seen.page.inner_text("[data-testid=banner]")
    assert "女" in banner
    assert "57 岁" in banner
    assert "另用名 顾晓嵐" in banner
    assert "主索引关联 3 份记录" in banner
    assert all(not re.search(r"\d{17}", url) for url in [*seen.urls, seen.page.url])
    assert seen.console == []


async def test_alerts_and_abnormal_marks(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{GU}")
    rail = await seen.page.inner_text("[data-testid=alert-rail]")
    assert "青霉素过敏" in rail
    assert "6.9 mmol/L ↑↑ 危急" in rail
    for element in await seen.page.query_selector_all("[data-critical]"):
        box = await element.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 700
    row = await seen.page.inner_text(".row:has-text('生化')")
    assert "6.9" in row
    assert "133.10" in row
    assert "余 3 项正常" in row
    marks = await seen.page.eval_on_selector_all(
        ".mark",
        "nodes => nodes.map(n => [n.getAttribute('aria-label'), n.textContent.trim(), getComputedStyle(n).fontWeight])",
    )
    assert {label for label, _, _ in marks} == {"偏高", "偏低", "危急偏高"}
    assert all(re.search("[↑↓]", text) and weight == "700" for _, text, weight in marks)


async def test_every_row_says_where_it_comes_from(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{GU}")
    rows = await seen.page.eval_on_selector_all(
        "[data-event]",
        "nodes => nodes.map(n => [n.dataset.region, n.dataset.org, n.querySelector('.chip').textContent.trim(),"
        " n.querySelector('time').textContent.trim()])",
    )
    assert len(rows) == 11
    words = {"wujiang": "吴江", "jiashan": "嘉善", "qingpu": "青浦"}
    for region, organisation, chip, date in rows:
        assert words[region] == chip
        assert organisation.endswith("医院")
        assert re.match(r"2026-\d\d-\d\d \d\d:\d\d", date)


async def test_a_region_chip_filters_counts_and_survives_reload(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{GU}")
    chip = seen.page.locator("[data-key='2']")
    assert "嘉善 5" in await chip.inner_text()
    await chip.click()
    await seen.page.wait_for_url("**region=jiashan**")
    for _ in range(2):
        regions = await seen.page.eval_on_selector_all("[data-event]", "nodes => nodes.map(n => n.dataset.region)")
        assert regions == ["jiashan"] * 5
        await seen.page.reload()


async def test_only_abnormal_rows(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{GU}?abnormal=1")
    rows = seen.page.locator("[data-event]")
    assert await rows.count() == 4
    for row in await rows.all():
        labels = await row.locator("[aria-label]").evaluate_all("n => n.map(x => x.getAttribute('aria-label')).join()")
        assert re.search("偏高|偏低|危急", labels)


async def test_a_report_opens_in_the_drawer_and_focus_returns(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{GU}")
    row = seen.page.locator(".row:has-text('生化') .open")
    await row.focus()
    await seen.page.keyboard.press("Enter")
    await seen.page.wait_for_selector("#drawer [data-testid=detail]")
    values = await seen.page.eval_on_selector_all("#drawer [data-value]", "nodes => nodes.map(n => n.textContent)")
    assert values == ["6.9", "96.0", "<0.5", "0.004", "阴性", "7", "133.10"]
    ranges = await seen.page.eval_on_selector_all("#drawer [data-range]", "nodes => nodes.map(n => n.textContent)")
    assert ranges == ["3.5-5.3", "41-73", "≤10", "≤0.04", "阴性", "未提供", "137-147"]
    text = await seen.page.inner_text("#drawer")
    assert "未判定" in text
    assert "按参考区间判定" in text
    await seen.page.click("#drawer .origin summary")
    origin = await seen.page.inner_text("#drawer .origin")
    assert "吴江平台 HL7 v2" in origin
    assert seed.WJYY in origin
    await seen.page.keyboard.press("Escape")
    assert await seen.page.locator("#drawer").is_hidden()
    assert await seen.page.evaluate("document.activeElement.textContent") == "生化"
    assert seen.console == []


async def test_a_correction_shows_what_was_there_before(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{GU}")
    row = seen.page.locator("[data-region=jiashan][data-kind=lab]")
    assert "已修改" in await row.inner_text()
    await row.locator(".open").click()
    await seen.page.wait_for_selector("#drawer [data-testid=detail]")
    assert "修改前 21.2000 10^9/L" in await seen.page.inner_text("#drawer")


async def test_the_number_is_shown_on_request_in_the_drawer(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{GU}")
    assert seed.GU_ID not in await seen.page.content()
    await seen.page.click(".ids button")
    await seen.page.wait_for_selector("#drawer [data-testid=identity]")
    assert seed.GU_ID in await seen.page.inner_text("#drawer")
    await seen.page.keyboard.press("Escape")
    assert seed.GU_ID not in await seen.page.content()
    assert all(seed.GU_ID not in url for url in seen.urls)


async def test_the_trend_has_a_table_twin(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{GU}")
    await seen.page.click("[data-trend]:has-text('肌酐')")
    await seen.page.wait_for_selector("[data-testid=trend]")
    points = await seen.page.eval_on_selector_all("[data-point]", "n => n.map(x => x.getAttribute('aria-label'))")
    assert points == [
        "96.0 umol/L 吴江区第一人民医院 2026-01-19",
        "1.02 mg/dL 嘉善县第一人民医院 2026-03-02",
        "88.0 μmol/L 青浦区中山医院 2026-04-02",
    ]
    assert await seen.page.locator("[data-trend-row]").count() == 3
    shapes = await seen.page.eval_on_selector_all("[data-point]", "n => n.map(x => x.lastElementChild.outerHTML)")
    assert len(set(shapes)) == 3


async def test_keys_move_along_the_rows_and_open_them(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{GU}")
    keyboard = seen.page.keyboard
    await keyboard.press("j")
    await keyboard.press("j")
    await keyboard.press("k")
    focused = "document.activeElement.closest('.row')?.querySelector('.open').textContent"
    assert await seen.page.evaluate(focused) == "甲状腺超声"
    await keyboard.press("/")
    await keyboard.type("xcg")
    await expect(seen.page.locator("#rows > .row:not([hidden])")).to_have_count(3)
    await keyboard.press("Escape")
    await keyboard.press("?")
    assert await seen.page.locator("#help").is_visible()
    await keyboard.press("Escape")
    await keyboard.press("a")
    await seen.page.wait_for_url("**abnormal=1**")
    await keyboard.press("3")
    await seen.page.wait_for_url("**region=qingpu**")
    assert await seen.page.locator("[data-event]").count() == 1


async def test_without_javascript_everything_is_reachable(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/", scripts=False)
    await seen.page.fill("[name=q]", "顾晓岚")
    await follow(seen.page, "[type=submit]")
    assert await seen.page.locator("[data-testid=banner]").count() == 1
    assert await seen.page.locator("[data-event]").count() == 11
    assert await seen.page.locator("[data-print]").is_hidden()
    await follow(seen.page, "text=胸部CT平扫")
    assert "右肺下叶结节 6mm" in await seen.page.inner_text("[data-testid=detail]")
    await follow(seen.page, "text=← 时间轴")
    await seen.page.click(".ids button")
    assert seed.GU_ID in await seen.page.inner_text("[data-testid=identity]")
    await seen.page.goto(f"{site.base}/browse/record/{LONG}?span=all")
    assert await seen.page.locator("[data-event]").count() == 30
    await seen.page.click("[data-more]")
    assert await seen.page.locator("[data-event]").count() == 60


async def test_a_long_record_starts_small_and_reaches_the_oldest_event(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{LONG}?span=all")
    assert await seen.page.inner_text("[data-testid=count]") == "450 条"
    assert await seen.page.evaluate("document.querySelectorAll('*').length") < 1500
    sent = [url for url in seen.urls if "part=" not in url]
    assert len(sent) <= 4
    rows = seen.page.locator("[data-event]")
    while not await seen.page.locator("#rows .end").count():
        shown = await rows.count()
        await seen.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        await rows.nth(shown).wait_for(state="attached")
    assert await seen.page.locator("[data-event]").count() == 450
    assert (await seen.page.locator("[data-event] time").last.text_content() or "").startswith("2016-01-01")


async def test_hostile_content_is_inert(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{seed.hostile()[0]['id']}")
    assert "<script>" in await seen.page.inner_text("[data-testid=name]")
    inline = await seen.page.locator(":is(a, b, strong, span, small)").evaluate_all(
        "all => all.map(one => getComputedStyle(one).unicodeBidi)"
    )
    assert set(inline) == {"isolate"}, "a text that turns the direction turns the number behind it"
    for number in range(await seen.page.locator(".row .open").count()):
        await seen.page.locator(".row .open").nth(number).click()
        await seen.page.wait_for_selector("#drawer [data-testid=detail]")
        assert await seen.page.locator("#drawer :is(script, img, iframe, object)").count() == 0
        if "文书" in await seen.page.inner_text("#drawer h2"):
            assert "青霉素过敏" in await seen.page.inner_text("#drawer")
        await seen.page.keyboard.press("Escape")
    assert seen.dialogs == []
    assert seen.console == []
    assert all(url.rsplit("/", 1)[-1] != "x" for url in seen.urls)


@pytest.mark.parametrize(
    ("who", "state", "words"),
    [
        (seed.no_allergy()[0]["id"], "none-known", "已声明无过敏"),
        (seed.unknown_allergy()[0]["id"], "not-recorded", "过敏史未记录"),
        (GU, "list", "青霉素过敏"),
    ],
)
async def test_allergy_states_look_different(site: Site, chromium: Browser, who: str, state: str, words: str) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{who}")
    section = seen.page.locator("[data-testid=allergies]")
    assert await section.get_attribute("data-state") == state
    assert words in await section.inner_text()


async def test_an_unreachable_source_is_named(site: Site, chromium: Browser) -> None:
    assert site.store is not None
    site.store.broken.add("AllergyIntolerance")
    try:
        seen = await opened(chromium, f"{site.base}/browse/record/{seed.unknown_allergy()[0]['id']}")
        section = seen.page.locator("[data-testid=allergies]")
        assert await section.get_attribute("data-state") == "unreachable"
        assert "过敏史暂时无法读取" in await section.inner_text()
    finally:
        site.store.broken.clear()
    await follow(seen.page, "[data-testid=allergies] a")
    assert await section.get_attribute("data-state") == "not-recorded"


async def test_two_tabs_keep_their_patients(site: Site, chromium: Browser) -> None:
    first = await opened(chromium, f"{site.base}/browse/record/{GU}")
    second = await opened(chromium, f"{site.base}/browse/record/{LONG}")
    await first.page.reload()
    await second.page.reload()
    assert await first.page.inner_text("[data-testid=name]") == "顾晓岚"
    assert await second.page.inner_text("[data-testid=name]") == "龙久长"


async def test_english_and_back(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{GU}")
    await follow(seen.page, "text=English")
    assert "Timeline" in await seen.page.inner_text(".filters h2")
    await seen.page.click(".row:has-text('生化') .open")
    await seen.page.wait_for_selector("#drawer [data-testid=detail]")
    assert "Reference range" in await seen.page.inner_text("#drawer")
    assert not re.search(r"(^|\s)[a-z]+(\.[a-z-]+)+(\s|$)", await seen.page.inner_text("body"))
    await seen.page.keyboard.press("Escape")
    await follow(seen.page, "text=中文")
    assert "时间轴" in await seen.page.inner_text(".filters h2")


async def test_narrow_windows_do_not_scroll_sideways(site: Site, chromium: Browser) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{GU}")
    await seen.page.set_viewport_size({"width": 683, "height": 768})
    assert await seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await seen.page.set_viewport_size({"width": 320, "height": 768})
    await seen.page.locator(".indicators td").first.evaluate("cell => cell.append(' ‼ critical')")
    assert await seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await seen.page.goto(f"{site.base}/browse/record/{seed.hostile()[0]['id']}")
    await seen.page.goto(await seen.page.locator(".k-lab .open").evaluate("link => link.href"))
    await seen.page.set_viewport_size({"width": 360, "height": 740})
    assert await seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [1200, 1366, 1600])
async def test_names_of_indicators_keep_to_their_lines(site: Site, chromium: Browser, width: int) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{GU}", width=width)
    rows = await seen.page.locator(".indicators tr").evaluate_all("rows => rows.map(row => row.offsetHeight)")
    assert rows
    assert max(rows) < 50


async def test_print_names_the_person_on_every_sheet_and_leaves_nothing_out_unsaid(
    site: Site, chromium: Browser
) -> None:
    seen = await opened(chromium, f"{site.base}/browse/record/{GU}")
    await seen.page.emulate_media(media="print")
    assert await seen.page.locator(".printed").is_visible()
    assert "外院数据仅供参考" in await seen.page.inner_text(".printed")
    groups = "names => names.map(name => getComputedStyle(document.querySelector(name)).display)"
    assert await seen.page.evaluate(groups, [".banner", ".printed"]) == ["table-header-group", "table-footer-group"]
    assert await seen.page.locator("text=阿奇霉素片").first.is_visible()
    assert await seen.page.locator(".filter:not(.on)").first.is_hidden()
    assert await seen.page.locator(".filter.on").first.is_visible()
    seen = await opened(chromium, f"{site.base}/browse/record/{LONG}", scripts=False)
    await seen.page.emulate_media(media="print")
    printed = await seen.page.locator("#rows > .row").count()
    matching = int(await seen.page.get_attribute("#rows", "data-total") or 0)
    assert await seen.page.inner_text(".unprinted") == f"更早的 {matching - printed} 条未打印"
