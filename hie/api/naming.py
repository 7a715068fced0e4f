"""The names that the entries of a transaction go by in the references of the others (FHIR R4 bundle §2.36.4.1)."""

from collections.abc import Collection

from hie.api.entries import Entry
from hie.api.slot import Slot


def names_of(entry: Entry, kind: str) -> tuple[str, ...]:
    """What references to the resource of an entry may look like, besides what they should."""
    names = []
    full_url, condition = entry.full_url, entry.request.header("if-none-exist")
    if full_url:
        names.append(full_url)
        if (tail := _tail(full_url, kind)) is not None:
            names.append(tail)
    if condition is not None:
        names.append(f"{kind}?{condition.rpartition('?')[2]}")
    return tuple(names)


def beside(entry: Entry, kind: str, slots: list[Slot], names: Collection[str]) -> list[Slot]:
    """The slots in the resource of an entry, a relative reference read from where the entry is, when one of the `names`
    of the Bundle is there."""
    full_url = entry.full_url or ""
    tail = _tail(full_url, kind)
    if tail is None:
        return slots
    root = full_url.removesuffix(tail)
    return [slot._replace(text=root + slot.text) if root + slot.text in names else slot for slot in slots]


def _tail(full_url: str, kind: str) -> str | None:
    """The `[type]/[id]` at the end of a RESTful fullUrl; None for any other."""
    tail = "/".join(full_url.rsplit("/", 2)[-2:])
    return tail if "://" in full_url and tail.startswith(f"{kind}/") else None
