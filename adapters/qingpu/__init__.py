"""Qingpu (青浦): rows of TB_* tables in an XML envelope, over HTTP and a drop folder (`qingpu-xml`)."""

import csv
from pathlib import Path

from adapters.qingpu.transforms import TRANSFORMS
from hie.plugin import Adapter, Feed, Organisation

_HERE = Path(__file__).resolve().parent


def _organisations() -> tuple[Organisation, ...]:
    with (_HERE / "organisations.csv").open(encoding="utf-8", newline="") as lines:
        return tuple(Organisation(**row) for row in csv.DictReader(lines))


adapter = Adapter(
    region="qingpu",
    title="青浦区",
    feeds=(
        Feed(
            id="qingpu-xml",
            dialect="rows",
            title="青浦区卫生信息平台 TB_* 数据上传",
            doors={"qingpu-xml": "application/xml"},
            drop=True,
            orphans=True,
        ),
    ),
    organisations=_organisations(),
    samples=_HERE / "samples",
    transforms=TRANSFORMS,
)
