"""Small integers for type, parameter, resource and concept names: looked up once, kept, forgotten with a rollback."""

from collections.abc import Hashable, Sequence
from threading import Lock
from typing import Any

import apsw

_TYPE = "SELECT pk FROM type WHERE name = ?", "INSERT INTO type (name) VALUES (?)"
_PARAM = "SELECT pk FROM param WHERE type = ? AND name = ?", "INSERT INTO param (type, name) VALUES (?, ?)"
_SYSTEM = "SELECT pk FROM system WHERE uri = ?", "INSERT INTO system (uri) VALUES (?)"
_CONCEPT = "SELECT pk FROM concept WHERE system = ? AND code = ? AND text = ?"
_NEW_CONCEPT = "INSERT OR IGNORE INTO concept (pk, system, code, text) VALUES (?, ?, ?, ?)"
_LAST = {table: f"SELECT pk FROM {table} ORDER BY pk DESC LIMIT 1" for table in ("resource", "concept")}

KEPT = 200_000
"""Resource and concept numbers kept in memory at most, each."""


class Params(dict[str, int]):
    """Search parameter -> number, for one type; asked for by `[]`, one that has no number gets one now."""

    def __init__(self, names: "Names", type_pk: int) -> None:
        super().__init__()
        self._names = names
        self._type_pk = type_pk

    def __missing__(self, name: str) -> int:
        return self._names.make_param(self._type_pk, name)


class Names:
    """The numbers of types and parameters (all in memory) and of resources and concepts (a bounded cache).

    Reading methods return None for what was never written; `make_*` methods give it a number. Types, parameters and
    systems are few and written at once; resources and concepts are written together by `write`. What a failed job made
    is forgotten by `rollback`, because its rows are gone.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._types: dict[str, int] = {}
        self._type_names: dict[int, str] = {}
        self._params: dict[int, Params] = {}
        self._resources: dict[tuple[int, str], int] = {}
        self._systems: dict[str, int] = {"": 0}
        self._concepts: dict[tuple[str, str, str], int] = {}
        self._said: dict[tuple[int, int], bool] = {}
        self._targets: dict[tuple[str, str], int] = {}
        self._tokens: dict[tuple[str, str, str], tuple[int, int]] = {}
        self._made: list[tuple[dict[Any, Any], Hashable]] = []
        self._last: dict[str, int] = {}
        self._new_resources: list[tuple[int, int, str]] = []
        self._new_concepts: list[tuple[int, int, str, str]] = []
        self._new_concept_keys: list[tuple[str, str, str]] = []
        self._new_said: list[tuple[int, int]] = []
        self._load()

    def _load(self) -> None:
        for pk, name in self._connection.execute("SELECT pk, name FROM type"):
            self._types[name] = pk
            self._type_names[pk] = name
        for pk, uri in self._connection.execute("SELECT pk, uri FROM system"):
            self._systems[uri] = pk
        for pk, type_pk, name in self._connection.execute("SELECT pk, type, name FROM param"):
            self.params(type_pk)[name] = pk

    def mark(self) -> int:
        """A point to roll back to."""
        return len(self._made)

    def begin(self) -> None:
        """A transaction begins: what other processes wrote has numbers too."""
        self._last.clear()

    def rollback(self, mark: int = 0) -> None:
        """Forget what was made since `mark`."""
        for waiting in (self._new_resources, self._new_concepts, self._new_concept_keys, self._new_said):
            waiting.clear()
        for kept, key in self._made[mark:]:
            kept.pop(key, None)
        del self._made[mark:]

    def committed(self) -> None:
        """Keep what was made; drop a cache that has grown too large."""
        self._made.clear()
        for cache in (self._resources, self._concepts, self._said, self._targets, self._tokens):
            if len(cache) > KEPT:
                cache.clear()

    def _remember(self, kept: dict[Any, Any], key: Hashable, value: Any) -> None:
        kept[key] = value
        self._made.append((kept, key))

    def type(self, name: str) -> int | None:
        """The number of a resource type."""
        return self._types.get(name)

    def those(self, types: Sequence[str]) -> tuple[int, ...]:
        """The numbers of those types that have one."""
        return tuple(pk for name in types if (pk := self._types.get(name)) is not None)

    def type_name(self, pk: int) -> str:
        """The resource type with this number."""
        return self._type_names[pk]

    def types(self) -> dict[str, int]:
        """All types that were ever written or referred to; "" is that of what lies elsewhere."""
        return dict(self._types)

    def make_type(self, name: str) -> int:
        """The number of a resource type, given now if it has none."""
        pk = self._types.get(name)
        if pk is None:
            pk = self._numbered(*_TYPE, (name,))
            self._remember(self._types, name, pk)
            self._remember(self._type_names, pk, name)
        return pk

    def _numbered(self, find: str, make: str, name: tuple[int | str, ...]) -> int:
        """The number of a type, parameter or system that is not in memory: another process may have given it one."""
        pk: int | None = self._connection.execute(find, name).get
        if pk is None:
            self._connection.execute(make, name)
            pk = self._connection.last_insert_rowid()
        return pk

    def params(self, type_pk: int) -> "Params":
        """The numbers of the search parameters of a type."""
        found = self._params.get(type_pk)
        if found is None:
            found = self._params[type_pk] = Params(self, type_pk)
        return found

    def param(self, type_pk: int, name: str) -> int | None:
        """The number of a search parameter of a type."""
        return self.params(type_pk).get(name)

    def make_param(self, type_pk: int, name: str) -> int:
        """A number for a search parameter of a type that has none."""
        pk = self._numbered(*_PARAM, (type_pk, name))
        self._remember(self.params(type_pk), name, pk)
        return pk

    def _next(self, table: str) -> int:
        last = self._last.get(table)
        if last is None:
            last = int(self._connection.execute(_LAST[table]).get or 0)
        self._last[table] = last + 1
        return last + 1

    def next_resource(self) -> int:
        """A number that no resource has."""
        return self._next("resource")

    def make_resource(self, type_pk: int, resource_id: str) -> int:
        """The number of a resource, given now (as version 0) if it has none."""
        key = (type_pk, resource_id)
        pk = self._resources.get(key)
        if pk is None:
            pk = self._connection.execute("SELECT pk FROM resource WHERE type = ? AND id = ?", key).get
            if pk is None:
                pk = self._next("resource")
                self._new_resources.append((pk, type_pk, resource_id))
            self._remember(self._resources, key, pk)
        return int(pk)

    def make_target(self, resource_type: str, resource_id: str) -> int:
        """The number of what a reference leads to; a URL is an id of the type ""."""
        key = (resource_type, resource_id)
        pk = self._targets.get(key)
        if pk is None:
            pk = self.make_resource(self.make_type(resource_type), resource_id)
            self._remember(self._targets, key, pk)
        return pk

    def note_resource(self, type_pk: int, resource_id: str, pk: int) -> None:
        """Remember the number of a resource that was just made."""
        self._remember(self._resources, (type_pk, resource_id), pk)

    def system(self, uri: str) -> int | None:
        """The number of a code system; 0 is none."""
        return self._systems.get(uri)

    def _make_system(self, uri: str) -> int:
        pk = self._systems.get(uri)
        if pk is None:
            pk = self._numbered(*_SYSTEM, (uri,))
            self._remember(self._systems, uri, pk)
        return pk

    def make_concept(self, system: str, code: str, text: str = "") -> int:
        """The number of (system, code), or of a text that has no code; a new one if it is not known, until `write`
        finds that it is there already."""
        key = (system, code, text)
        pk = self._concepts.get(key)
        if pk is None:
            pk = self._next("concept")
            self._new_concepts.append((pk, self._make_system(system), code, text))
            self._new_concept_keys.append(key)
            self._remember(self._concepts, key, pk)
        return pk

    def make_token(self, system: str, code: str, text: str) -> tuple[int, int]:
        """The numbers of a code and of the text that was used for it; a text without a code stands for both."""
        key = (system, code, text)
        pair = self._tokens.get(key)
        if pair is None:
            phrase = self.make_concept("", "", text) if text else 0
            concept = self.make_concept(system, code) if code or system else phrase
            if phrase and concept != phrase:
                self._say(phrase, concept)
            pair = concept, phrase
            self._remember(self._tokens, key, pair)
        return pair

    def _say(self, phrase: int, concept: int) -> None:
        if (phrase, concept) not in self._said:
            self._new_said.append((phrase, concept))
            self._remember(self._said, (phrase, concept), True)

    def write(self) -> bool:
        """Write what was made since the last time.

        False when a concept was there already, under another number than it was given: what was made of the numbers
        must be made anew. Most concepts that are not kept in memory are new, so none is looked for before.
        """
        concepts, keys, said = self._new_concepts, self._new_concept_keys, self._new_said
        self._new_concepts, self._new_concept_keys, self._new_said = [], [], []
        before = self._connection.total_changes()
        self._connection.executemany(_NEW_CONCEPT, concepts)
        if self._connection.total_changes() - before < len(concepts):
            for key, (_, *row) in zip(keys, concepts, strict=True):
                self._concepts[key] = int(self._connection.execute(_CONCEPT, row).get)
            for pair in said:
                del self._said[pair]
            self._tokens.clear()
            return False
        self._connection.executemany("INSERT OR IGNORE INTO said VALUES (?, ?)", said)
        resources, self._new_resources = self._new_resources, []
        self._connection.executemany("INSERT INTO resource (pk, type, id) VALUES (?, ?, ?)", resources)
        return True


class FollowedNames(Names):
    """The numbers that another process gives: what is not known yet is looked for in the file. For several threads."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._looking = Lock()
        super().__init__(connection)

    def _load(self) -> None:
        with self._looking:
            super()._load()

    def type(self, name: str) -> int | None:
        """See `Names.type`."""
        if name not in self._types:
            self._renew()
        return super().type(name)

    def those(self, types: Sequence[str]) -> tuple[int, ...]:
        """See `Names.those`."""
        self._renew()
        return super().those(types)

    def type_name(self, pk: int) -> str:
        """See `Names.type_name`."""
        name = self._type_names.get(pk)
        if name is None:
            self._load()
            name = self._type_names[pk]
        return name

    def types(self) -> dict[str, int]:
        """See `Names.types`."""
        self._renew()
        return super().types()

    def param(self, type_pk: int, name: str) -> int | None:
        """See `Names.param`."""
        if name not in self.params(type_pk):
            found = self._look(_PARAM[0], (type_pk, name))
            if found is not None:
                self.params(type_pk)[name] = found
        return super().param(type_pk, name)

    def system(self, uri: str) -> int | None:
        """See `Names.system`."""
        if uri not in self._systems:
            found = self._look(_SYSTEM[0], (uri,))
            if found is not None:
                self._systems[uri] = found
        return super().system(uri)

    def _renew(self) -> None:
        """Take up types that came since."""
        if self._look("SELECT max(pk) FROM type", ()) not in self._type_names:
            self._load()

    def _look(self, sql: str, values: tuple[int | str, ...]) -> int | None:
        with self._looking:
            found: int | None = self._connection.execute(sql, values).get
        return found
