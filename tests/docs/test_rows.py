"""`docs/adapters.md`, "A region of XML rows": the field map there makes of the upload there what the page says; and the
quality rule of the page is one."""

import re
from pathlib import Path

from hie.app import bind_feeds
from hie.app.feeds import read_tables
from hie.app.maps import lint_tables
from hie.plugin import Adapter, Feed, Organisation
from hie.quality.rules import load_rules
from hie.testing.material import deliver

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8").partition("## A region of XML rows")[2]
[RULES] = re.findall(r"```toml\n(\[defaults\].*?)```", CHAPTER, re.DOTALL)
UPLOAD, ROWS, ITEM = re.findall(r"```(?:xml|toml)\n(.*?)```", CHAPTER, re.DOTALL)[:3]


def test_the_field_map_of_results(tmp_path: Path) -> None:
    (tmp_path / "fields" / "hangzhou-xml").mkdir(parents=True)
    (tmp_path / "rows").mkdir()
    (tmp_path / "fields" / "hangzhou-xml" / "item.toml").write_text(ITEM, encoding="utf-8")
    (tmp_path / "rows" / "hangzhou-xml.toml").write_text(ROWS, encoding="utf-8")
    feed = Feed("hangzhou-xml", "rows", "x", {"hangzhou-xml": "application/xml"}, orphans=True)
    sender = Organisation("HZYY", "12330100MBHE009004", "x")
    adapter = Adapter("hangzhou", "x", (feed,), (sender,), tmp_path, mappings=tmp_path)
    [said] = lint_tables(read_tables([adapter]), [adapter])
    assert "there is no field map for the table 'HZ_LAB_REPORT'" in str(said)
    [runtime] = bind_feeds([adapter])
    items = [one.draft for one in deliver(runtime, feed.id, UPLOAD.encode()) if one.record.type == "HZ_LAB_ITEM"]
    stated = [(one.target.value, one.slots["code"]["text"]) for item in items if item for one in item.contributions]
    assert stated == [("BG001:1", "葡萄糖"), ("BG001:2", "钾")]
    assert [item.unmapped for item in items if item] == [(), ()]
    voided = UPLOAD.replace("<WS06_00_901_01>0<", "<WS06_00_901_01>1<")
    items = [one.draft for one in deliver(runtime, feed.id, voided.encode()) if one.record.type == "HZ_LAB_ITEM"]
    assert [one.revoke for item in items if item for one in item.contributions] == [True, True]


def test_the_quality_rule(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES, encoding="utf-8")
    assert [rule.id for rule in load_rules(tmp_path, region="kunshan")] == ["kunshan-record-number"]
