"""Provenance: one per item that wrote something, naming the item and everything it wrote (common rules §4.2)."""

from collections.abc import Iterable
from typing import Any

from hie.base.ids import stable_id
from hie.base.systems import BASE, RAW_ITEM


def source_of(feed: str) -> str:
    """The URL of a feed; with `#` and the id of a raw item behind it, the `meta.source` of what the item wrote."""
    return f"{BASE}/feeds/{feed}"


def provenance_id(item: str) -> str:
    """The id of the Provenance of a raw item."""
    return stable_id("provenance", item)


def provenance(
    *, item: str, feed: str, region_tag: dict[str, str], recorded: str, targets: Iterable[str], agent: str, maps: str
) -> dict[str, Any]:
    """A Provenance resource: `targets` and `agent` are references, `maps` the version of the field and code maps."""
    source = source_of(feed)
    return {
        "resourceType": "Provenance",
        "id": provenance_id(item),
        "meta": {"source": f"{source}#{item}", "tag": [region_tag]},
        "target": [{"reference": target} for target in targets],
        "recorded": recorded,
        "policy": [f"{source}/maps/{maps}"],
        "activity": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation", "code": "UPDATE"}]
        },
        "agent": [
            {
                "type": {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                            "code": "author",
                        }
                    ]
                },
                "who": {"reference": agent},
            }
        ],
        "entity": [{"role": "source", "what": {"identifier": {"system": RAW_ITEM, "value": item}, "display": feed}}],
    }
