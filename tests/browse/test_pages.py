"""The pages over HTTP, without a browser."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from jinja2 import Environment
from starlette.requests import Request

from hie.base.silence import Silence
from hie.browse.chart import Chart
from hie.browse.digest import quiet
from hie.browse.person import person
from hie.browse.place import directory
from hie.browse.render import Renderer, warm
from tests.browse import seed
from tests.browse.conftest import Frail, filled, mounted
from tests.browse.seed import NOW

GU = seed.uid("golden", "gu")
RECORD = f"/browse/record/{GU}"


@pytest.fixture
async def client(store: Frail) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the mounted browser."""
    transport = httpx.ASGITransport(mounted(store), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hie") as found:
        yield found


async def test_every_page_forbids_inline_script_and_style(client: httpx.AsyncClient) -> None:
    for path in ("/browse/", RECORD, "/browse/nowhere"):
        answer = await client.get(path)
        policy = answer.headers["content-security-policy"]
        for part in (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "base-uri 'none'",
            "frame-ancestors 'self'",
            "form-action 'self'",
            "img-src 'self' data:",
        ):
            assert part in policy
        assert "unsafe" not in policy
        assert not re.search(r"<style|<script(?! type=\"module\" src=)|\sstyle=|\son\w+=", answer.text)
        assert answer.headers["cache-control"] == "no-store"


async def test_a_number_never_stands_in_an_address(client: httpx.AsyncClient) -> None:
    answer = await client.post("/browse/", data={"q": seed.GU_ID})
    assert (answer.status_code, answer.headers["location"]) == (303, RECORD)
    answer = await client.post("/browse/", data={"q": "王建国"})
    assert "%" not in answer.headers["location"].replace("%2C", "")
    assert not re.search(r"\d{15}", answer.headers["location"])
    for path in (RECORD, answer.headers["location"]):
        page = await client.get(path)
        assert page.status_code == 200
        assert seed.GU_ID not in page.text


async def test_nobody_found_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.post("/browse/", data={"q": "查无此人"}, follow_redirects=True)
    assert "没有找到患者" in answer.text


async def test_the_number_is_shown_on_a_post_only(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{RECORD}/identity")).status_code == 404
    shown = await client.post(f"{RECORD}/identity", data={})
    assert seed.GU_ID in shown.text
    assert "A800000517" in shown.text


async def test_a_local_record_leads_to_the_whole_person(client: httpx.AsyncClient) -> None:
    local = seed.uid(seed.QPZS, "Patient", "KH820001")
    answer = await client.get(f"/browse/record/{local}?kind=lab&lang=en")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{RECORD}?kind=lab&lang=en")


async def test_another_persons_report_does_not_open(client: httpx.AsyncClient) -> None:
    report = seed.uid(seed.WJYY, "DiagnosticReport", "B800001A")
    other = seed.no_allergy()[0]["id"]
    assert (await client.get(f"{RECORD}/DiagnosticReport/{report}")).status_code == 200
    assert (await client.get(f"/browse/record/{other}/DiagnosticReport/{report}")).status_code == 404
    original = seed.uid(seed.JSYY, "Binary", "doc1")
    assert (await client.get(f"/browse/record/{other}/Binary/{original}")).status_code == 404


async def test_every_event_opens(client: httpx.AsyncClient) -> None:
    page = await client.get(f"{RECORD}?span=all")
    links = re.findall(r'<a class="open" href="([^"]+)"', page.text)
    assert len(links) == 11
    for link in [*links, *re.findall(r'href="([^"]+)" data-open', page.text)]:
        opened = await client.get(link)
        assert opened.status_code == 200, link
        statuses = [words.rpartition(" · ")[2] for words in re.findall(r"<li>(第 \d+ 版[^<]*?) <", opened.text)]
        assert not any(map(str.isascii, statuses)), statuses
        assert (await client.get(f"{link}?part=1")).status_code == 200, link


async def test_the_original_is_a_download_of_the_exact_bytes(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{RECORD}/Binary/{seed.uid(seed.JSYY, 'Binary', 'doc1')}")
    assert answer.content == seed.CDA.encode()
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_yes_and_no_of_a_document_are_in_the_language_of_the_page(client: httpx.AsyncClient) -> None:
    """The sign of an allergy read `true` in a Chinese page."""
    page = await client.get(f"{RECORD}/DocumentReference/{seed.uid(seed.JSYY, 'DocumentReference', 'doc1')}")
    assert re.search(r"<dt>过敏史标志</dt><dd>(.*?)</dd>", page.text)[1].strip() == "是"


async def test_an_allergy_leads_to_the_message_it_came_from(client: httpx.AsyncClient) -> None:
    rail = (await client.get(RECORD)).text
    link = re.search(rf'href="({RECORD}/AllergyIntolerance/[^"]+)">青霉素过敏<', rail)
    assert link is not None
    page = (await client.get(link[1])).text
    assert all(words in page for words in ("休克", seed.uid("raw", "a1"), "嘉善平台 CDA"))


async def test_every_attachment_is_a_download_wherever_its_bytes_are() -> None:
    who = seed.patient(seed.QPZS, "P", "某人")
    named = {"subject": seed.ref(who), "status": "current", "date": "2026-03-01"}
    scan = seed.made(seed.QPZS, "Binary", "png", contentType="image/png", data="iVBORw==")
    document = seed.made(
        seed.QPZS,
        "DocumentReference",
        "d",
        content=[
            {"attachment": {"contentType": "application/pdf", "data": "JVBERg=="}},
            {"attachment": {"contentType": "image/png", "url": f"Binary/{scan['id']}", "title": "扫描件"}},
            {"attachment": {"contentType": "text/plain; charset=utf-8", "data": "55eF56iL"}},
            {"attachment": {"contentType": "text/html", "url": "javascript:alert(1)"}},
        ],
        **named,
    )
    film = seed.made(
        seed.QPZS,
        "DiagnosticReport",
        "r",
        code={"text": "胸片"},
        presentedForm=[{"contentType": "application/pdf", "data": "JVBERi0="}],
        **named | {"status": "final"},
    )
    store = await filled(seed.organizations(), [who, scan, document, film])
    root = f"/browse/record/{who['id']}"
    transport = httpx.ASGITransport(app=mounted(store))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        page = (await client.get(f"{root}/DocumentReference/{document['id']}")).text
        assert "病程" in page
        assert 'href="javascript:' not in page
        links = re.findall(rf'href="({root}/[^"?]+)" download', page)
        page = (await client.get(f"{root}/DiagnosticReport/{film['id']}")).text
        links += re.findall(rf'href="({root}/[^"?]+)" download', page)
        answers = [await client.get(link) for link in links]
        assert [(a.content, a.headers["content-disposition"][-5:-1]) for a in answers] == [
            (b"%PDF", ".pdf"),
            (b"\x89PNG", ".png"),
            ("病程".encode(), ".txt"),
            (b"%PDF-", ".pdf"),
        ]
        assert {a.headers["content-type"] for a in answers} == {"application/octet-stream"}
        assert (await client.get(f"{root}/DiagnosticReport/{film['id']}/file/1")).status_code == 404


async def test_hostile_text_is_text(client: httpx.AsyncClient) -> None:
    who = seed.hostile()[0]["id"]
    page = await client.get(f"/browse/record/{who}")
    assert "&lt;script&gt;alert" in page.text
    assert "<script>alert" not in page.text
    for link in re.findall(r'<a class="open" href="([^"]+)"', page.text):
        detail = (await client.get(link)).text
        assert "<script>alert" not in detail
        assert "<img" not in detail
        assert "javascript:" not in detail


async def test_a_failing_source_is_named_and_the_rest_is_shown(client: httpx.AsyncClient, store: Frail) -> None:
    store.broken |= {"AllergyIntolerance", "Condition"}
    page = await client.get(RECORD)
    assert page.status_code == 200
    assert 'data-state="unreachable"' in page.text
    assert "以下内容暂时无法读取: 过敏、诊断" in page.text
    assert "血常规" in page.text


async def test_sources_that_have_fallen_silent_are_named_to_those_whose_record_may_lack_something(store: Frail) -> None:
    at = datetime(2026, 4, 7, 2, 40, tzinfo=UTC)
    silences = [Silence("jiashan", "", at), Silence("qingpu", seed.QPZS, at), Silence("qingpu", "ELSEWHERE", at)]
    said = {}
    transport = httpx.ASGITransport(mounted(store, silences))
    async with httpx.AsyncClient(transport=transport, base_url="http://hie") as client:
        for name, who in (("gu", GU), ("one", seed.no_allergy()[0]["id"])):
            page = (await client.get(f"/browse/record/{who}")).text
            said[name] = re.findall('data-testid="quiet">([^<]*)', page)
        english = (await client.get(f"{RECORD}?lang=en")).text
    assert said == {
        "gu": ["嘉善自 2026-04-07 10:40 起没有收到数据; 青浦区中山医院自 2026-04-07 10:40 起没有收到数据"],
        "one": [],
    }
    assert "Nothing received from Jiashan since 2026-04-07 10:40; Nothing received from 青浦区中山医院" in english


def test_silences_of_all_regions_concern_a_person_whom_none_knows() -> None:
    chart = Chart(person([{"resourceType": "Patient", "id": "x"}]), directory([], []), {}, frozenset())
    silences = [Silence(region, "", NOW) for region in ("jiashan", "wujiang")]
    assert [one.place.region for one in quiet(chart, silences)] == ["jiashan", "wujiang"]


async def test_english_has_no_chinese_around_the_data(client: httpx.AsyncClient) -> None:
    home = await client.get("/browse/?lang=en")
    assert re.findall("[㐀-鿿]+", home.text) == ["中文"]
    page = (await client.get(f"{RECORD}?lang=en")).text
    assert "Allergy" in page
    assert "lang=en" in page
    assert not re.search(r">\s*[a-z]+(\.[a-zA-Z-]+)+\s*<", page)


async def test_what_could_not_be_read_in_time_is_not_told_missing(client: httpx.AsyncClient, store: Frail) -> None:
    """A record of 23,000 results took longer than two seconds to read: its trends and originals were 404 then."""
    record = (await client.get(RECORD)).text
    paths = [re.findall(r'href="([^"]+/trend/[^"]+)"', record)[0], f"{RECORD}/Binary/{seed.uid('none')}"]
    assert [(await client.get(path)).status_code for path in paths] == [200, 404]
    store.broken = {"Observation", "DocumentReference"}
    answers = [await client.get(path) for path in paths]
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(503, "5")] * 2


async def test_a_long_trend_comes_in_parts_that_hold_every_value_once() -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    rows = [
        seed.observation(
            who,
            seed.WJYY,
            f"R{n}",
            "K",
            "钾",
            f"2026-01-01T{n // 60:02d}:{n % 60:02d}:00+08:00",
            loinc="2823-3",
            valueQuantity=seed.quantity(f"{n}.50", "mmol/L", "mmol/L"),
        )
        for n in range(250)
    ]
    transport = httpx.ASGITransport(mounted(await filled([who, *rows])))
    async with httpx.AsyncClient(transport=transport, base_url="http://hie") as client:
        record = await client.get(f"/browse/record/{who['id']}")
        path = re.findall(r'href="([^"]+/trend/[0-9a-f]+)"', record.text)[0]
        pages = [(await client.get(path, params=q)).text for q in ({}, {"page": "2"}, {"page": "3"}, {"page": "x"})]
    shown = [re.findall(r"<tr data-trend-row>.*?<span class=\"value\">([\d.]+)<", page) for page in pages]
    assert shown.pop() == shown[0]
    assert [len(part) for part in shown] == [120, 120, 10]
    assert [v for part in shown for v in part] == [f"{n}.50" for n in reversed(range(250))]
    assert ["更早的结果" in page for page in pages] == [True, True, False, True]
    assert all("250 个结果" in page for page in pages)


def test_a_page_compiles_no_template_that_was_made_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    warm()
    monkeypatch.setattr(Environment, "compile", None)
    assert (
        Renderer()
        .page(
            Request({"type": "http", "method": "GET", "path": "/", "query_string": b""}),
            "find.html",
            watermark=("", "", ""),
        )
        .status_code
        == 200
    )


@pytest.mark.parametrize(("language", "yes", "dose"), [("zh", "是", "1-2次/8小时"), ("en", "yes", "1-2×/8 h")])
async def test_words_of_ours_are_those_of_the_page_in_values_and_doses(language: str, yes: str, dose: str) -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    repeat = {"frequency": 1, "frequencyMax": 2, "period": 8, "periodUnit": "h"}
    rows = [
        seed.observation(who, seed.WJYY, "R", "OB", "隐血", "2026-01-01", valueBoolean=True),
        seed.made(
            seed.WJYY,
            "MedicationRequest",
            "M",
            status="active",
            intent="order",
            subject=seed.ref(who),
            authoredOn="2026-01-01",
            medicationCodeableConcept={"text": "某药"},
            dosageInstruction=[{"timing": {"repeat": repeat}}],
        ),
    ]
    transport = httpx.ASGITransport(mounted(await filled([who, *rows])))
    async with httpx.AsyncClient(transport=transport, base_url="http://hie") as client:
        record = (await client.get(f"/browse/record/{who['id']}", params={"lang": language})).text
        paths = [f"/browse/record/{who['id']}/{r['resourceType']}/{r['id']}" for r in rows]
        details = [(await client.get(path, params={"lang": language})).text for path in paths]
    assert [f">{yes}<" in page for page in (record, *details)] == [True, True, False]
    assert [dose in page for page in (record, *details)] == [True, False, True]


async def test_every_page_has_one_main_heading_and_links_within_it_arrive(client: httpx.AsyncClient) -> None:
    record = (await client.get(RECORD)).text
    inner = re.findall(rf'href="({RECORD}/(?:DiagnosticReport|trend)/[^"]+)"', record)[:1]
    for path in ("/browse/", "/browse/nowhere", RECORD, *inner, *re.findall(r'href="([^"]+/trend/[^"]+)"', record)[:1]):
        page = (await client.get(path)).text
        assert page.count("<h1") == 1
        assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'\sid="([^"]+)"', page))


async def test_static_files_are_served_and_kept(client: httpx.AsyncClient) -> None:
    home = await client.get("/browse/")
    for path in re.findall(r'(?:src|href)="(/browse/static/[^"]+)"', home.text):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert (await client.get("/browse/static/..%2Fpages.py")).status_code == 404


async def test_a_giant_form_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/browse/", data={"q": "x" * 5000})).status_code == 413


@pytest.mark.parametrize("path", ["/browse/record/none", f"{RECORD}/Patient/x", f"{RECORD}/trend/abc", "/browse/xyz"])
async def test_what_is_not_there_is_404_without_an_echo(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "没有这份档案或记录" in answer.text
