"""What a FHIR sender names by the id that the exchange gave: a location in an answer, a Patient that it searched for.

`Patient/77` means the resource that the sender's own server calls so; only while nobody stated that one, it is the
resource of the exchange with that id.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hie.base.draft import Contribution, Draft, Key
from hie.pipeline.roots import Roots
from hie.store.port import Transaction


async def by_our_ids(draft: Draft, roots: Roots) -> Draft:
    """The draft with the keys of the resources that it names by ids of the exchange.

    Any resource may be referred to; what is stated counts for those of the sender's own organisation only.
    """
    keys = {key: ours for key in draft.ids if (ours := await _ours(key, roots)) is not None}
    for one in draft.contributions:
        if one.exists and one.target in keys and not _same_owner(one.target, keys[one.target]):
            del keys[one.target]
    if not keys:
        return draft
    names = {key.reference: ours.reference for key, ours in keys.items()}
    return replace(
        draft,
        contributions=tuple(_renamed(one, keys, names) for one in draft.contributions),
        needs=tuple(dict.fromkeys(keys.get(key, key) for key in draft.needs)),
        key="|".join(names.get(name, name) for name in draft.key.split("|")),
        ids=(),
    )


async def standing(tx: Transaction, references: Iterable[str]) -> dict[str, str]:
    """By what reference each resource is written that a FHIR sender calls by these; what is not there is left out."""
    roots = Roots(tx, aliased=True)
    written = {one: await roots.standing_for(one) for one in dict.fromkeys(references)}
    return {one: root for one, root in written.items() if await roots.exists(root)}


async def _ours(key: Key, roots: Roots) -> Key | None:
    """The key of the resource of the exchange that has the id in `key`, unless the sender's server has one."""
    if await roots.exists(key.reference) or await roots.exists(await roots.redirects.resolve(key.reference)):
        return None
    reference = f"{key.type}/{key.value}"
    return await roots.key_of(reference) or await roots.key_of(await roots.redirects.resolve(reference))


def _same_owner(one: Key, other: Key) -> bool:
    return (one.region, one.organisation) == (other.region, other.organisation)


def _renamed(one: Contribution, keys: Mapping[Key, Key], names: Mapping[str, str]) -> Contribution:
    ours = keys.get(one.target)
    return replace(
        one,
        target=ours if ours is not None and _same_owner(one.target, ours) else one.target,
        subject=names.get(one.subject or "", one.subject),
        encounter=names.get(one.encounter or "", one.encounter),
        mentions=tuple(dict.fromkeys(names.get(name, name) for name in one.mentions)),
        slots={slot: _rewritten(value, names) for slot, value in one.slots.items()},
    )


def _rewritten(value: Any, names: Mapping[str, str]) -> Any:
    """The value with its references renamed; the id of the exchange is no number of the sender, so it is no longer
    said as one."""
    if isinstance(value, list):
        return [_rewritten(one, names) for one in value]
    if not isinstance(value, Mapping):
        return value
    name = names.get(str(value.get("reference", "")))
    if name is not None:
        number = value.get("identifier", {}).get("value")
        kept = {part: held for part, held in value.items() if part != "identifier" or number != name.partition("/")[2]}
        return {**kept, "reference": name}
    return {part: _rewritten(held, names) for part, held in value.items()}
