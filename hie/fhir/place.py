"""Where the validator finds something: FHIRPath and JSON pointer together."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: its FHIRPath and its JSON pointer."""

    expression: str
    pointer: tuple[str | int, ...] = ()

    def member(self, key: str, name: str | None = None) -> "Place":
        """The member `key` of the object here; `name` is the element name of a choice (`value` of `valueString`)."""
        return Place(f"{self.expression}.{name or key}", (*self.pointer, key))

    def item(self, index: int) -> "Place":
        """The item of the array here."""
        return Place(f"{self.expression}[{index}]", (*self.pointer, index))

    def at(self, pointer: tuple[str | int, ...]) -> "Place":
        """The place some keys and indexes further down."""
        here = self
        for step in pointer:
            here = here.item(step) if isinstance(step, int) else here.member(step)
        return here
