"""Metrics in the Prometheus text format, from counters kept at ingest."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from hie.base.clock import micros
from hie.base.tally import Tally
from hie.pipeline.quarantine import held, overdue
from hie.staging.ledger import counters, ledger
from hie.staging.tallies import day_of, tallies
from hie.store.port import Reader


async def metrics_text(
    reader: Reader, mllp_connections: int, settled: Mapping[str, int], workers: int, now: datetime
) -> str:
    """Items by feed and what became of them, the ledger by state, open MLLP connections, where items were `settled`
    (`Ingest.settled`), how many `workers` are up, and what the maps cover today."""
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
        "# HELP hie_quarantine_overdue Orphans that wait for their parent for more than 7 days.",
        "# TYPE hie_quarantine_overdue gauge",
        f"hie_quarantine_overdue {len(overdue(await held(reader), micros(now)))}",
        "# HELP hie_feeds_mllp_connections Open MLLP connections.",
        "# TYPE hie_feeds_mllp_connections gauge",
        f"hie_feeds_mllp_connections {mllp_connections}",
        "# HELP hie_pipeline_settled_total Items by where they were settled since the start.",
        "# TYPE hie_pipeline_settled_total counter",
        *(f'hie_pipeline_settled_total{{where="{where}"}} {n}' for where, n in settled.items()),
        "# HELP hie_pipeline_workers Worker processes that can take items.",
        "# TYPE hie_pipeline_workers gauge",
        f"hie_pipeline_workers {workers}",
        *_coverage(await tallies(reader, [day_of(now)])),
    ]
    return "\n".join(lines) + "\n"


def _coverage(today: Sequence[Tally]) -> list[str]:
    """Parts by type, and what no map covers, since midnight (China time)."""
    parts = [(f'feed="{t.feed}",organisation="{t.organisation}",type="{_text(k)}"', n)
             for t in today for k, n in sorted(t.types.items())]  # fmt: skip
    unmapped = [(f'feed="{t.feed}",organisation="{t.organisation}",type="{_text(k)}"', n)
                for t in today for k, n in sorted(t.unmapped.items())]  # fmt: skip
    unknown = [(f'feed="{t.feed}",organisation="{t.organisation}"', sum(t.unknown.values())) for t in today]
    return [
        "# HELP hie_mapping_parts_today Parts by type since midnight.",
        "# TYPE hie_mapping_parts_today gauge",
        *(f"hie_mapping_parts_today{{{labels}}} {n}" for labels, n in parts),
        "# HELP hie_mapping_unmapped_today Parts of a type that no map covers, since midnight.",
        "# TYPE hie_mapping_unmapped_today gauge",
        *(f"hie_mapping_unmapped_today{{{labels}}} {n}" for labels, n in unmapped),
        "# HELP hie_mapping_unknown_fields_today Filled source fields that no map mentions, since midnight.",
        "# TYPE hie_mapping_unknown_fields_today gauge",
        *(f"hie_mapping_unknown_fields_today{{{labels}}} {n}" for labels, n in unknown if n),
    ]


def _text(value: str) -> str:
    """A label value (Prometheus text format)."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
