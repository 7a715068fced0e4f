"""Stand-ins for references whose meaning is found out when the write runs, in resources that are made ready before.

A conditional reference, or one to a resource that a conditional entry may make, gets a reference of the same type to a
random id. When the meaning is known it takes the place of the stand-in, in the bytes and in the index entries.
"""

import marshal
from collections.abc import Iterable, Mapping

from hie.api.references import conditional_type
from hie.api.slot import Slot
from hie.base.ids import new_id
from hie.search.entries import Entries
from hie.store.port import Ready

StandIns = Mapping[str, str]
"""What a reference was -> what stands in for it."""


def stand_ins(slots: Iterable[Slot], later: Mapping[str, str], known: dict[str, str]) -> dict[str, str] | None:
    """Stand-ins for what is open in the slots of a resource; None when one cannot have any.

    `later` gives the type of what a name means that is found out later, `""` where even that is open; `known`, the
    stand-ins of the Bundle so far, gets those that are new.
    """
    found = {}
    for slot in slots:
        if slot.links:
            if any(name in slot.text for name in later):
                return None
            continue
        kind = later.get(slot.text)
        if kind is None and (kind := conditional_type(slot.text)) is None:
            continue
        if not kind or slot.key != "reference":
            return None
        if slot.text not in known:
            known[slot.text] = f"{kind}/{new_id()}"
        found[slot.text] = known[slot.text]
    return found


def replaceable(entries: Entries, given: StandIns) -> bool:
    """Whether the stand-ins are nothing but targets of references in these index entries."""
    ids = {_id(one) for one in given.values()}
    rest = entries._replace(
        reference=[row for row in entries.reference if row[2] not in ids],
        compartments=[row for row in entries.compartments if row[1] not in ids],
    )
    text = marshal.dumps(tuple(rest))
    return not any(one.encode() in text for one in ids)


def filled(made: Ready, given: StandIns, names: Mapping[str, str]) -> Ready:
    """The resource with the meanings, from `names`, in place of the stand-ins."""
    content, ids = made.content, {}
    for text, one in given.items():
        content = content.replace(one.encode(), names[text].encode())
        ids[_id(one)] = _id(names[text])
    entries = made.entries._replace(
        reference=[(*row[:2], ids[row[2]], *row[3:]) if row[2] in ids else row for row in made.entries.reference],
        compartments=[(row[0], ids[row[1]]) if row[1] in ids else row for row in made.entries.compartments],
    )
    return Ready(made.type, made.id, content, entries)


def _id(reference: str) -> str:
    return reference.partition("/")[2]
