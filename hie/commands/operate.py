"""Operator commands: through the running server when there is one, else directly on the store."""

import contextlib
from dataclasses import replace
from typing import Any

import httpx

from hie.app import Exchange, open_exchange
from hie.base.errors import Category, HieError
from hie.commands.datadir import DataDirectory, running_server
from hie.commands.patience import PatientClient
from hie.commands.reaching import reaching
from hie.config import Config
from hie.pipeline.verify import verify
from hie.staging.ledger import ledger

SECONDS = 3600.0
"""How long an action on the server may take: replaying everything is slow."""


async def call(
    config: Config, method: str, path: str, params: dict[str, Any], body: dict[str, Any] | None = None
) -> Any:
    """Call an admin door; without a running server the exchange is opened for this one call, and the data directory
    held when it changes something: a server would not know of it.

    Raises UNAVAILABLE when the server starts, or ends before it has answered, CONFLICT when another command is at work.
    """
    params = {name: value for name, value in params.items() if value is not None}
    url = running_server(config.data)
    if url is not None:
        with reaching(url):
            async with httpx.AsyncClient(base_url=url, timeout=SECONDS) as client:
                patient = PatientClient(client, lambda _: None)
                return _result(await patient.request(method, path, params=params, json=body))
    _must_exist(config)
    with contextlib.nullcontext() if method == "GET" else DataDirectory(config.data, config.store_path):
        exchange = await open_existing(config)
        try:
            transport = httpx.ASGITransport(app=exchange.web)
            async with httpx.AsyncClient(base_url="http://localhost", transport=transport, timeout=SECONDS) as client:
                return _result(await client.request(method, path, params=params, json=body))
        finally:
            await exchange.close()


async def verify_now(config: Config) -> dict[str, Any]:
    """Verify the store; reading beside a running server does no harm."""
    exchange = await open_existing(config)
    try:
        result = await verify(exchange.store, exchange.operator())
        books = await ledger(exchange.store)
        words = (
            f"received {books.received} = stored {books.stored} + quarantined {books.quarantined}"
            f" + rejected {books.rejected} + in flight {books.in_flight}"
        )
        return {
            "sound": result.sound,
            "items": result.items,
            "resources": result.resources,
            "problems": list(result.problems),
            "ledger": words,
        }
    finally:
        await exchange.close()


async def open_existing(config: Config) -> Exchange:
    """The exchange of a data directory, without workers; raises NOT_FOUND when nothing was ever stored in it."""
    _must_exist(config)
    return await open_exchange(replace(config, workers=0))


def _must_exist(config: Config) -> None:
    if config.store_path is not None and not config.store_path.exists():
        place = f"at {config.store_path}" if config.store else f"in {config.data}; name the directory with --data"
        raise HieError(Category.NOT_FOUND, f"There is no database {place}.")


def _result(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json()
    try:
        detail = response.json().get("detail")
    except ValueError:
        detail = None
    raise HieError(Category.INVALID, str(detail or f"The server answered {response.status_code}."))
