"""What a rule looks at: the resources that a draft states, as elements, and what surrounds them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from hie.base.draft import Contribution, Draft, Key, Slots
from hie.base.record import Record
from hie.base.resource import Resource
from hie.base.slots import assemble


class Stated:
    """One resource as a draft states it: key, elements as FHIR JSON, and the contribution of its root.

    `resource` are the elements that the slots describe; `root` is False for members; `known` keeps what one rule has
    worked out for the next.
    """

    __slots__ = ("contribution", "key", "known", "resource", "root", "slots")

    def __init__(self, key: Key, slots: Slots, contribution: Contribution, *, root: bool) -> None:
        self.key = key
        self.slots = slots
        self.contribution = contribution
        self.root = root
        self.known: dict[str, Any] = {}
        self.resource: Resource = assemble(slots)


class About:
    """A draft under judgement. `received` is when its item came in, None when that does not matter."""

    __slots__ = ("_by_type", "draft", "received", "record", "stated")

    def __init__(self, draft: Draft, record: Record, received: datetime | None) -> None:
        self.draft = draft
        self.record = record
        self.received = received
        self.stated = tuple(_stated(draft))
        self._by_type: dict[str, list[Stated]] = {}
        for one in self.stated:
            self._by_type.setdefault(one.key.type, []).append(one)

    def of(self, resource_type: str) -> Sequence[Stated]:
        """What is stated about resources of a type."""
        return self._by_type.get(resource_type, ())


def _stated(draft: Draft) -> Iterator[Stated]:
    """Roots and members; nothing that the draft takes back."""
    for contribution in draft.contributions:
        if contribution.revoke or contribution.withdraw:
            continue
        yield Stated(contribution.target, contribution.slots, contribution, root=True)
        for member in contribution.members:
            if not (member.gone or member.aside):
                yield Stated(member.key, member.slots, contribution, root=False)
