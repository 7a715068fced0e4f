"""Jiashan (嘉善): WS/T 500 CDA documents, plain (`jiashan-cda`) and in a SOAP DocumentRegister (`jiashan-soap`)."""

from pathlib import Path

from hie.plugin import Adapter, Feed, read_organisations

_HERE = Path(__file__).resolve().parent

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
    organisations=read_organisations(_HERE / "organisations.csv"),
    samples=_HERE / "samples",
)
