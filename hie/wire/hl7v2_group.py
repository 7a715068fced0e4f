"""Grouping of HL7 v2 segments: which result belongs to which order, which note to which result (HL7 v2.5.1 §7.3.1).

An order group starts at ORC, or at OBR when the group at hand has one already; SPM and OBX belong to it; NTE belongs to
what precedes it. An ORC that no OBR follows belongs to the OBR before it (OUL^R24), or begins an order of drugs or
vaccines, to which the RX segments behind it belong with their notes (HL7 v2.5.1 §4.13, §4A). When and how often
something is done (TQ1, TQ2) belongs to the order before it, of either kind (§4.5.4). Any other segment (Z segments,
unknown ones) stays at the level of the message and ends nothing.
"""

from collections.abc import Sequence

from hie.wire.hl7v2 import Message, Segment

ORDER = "OBR"
"""Name of the order groups of a message; each has its OBR, the ORC before it, its SPM and its results."""

DRUG = "RX"
"""How the names of segments begin that say what an order of drugs or vaccines is about."""

TIMING = "TQ"
"""How the names of segments begin that say when and how often something that was ordered is done."""

RESULT = "OBX"
"""Name of the result groups of an order (or of a message without orders); each has its OBX and the NTE after it."""


class Group:
    """A node: its own segments by name, the groups below it, and the node around it.

    `segment` is the one the group is named after (the first one of a message), `position` its number among the
    segments of that name in the message, counted from 1. `flat`, of the message node only, are all segments with the
    name under which they are found: `NTE` for notes of orders and results, `PID/NTE` for those of other segments.
    """

    __slots__ = ("flat", "groups", "parent", "position", "segment", "segments")

    def __init__(self, segment: Segment, parent: "Group | None" = None, position: int = 1) -> None:
        self.segment = segment
        self.parent = parent
        self.position = position
        self.segments: dict[str, list[Segment]] = {segment.fields[0]: [segment]}
        self.groups: dict[str, list[Group]] = {}
        self.flat: list[tuple[str, Segment]] = []

    def find(self, name: str) -> Sequence[Segment]:
        """The segments of that name here, else in the nearest node around; a note is never taken from around. The
        message as a whole has the ORC and OBR of its first order, which date it (Wujiang §2), and all RX and TQ
        segments; an order, and the message, have the OBX of all results below."""
        if name.startswith((DRUG, TIMING)) and ORDER in self.groups:
            return [segment for _, segment in self._ordered(name)]
        node: Group | None = self
        while node is not None:
            found = node.segments.get(name)
            if found:
                return found
            node = node.parent if name != "NTE" else None
        orders = self.groups.get(ORDER, ())
        if name == RESULT:
            return [r.segment for owner in (self, *orders) for r in owner.groups.get(RESULT, ())]
        return orders[0].segments.get(name, ()) if orders and name in ("ORC", ORDER) else ()

    def each(self, name: str) -> Sequence["Group"]:
        """The groups of that name; for other segments, here or around, one node for each, made on the fly: in its order
        where that has it."""
        if name in (ORDER, RESULT):
            return self.groups.get(name, ())
        ordered = name.startswith((DRUG, TIMING)) and ORDER in self.groups
        found = self._ordered(name) if ordered else [(self, segment) for segment in self.find(name)]
        return [Group(segment, owner, n) for n, (owner, segment) in enumerate(found, 1)]

    def _ordered(self, name: str) -> "list[tuple[Group, Segment]]":
        """The RX or TQ segments of the message, each with the order that it belongs to, or the message itself."""
        owners = (self, *self.groups[ORDER])
        return [(owner, segment) for owner in owners for segment in owner.segments.get(name, ())]

    def add(self, name: str, segment: Segment) -> None:
        """Put a segment into this node."""
        self.segments.setdefault(name, []).append(segment)


def group(message: Message) -> Group:
    """The message as a tree. A message without segments raises `ValueError`."""
    if not message.segments:
        raise ValueError("no segments")
    walk = _Walk(Group(message.segments[0]))
    walk.root.flat.append(("MSH", message.segments[0]))
    for segment in message.segments[1:]:
        walk.take(segment)
    walk.join()
    return walk.root


class _Walk:
    """The state of one pass over the segments."""

    __slots__ = ("before", "order", "result", "results", "root")

    def __init__(self, root: Group) -> None:
        self.root = root
        self.order: Group | None = None
        self.result: Group | None = None
        self.before = "MSH"
        self.results = 0

    def take(self, segment: Segment) -> None:
        """Put one segment in its place."""
        name = segment.name
        if name == "OBX":
            self._result(segment)
        elif name in ("ORC", "OBR"):
            self._order(name, segment)
        elif name == "NTE":
            name = self._note(segment)
        elif name == "SPM" and self.order is not None:
            self.join()
            self.order.add(name, segment)
        else:
            self._around(name).add(name, segment)
        if name[0] != "Z" and not name.endswith("NTE"):
            self.before = name
        self.root.flat.append((name, segment))

    def _around(self, name: str) -> Group:
        """Where a segment of that name belongs that is none of orders and results of the laboratory."""
        order = self.order
        if order is None:
            return self.root
        own = name.startswith(TIMING) or (name.startswith(DRUG) and ORDER not in order.segments)
        return order if own else self.root

    def _order(self, name: str, segment: Segment) -> None:
        current = self.order
        if name == "OBR" and current is not None and "OBR" not in current.segments and not current.groups:
            current.add(name, segment)
        else:
            current = self.order = Group(segment, self.root, len(self.root.groups.get(ORDER, ())) + 1)
            self.root.groups.setdefault(ORDER, []).append(current)

    def join(self) -> None:
        """Give an ORC that no OBR follows to the OBR before it, when that has neither ORC nor results."""
        orders = self.root.groups.get(ORDER, [])
        if len(orders) < 2:
            return
        before, last = orders[-2:]
        lone = all(name == "ORC" or name.startswith(TIMING) for name in last.segments)
        if not lone or last.groups or "ORC" in before.segments or before.groups:
            return
        for name, segments in last.segments.items():
            before.segments.setdefault(name, []).extend(segments)
        orders.pop()
        self.order = before

    def _result(self, segment: Segment) -> None:
        self.join()
        self.results += 1
        owner = self.order or self.root
        self.result = Group(segment, owner, self.results)
        owner.groups.setdefault(RESULT, []).append(self.result)

    def _note(self, segment: Segment) -> str:
        if self.before == "ORC":
            self.join()
            if self.order is not None and ORDER in self.order.segments:
                self.before = ORDER
        owner = {"OBX": self.result, "OBR": self.order}.get(self.before)
        if owner is not None:
            owner.add("NTE", segment)
            return "NTE"
        name = f"{self.before}/NTE"
        self._around(name).add(name, segment)
        return name
