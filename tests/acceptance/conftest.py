"""A whole exchange on SQLite, and the samples that the regions ship."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hie.app import Exchange, open_exchange
from hie.config import load_config


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    """An exchange that is wired and open; no sockets."""
    settings = {"data": tmp_path, "mllp_port": -1, "workers": 0, "drop_poll_seconds": 0, "retry_poll_seconds": 0}
    config = load_config(settings, {})
    opened = await open_exchange(config)
    await opened.start()
    yield opened
    await opened.close()
