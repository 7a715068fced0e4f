"""What a worker needs to settle ahead: snapshots of the store, and the search parameters that are served."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic

from hie.api.faults import log_place
from hie.api.searchparameters import SearchParameters
from hie.app.fhir import PARAMETER_SECONDS
from hie.app.store import TABLES, follow_store
from hie.base.record import Delivery, Parsed
from hie.base.tasks import log_failure
from hie.config import Config
from hie.fhir.definitions import load_definitions
from hie.pipeline.ahead import Ahead, SettlesAhead
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.prepare import Prepared
from hie.search.extract import Extractors
from hie.staging.tables import COUNTER, TALLY
from hie.store.sqlite.ahead import Snapshots


def may_settle_ahead(config: Config) -> bool:
    """Whether workers may: on a store that lends snapshots, and where no profiles are claimed, for which a worker would
    need the whole validator."""
    return config.store_path is not None and config.profiles == "off"


class SettlingAhead:
    """Settles the items of these feeds inside a worker (a `Settle`), and follows the search parameters between two."""

    def __init__(self, config: Config, feeds: Mapping[str, FeedRuntime]) -> None:
        assert config.store_path is not None
        definitions = load_definitions()
        extractors = Extractors(definitions)
        self._parameters = SearchParameters(follow_store(config), definitions, extractors, log_place)
        self._loop = asyncio.new_event_loop()
        self._followed = float("-inf")
        snapshots = Snapshots(config.store_path, TABLES, extractors.extract, (COUNTER, TALLY))
        self._ahead = SettlesAhead(feeds, snapshots.transaction, lambda: self._parameters.read_at)

    def __call__(self, delivery: Delivery, parsed: Parsed, parts: Sequence[Prepared]) -> Ahead | None:
        """See `hie.pipeline.worker.Settle`."""
        if monotonic() - self._followed > PARAMETER_SECONDS:
            self._follow()
        return self._ahead.settle(delivery, parsed, parts)

    def _follow(self) -> None:
        """A failure is no item's: what is settled by old parameters is settled again where the store is written."""
        try:
            self._loop.run_until_complete(self._parameters.follow())
        except Exception as error:
            log_failure(error)
        self._followed = monotonic()
