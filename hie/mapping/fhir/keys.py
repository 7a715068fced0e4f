"""Natural keys of resources that a FHIR platform states, and under which other names they are known.

The key of a resource is a number of its own, as its organisation issued it; never its position or the id that a server
happened to give it. The sender's own id counts only where there is no number, and as another name otherwise.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from urllib.parse import unquote

from hie.base.draft import Key
from hie.base.ids import is_stable
from hie.base.national_id import is_national_id
from hie.base.resource import JsonView
from hie.base.systems import GLOBAL_KINDS, NATIONAL_ID, NATIONAL_ID_KIND, OID
from hie.mapping.context import Context
from hie.mapping.fhir.tables import FhirTables
from hie.mapping.transforms.identifiers import national_id
from hie.wire.submission import STATED, Entry

PERSONAL = frozenset({f"{OID}.1.2", NATIONAL_ID_KIND, f"{OID}.1.19"})
"""Global numbers that one person has alone: health record, national id, health card."""

_RANK = {"usual": 0, "official": 1, "": 2, "secondary": 3, "temp": 4}
_LITERAL = re.compile(
    r"(?:(?P<base>https?://.+)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})(?:/_history/.+)?"
)
_URN = re.compile(r"urn:(?:uuid|oid):\S+")
_GLOBAL = {f"urn:oid:{kind}": kind for kind in GLOBAL_KINDS}


class Keys:
    """Makes keys for one organisation."""

    def __init__(self, tables: FhirTables, context: Context) -> None:
        self.tables = tables
        self.context = context
        self.ids: dict[Key, None] = {}
        """Keys that are the id of some server, which may be the exchange."""

    def kind(self, system: str) -> str:
        """The kind of number that an identifier system means: an OID of common rules §4, else the system itself."""
        return self.tables.identifiers.get(system) or _GLOBAL.get(system, system)

    def of(self, entry: Entry) -> tuple[Key | None, list[Key]]:
        """The key of the resource of an entry, None without any; and the other keys under which it is known."""
        kind, resource = entry.type, entry.resource
        if kind == "Binary":
            return self._content(resource), []
        numbers = self._numbers(kind, resource)
        names = list(self.names(entry))
        found = numbers + names
        if not found:
            return None, []
        key = found[0]
        also = [other for other in found[1:] if other != key and (other in names or self._own(other))]
        return key, list(dict.fromkeys(also))

    def _own(self, key: Key) -> bool:
        """Whether nobody else can have the number: cards are shared and handed on."""
        if key.type != "Patient":
            return True
        listed = {self.kind(system) for system in self.tables.keys.get("Patient", ())}
        national = key.kind != NATIONAL_ID_KIND or is_national_id(key.value)
        return key.kind in listed | PERSONAL and national

    def names(self, entry: Entry) -> Iterable[Key]:
        """What the sender calls the resource itself: its id, its fullUrl."""
        stable = entry.method in ("PUT", STATED, "DELETE")
        for url in (entry.url if stable or "?" in entry.url else "", entry.searched, entry.full_url):
            if url and (key := self.of_url(url)) is not None and key.type == entry.type:
                yield key
        sent = entry.resource.get("id")
        if sent and stable:
            yield self._of_id(entry.type, f"{entry.type}-id", str(sent))
        if entry.full_url and _URN.fullmatch(entry.full_url):
            yield self._key(entry.type, "urn", entry.full_url)

    def of_url(self, url: str) -> Key | None:
        """The key that a literal or conditional URL names: `Patient/1`, `https://…/Patient/1`,
        `Patient?identifier=system|number`."""
        path, _, query = url.partition("?")
        if query:
            return self._asked(path.rpartition("/")[2], query)
        match = _LITERAL.fullmatch(path)
        if match is None:
            return None
        base = match["base"] or ""
        kind = f"{match['type']}-id"
        if base and self.tables.base and base != self.tables.base:
            kind = f"{base}/{match['type']}"
        return self._of_id(match["type"], kind, match["id"])

    def _of_id(self, type: str, kind: str, id: str) -> Key:
        key = self._key(type, kind, id)
        if is_stable(id):
            self.ids[key] = None
        return key

    def _asked(self, kind: str, query: str) -> Key | None:
        """The key of a search for one number; None for any other search."""
        name, _, value = unquote(query).partition("=")
        system, bar, number = value.partition("|")
        if name != "identifier" or not bar or not number or "&" in number:
            return None
        return self._key(kind, self.kind(system), number)

    def of_identifier(self, kind: str, identifier: JsonView) -> Key | None:
        """The key of a number; None when it has no system or value."""
        system, value = identifier.get("system"), identifier.get("value")
        return self._key(kind, self.kind(str(system)), str(value)) if system and value else None

    def _key(self, type: str, kind: str, value: str) -> Key:
        return self.context.key(type, kind, value.upper() if kind == NATIONAL_ID_KIND else value)

    def number(self, kind: str, resource: JsonView) -> Key | None:
        """The best number of a resource; None without any."""
        return next(iter(self._numbers(kind, resource)), None)

    def _numbers(self, kind: str, resource: JsonView) -> list[Key]:
        """The numbers of a resource, the best first: those agreed on, else in the order of their use and as sent."""
        sent = [one for one in _identifiers(resource) if one.get("use") != "old"]
        agreed = self.tables.keys.get(kind, ())
        rank = {system: n for n, system in enumerate(agreed)}
        later = len(agreed)
        chosen = sorted(
            sent,
            key=lambda one: (
                rank.get(str(one.get("system")), later),
                kind == "Patient" and self.kind(str(one.get("system"))) in GLOBAL_KINDS,
                one is not resource.get("masterIdentifier"),
                _RANK.get(str(one.get("use", "")), 2),
            ),
        )
        keys = (self.of_identifier(kind, one) for one in chosen)
        return list(dict.fromkeys(key for key in keys if key is not None and "*" not in key.value))

    def _content(self, resource: JsonView) -> Key | None:
        """A Binary is its bytes: the same document sent again is the same Binary."""
        data = decoded(resource)
        return None if data is None else self._key("Binary", "sha256", sha256(data).hexdigest())

    def identifier(self, sent: JsonView) -> JsonView | None:
        """An identifier with its system made the one of common rules §4, and a national id checked (§4.1)."""
        kind = self.kind(str(sent.get("system", "")))
        if kind == NATIONAL_ID_KIND:
            checked = national_id(str(sent.get("value", "")), self.context)
            return None if checked is None else {**sent, **checked, "system": NATIONAL_ID}
        if kind == sent.get("system") or "system" not in sent:
            return sent
        return {**sent, "system": self.context.local_system(kind)}


def decoded(binary: JsonView) -> bytes | None:
    """The bytes of a Binary; None when its base64 cannot be read."""
    try:
        return base64.b64decode("".join(str(binary.get("data", "")).split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _identifiers(resource: JsonView) -> Iterable[JsonView]:
    master = resource.get("masterIdentifier")
    sent = resource.get("identifier", ())
    yield from [master] if isinstance(master, Mapping) else []
    yield from [sent] if isinstance(sent, Mapping) else (one for one in sent if isinstance(one, Mapping))
