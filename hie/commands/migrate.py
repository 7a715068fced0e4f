"""Migrate: one store into another, `sqlite:///...` or `mongodb://...` on either side."""

import contextlib
import re
from collections.abc import Mapping

from rich.console import Console

from hie.api.faults import log_place
from hie.api.searchparameters import SearchParameters
from hie.app.store import TABLES, open_path_or_url
from hie.base.errors import Category, HieError
from hie.commands.datadir import holding
from hie.config import sqlite_path
from hie.fhir.definitions import load_definitions
from hie.search.extract import Extractors
from hie.store.copy import Compared, compare, copy, totals
from hie.store.port import Store

_LOGIN = re.compile(r"//[^/@]*@")


class Told:
    """Says on `console` how far each part is: a line for each hundredth."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._totals: Mapping[str, int] = {}
        self._doing = ""
        self._said: tuple[str, str, int] | None = None

    def begin(self, doing: str, totals: Mapping[str, int]) -> None:
        """What is done from now on, with the size of each part."""
        self._doing = doing
        self._totals = totals

    def __call__(self, part: str, done: int) -> None:
        """`done` of a part."""
        total = max(self._totals.get(part, done), done, 1)
        said = (self._doing, part, done * 100 // total)
        if said != self._said:
            self._said = said
            self._console.print(f"{self._doing} {part} {done}/{total}", highlight=False)


async def migrate(source: str, target: str, told: Told, *, verify_only: bool, batch: int) -> list[Compared]:
    """Copy what is not there yet, unless `verify_only`, then compare both stores whole.

    Raises NOT_FOUND when there is no source, CONFLICT when somebody else uses one, or the target is another's.
    """
    if named(source) == named(target):
        raise HieError(Category.INVALID, "Source and target are the same store.")
    _check_there(source)
    with contextlib.ExitStack() as held:
        for path in filter(None, map(sqlite_path, (source, target))):
            held.enter_context(holding(path))
        return await _migrated(source, target, told, verify_only, batch)


async def _migrated(source: str, target: str, told: Told, verify_only: bool, batch: int) -> list[Compared]:
    definitions = load_definitions()
    extractors = Extractors(definitions)
    opened: list[Store] = []
    try:
        for url in (source, target):
            opened.append(await open_path_or_url(sqlite_path(url), url, extractors))
        first, second = opened
        sizes = await totals(first, TABLES)
        if not verify_only:
            await SearchParameters(first, definitions, extractors, log_place).serve()
            told.begin("复制 · copied", sizes)
            await copy(first, second, TABLES, named(source), told, batch)
        told.begin("核对 · compared", sizes)
        return await compare(first, second, TABLES, told)
    finally:
        for store in reversed(opened):
            await store.close()


def named(url: str) -> str:
    """What a store is called in the other: its path, or its URI without login and options."""
    path = sqlite_path(url)
    return _LOGIN.sub("//", url.partition("?")[0]) if path is None else f"sqlite:///{path.resolve()}"


def _check_there(url: str) -> None:
    path = sqlite_path(url)
    if path is not None and not path.is_file():
        raise HieError(Category.NOT_FOUND, f"There is no database {path}.")
