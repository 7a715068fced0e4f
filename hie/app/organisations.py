"""The registered institutions as Organizations in the store (common rules §3)."""

from collections.abc import Iterable
from typing import Any

from hie.base.systems import ORGANISATION
from hie.fold.finish import organisation_reference
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.writing import region_tag
from hie.plugin import Organisation
from hie.store.port import Transaction


async def write_organisations(tx: Transaction, feeds: Iterable[FeedRuntime]) -> None:
    """Each institution that is registered for a feed becomes an Organization."""
    for runtime in feeds:
        for organisation in runtime.adapter.organisations:
            await tx.put(_resource(runtime.region, organisation), unless_same=True)


def _resource(region: str, organisation: Organisation) -> dict[str, Any]:
    reference = organisation_reference(region, organisation.uscc)
    return {
        "resourceType": "Organization",
        "id": reference.partition("/")[2],
        "meta": {"tag": [region_tag(region)]},
        "identifier": [{"system": ORGANISATION, "value": organisation.uscc}],
        "active": True,
        "name": organisation.name,
        "alias": [organisation.code],
    }
