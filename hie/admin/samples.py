"""Samples of faults: one part that shows each, as the shape of its value; the value itself never leaves the store."""

from dataclasses import dataclass

from hie.admin.scoring import Feeds
from hie.base.errors import HieError
from hie.base.finding import Finding
from hie.pipeline.codec import decode_findings
from hie.pipeline.items import delivery_of
from hie.quality.score import Fault
from hie.staging.tables import PART, RAW_ITEM
from hie.staging.tallies import place
from hie.store.port import Reader


@dataclass(frozen=True, slots=True)
class Sample:
    """A part that shows a fault: where to find it, the path with its indexes, and the shape of its value."""

    item: str
    part: int
    path: str
    shape: str


async def sample_of(reader: Reader, feeds: Feeds, fault: Fault) -> Sample | None:
    """The sample of a fault; None when its item is not there or cannot be read again."""
    if fault.sample is None:
        return None
    item, part = fault.sample
    row = await reader.get(RAW_ITEM, item)
    runtime = feeds.get(fault.feed)
    if row is None or runtime is None:
        return None
    stored = await reader.get(PART, item, part)
    path = _path(decode_findings((stored or row)["findings"]), fault)
    try:
        records = runtime.parse(delivery_of(row)).records
    except (HieError, ValueError):
        return Sample(item, part, path, "")
    tree = next((record.tree for record in records if record.part == part), None)
    return Sample(item, part, path, runtime.shape(tree, path))


def _path(findings: tuple[Finding, ...], fault: Fault) -> str:
    """The path of the finding as it was noted; findings are counted without indexes."""
    same = (f for f in findings if (f.code, f.rule, place(f.path)) == (fault.code, fault.rule, fault.path))
    return next((f.path for f in same), fault.path)
