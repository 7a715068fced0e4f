"""Metrics in the Prometheus text format, from counters kept at ingest."""

from hie.staging.ledger import counters, ledger
from hie.store.port import Reader


async def metrics_text(reader: Reader, mllp_connections: int) -> str:
    """Items by feed and what became of them, the ledger by state, open MLLP connections."""
    items: dict[tuple[str, str], int] = {}
    for name, n in (await counters(reader)).items():
        what, _, feed = name.split("|", 2)
        items[feed, what] = items.get((feed, what), 0) + n
    books = await ledger(reader)
    lines = [
        "# HELP hie_staging_items_total Items by feed and what became of them.",
        "# TYPE hie_staging_items_total counter",
        *(f'hie_staging_items_total{{feed="{f}",what="{w}"}} {n}' for (f, w), n in sorted(items.items())),
        "# HELP hie_staging_ledger Items by side of the ledger equation.",
        "# TYPE hie_staging_ledger gauge",
        f'hie_staging_ledger{{state="received"}} {books.received}',
        f'hie_staging_ledger{{state="stored"}} {books.stored}',
        f'hie_staging_ledger{{state="quarantined"}} {books.quarantined}',
        f'hie_staging_ledger{{state="rejected"}} {books.rejected}',
        f'hie_staging_ledger{{state="in_flight"}} {books.in_flight}',
        "# HELP hie_feeds_mllp_connections Open MLLP connections.",
        "# TYPE hie_feeds_mllp_connections gauge",
        f"hie_feeds_mllp_connections {mllp_connections}",
    ]
    return "\n".join(lines) + "\n"
