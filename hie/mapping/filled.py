"""What records fill of what field maps look up: a slip in a path reads nothing, and nobody hears of it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from hie.base.record import Record
from hie.mapping.compiler import ENVELOPE, Lookup
from hie.mapping.dialect import Dialect, ReadPath
from hie.mapping.fieldmap import Program
from hie.mapping.problem import Problem
from hie.mapping.reader import enveloped

_Nodes = dict[tuple[str, ...], list[Any]]
"""Contexts from the outside in -> their nodes in one record."""


class _Open(NamedTuple):
    """A place that no record has filled so far; the contexts around it, and how it is read: a context by its being."""

    around: tuple[str, ...]
    read: ReadPath
    empty: Problem


class Filled:
    """What the records that it is shown fill of their maps."""

    def __init__(self, programs: Mapping[tuple[str, str], Program]) -> None:
        self._programs = programs
        self._open: dict[tuple[str, str], list[_Open]] = {}
        self._asked: set[Problem] = set()
        self._filled: set[Problem] = set()
        self._contexts: dict[tuple[str, str], Callable[[Any], Iterable[Any]]] = {}

    def look(self, feed: str, record: Record) -> None:
        """Look at the tree of one record, and at what its envelope says; of a type without a map nothing is asked."""
        of = feed, record.type
        program = self._programs.get(of)
        if program is None:
            return
        if of not in self._open:
            self._open[of] = [_open(lookup, program.dialect) for lookup in program.lookups]
        nodes: _Nodes = {(): [record.tree], (ENVELOPE,): [record.envelope]}
        for place in self._open[of]:
            around = self._nodes(place.around, program.dialect, nodes)
            if around:
                self._asked.add(place.empty)
            if any(len(place.read(node)) for node in around):
                self._filled.add(place.empty)
        self._open[of] = [place for place in self._open[of] if place.empty not in self._filled]

    def _nodes(self, contexts: tuple[str, ...], dialect: Dialect, known: _Nodes) -> list[Any]:
        if contexts not in known:
            name = (dialect.name, contexts[-1])
            each = self._contexts.get(name) or dialect.compile_context(contexts[-1])
            self._contexts[name] = each
            known[contexts] = [one for node in self._nodes(contexts[:-1], dialect, known) for one in each(node)]
        return known[contexts]

    def never(self) -> list[Problem]:
        """What was looked up in records and found in none, in order of file and line."""
        return sorted(self._asked - self._filled)

    def unseen(self, feeds: Collection[str]) -> list[str]:
        """The types of these feeds that have a map and of which no record was shown."""
        return sorted(type for feed, type in self._programs if feed in feeds and (feed, type) not in self._open)


def _open(lookup: Lookup, dialect: Dialect) -> _Open:
    if lookup.path is not None and lookup.path.startswith(ENVELOPE):
        name = lookup.path.removeprefix(ENVELOPE)
        return _Open((ENVELOPE,), lambda envelope, context=None: enveloped(name, envelope), lookup.empty)
    if lookup.path is not None:
        return _Open(lookup.contexts, dialect.compile_path(lookup.path), lookup.empty)
    each = dialect.compile_context(lookup.contexts[-1])
    return _Open(lookup.contexts[:-1], lambda node, context=None: tuple(each(node)), lookup.empty)
