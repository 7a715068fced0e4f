"""Jiashan (嘉善): WS/T 500 CDA documents, plain (`jiashan-cda`) and in a SOAP DocumentRegister (`jiashan-soap`)."""

import csv
from pathlib import Path

from hie.plugin import Adapter, Feed, Organisation

_HERE = Path(__file__).resolve().parent


def _organisations() -> tuple[Organisation, ...]:
    with (_HERE / "organisations.csv").open(encoding="utf-8", newline="") as lines:
        return tuple(Organisation(**row) for row in csv.DictReader(lines))


adapter = Adapter(
    region="jiashan",
    title="嘉善县",
    feeds=(
        Feed(
            id="jiashan-cda",
            dialect="cda",
            title="嘉善县卫生信息平台 WS/T 500 共享文档",
            doors={"jiashan-cda": "application/xml", "jiashan-soap": "text/xml"},
        ),
    ),
    organisations=_organisations(),
    samples=_HERE / "samples",
)
