"""Qingpu (青浦): rows of TB_* tables in an XML envelope, over HTTP and a drop folder (`qingpu-xml`)."""

from pathlib import Path

from adapters.qingpu.transforms import TRANSFORMS
from hie.plugin import Adapter, Feed, read_organisations

_HERE = Path(__file__).resolve().parent

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
    organisations=read_organisations(_HERE / "organisations.csv"),
    samples=_HERE / "samples",
    transforms=TRANSFORMS,
)
