"""References of a submission: from what the sender writes to what the exchange calls the resource.

`urn:uuid:` and other fullUrls of the same Bundle, relative, absolute and conditional references, and logical ones with
a type all become literal references whose id follows from the key. Each is *mentioned*: it is settled when the resource
is written, because the target may be known under several keys, may have been merged, or may not have come yet.
What names nothing that has a key (a search by name) can not be kept: that is noted, and holds the resource up where it
says whose it is.
"""

import re
from collections.abc import Mapping
from typing import Any

from hie.base.draft import Key
from hie.base.resource import JsonView
from hie.mapping.fhir.keys import Keys

_RELATED = re.compile(r"\.relatesTo\[\d+\]\.target$")

PATIENT = frozenset({"subject", "patient", "beneficiary", "for"})
"""Elements that name the patient."""

PLACE = PATIENT | {"encounter"}
"""Elements that say where a resource belongs: without them nobody finds it."""

RELATED = "relatesTo.target"
"""What a document relates to: another document."""


class References:
    """Rewrites the resources of one submission.

    `known` are the keys of its entries by every name that they go by, `same` by every key that they have.
    """

    def __init__(self, keys: Keys, known: Mapping[str, Key], same: Mapping[Key, Key]) -> None:
        self.keys = keys
        self.known = known
        self.same = same
        self.mentions: dict[str, None] = {}

    def rewritten(self, value: Any, path: str) -> Any:
        """The value with every reference, identifier and translated code in it; `path` is where it stands."""
        if isinstance(value, list):
            items = (self.rewritten(one, f"{path}[{n}]") for n, one in enumerate(value))
            return [one for one in items if one is not None]
        if isinstance(value, str):
            key = self.known.get(value)
            named = key is not None and (value.startswith("urn:") or (key.type == "Binary" and path.endswith(".url")))
            return value if key is None or not named else self._mention(key)
        if not isinstance(value, Mapping):
            return value
        name = RELATED if _RELATED.search(path) else path.rpartition(".")[2].partition("[")[0]
        if name in ("identifier", "masterIdentifier") and ("system" in value or "value" in value):
            self.keys.context.path = path
            return self.keys.identifier(value)
        if isinstance(value.get("coding"), list):
            return self._concept(value, path)
        if isinstance(value.get("reference"), str) or _is_logical(value, name):
            return self._reference(value, path, name)
        made = {key: self.rewritten(part, f"{path}.{key}") for key, part in value.items()}
        return {key: part for key, part in made.items() if part is not None and part != []}

    def key_of(self, reference: Any, name: str = "") -> Key | None:
        """The key that a Reference means, None when it names nothing that has a key."""
        key = self._named(reference, name)
        return None if key is None else self.same.get(key, key)

    def holds(self, key: Key) -> bool:
        """Whether the resource is in the submission itself."""
        return key in self.same

    def _named(self, reference: Any, name: str) -> Key | None:
        if not isinstance(reference, Mapping):
            return None
        url = reference.get("reference")
        if isinstance(url, str):
            if url.startswith("#"):
                return None
            bare = url.partition("/_history/")[0]
            found = self.known.get(bare) or self.keys.of_url(bare)
            if found is not None or not url.startswith("urn:"):
                return found
            kind = str(reference.get("type", "")) or _implied(name)
            return self.keys.context.key(kind, "urn", url) if kind else None
        kind = str(reference.get("type", "")) or _implied(name)
        identifier = reference.get("identifier")
        return self.keys.of_identifier(kind, identifier) if kind and isinstance(identifier, Mapping) else None

    def _reference(self, value: JsonView, path: str, name: str) -> JsonView | None:
        key = self.key_of(value, name)
        rest = {
            part: self.rewritten(held, f"{path}.{part}") for part, held in value.items() if part not in ("reference",)
        }
        if key is None:
            url = str(value.get("reference", ""))
            if url.startswith("#"):
                return {"reference": url, **rest}
            if url:
                self.keys.context.note(
                    "orphan-reference" if name in PLACE else "field-unmapped", path=f"{path}.reference"
                )
            return rest or None
        inside = self.holds(key)
        if not inside and "identifier" not in rest:
            system = self.keys.context.local_system(key.kind)
            rest["identifier"] = {"system": system, "value": key.value}
        return {"reference": self._mention(key), **{part: held for part, held in rest.items() if held is not None}}

    def _mention(self, key: Key) -> str:
        self.mentions[key.reference] = None
        return key.reference

    def _concept(self, value: JsonView, path: str) -> JsonView:
        """A CodeableConcept with the translations of its codings after them (common rules §5.6)."""
        context = self.keys.context
        codings: list[JsonView] = []
        for number, coding in enumerate(value["coding"]):
            table = self.keys.tables.codes.get(str(coding.get("system", ""))) if isinstance(coding, Mapping) else None
            if table is None or "code" not in coding:
                codings.append(coding)
                continue
            context.path = f"{path}.coding[{number}]"
            found = context.codes[table].translate(str(coding["code"]), str(coding.get("display", "")), context)
            codings.append({**coding, "userSelected": True})
            if found.target is not None and found.target not in value["coding"]:
                codings.append(found.target)
        return {**value, "coding": codings}


def _is_logical(value: JsonView, name: str) -> bool:
    """Whether this is a Reference that gives a number only: it says its type, or stands where only one is meant."""
    return isinstance(value.get("identifier"), Mapping) and ("type" in value or _implied(name) != "")


def _implied(name: str) -> str:
    """The type that a reference means without saying it; empty when it may mean several."""
    return "DocumentReference" if name == RELATED else "Patient" if name in PATIENT else ""
