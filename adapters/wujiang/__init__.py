"""Wujiang (吴江): HL7 v2.4 messages of three hospitals, over MLLP and HTTP (`wujiang-hl7v2`)."""

from pathlib import Path

from adapters.wujiang.location import location
from hie.plugin import Adapter, Feed, read_organisations

_HERE = Path(__file__).resolve().parent

adapter = Adapter(
    region="wujiang",
    title="吴江区",
    feeds=(
        Feed(
            id="wujiang-hl7v2",
            dialect="hl7v2",
            title="吴江区卫生信息平台 HL7 v2.4 消息",
            doors={"wujiang-hl7v2": "application/hl7-v2"},
            mllp=True,
        ),
    ),
    organisations=read_organisations(_HERE / "organisations.csv"),
    samples=_HERE / "samples",
    transforms={"wujiang-location": location},
)
