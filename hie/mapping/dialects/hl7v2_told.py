"""The dialect `hl7v2` on messages that tell which components are read of them: for coverage, never while items are
processed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from hie.mapping.dialect import DELETED, Coverage, Place, ReadPath, SourcePath, Value
from hie.mapping.dialects.hl7v2 import IGNORED, NAMES, PATH, Hl7v2, components
from hie.wire.hl7v2 import DELETION, HEADERS, Segment
from hie.wire.hl7v2_group import Group

Spot = tuple[Segment, int, int, int]
"""Segment, field, repeat from 0, component from 0."""

_Repeat = tuple[Segment, int, int]


class ToldHl7v2(Hl7v2):
    """Values of several components note in `read` which of them are asked for while `listens`."""

    def __init__(self) -> None:
        self.read: set[Spot] = set()
        self.listens = False

    def compile_path(self, path: str) -> ReadPath:
        """As read in earnest; only components that a transform gets (`PID-5`) tell which it reads."""
        plain, match = super().compile_path(path), PATH.fullmatch(path)
        if match is None or not self.is_composed(path):
            return plain
        name, field = match["segment"], int(match["field"])

        def read(group: Group, context: object = None) -> Sequence[Value]:
            found = plain(group, context)
            if DELETED in found:
                return found
            return [Told(parts, self._noting(*where)) for where, parts in _repeats(group, name, field)]

        return read

    def compile_coverage(
        self, source_paths: frozenset[SourcePath], ignored: frozenset[str]
    ) -> Callable[[Group], Coverage]:
        """Nothing: fields are counted on the message itself."""
        return lambda group: Coverage()

    def _noting(self, segment: Segment, field: int, repeat: int) -> Callable[[int], None]:
        def note(component: int) -> None:
            if self.listens:
                self.read.add((segment, field, repeat, component))

        return note

    def telling(self, tree: Group) -> Group:
        """The message itself; what was told so far is forgotten."""
        self.listens = False
        self.read.clear()
        return tree

    def places(self, tree: Group, source_paths: Iterable[SourcePath]) -> Mapping[Spot, Place]:
        """Every component that says something (`PID-3.5`); one of a further repeat is `PID-3[2].5`, whichever it is."""
        found: dict[Spot, Place] = {}
        for name, segment in tree.flat:
            for field in segment.populated():
                for repeat, parts in _split(segment, field):
                    again = "[2]" if repeat else ""
                    for n in (n for n, part in enumerate(parts) if part.strip()):
                        path = f"{name}-{field}{again}.{n + 1}"
                        found[segment, field, repeat, n] = Place(path, (name, f"{name}-{field}"))
        return found

    def ignored(self, tree: Group, paths: Iterable[str], source_paths: Iterable[SourcePath]) -> set[Spot]:
        """The components of segments, fields and components that are left out on purpose."""
        left = {(m["segment"], m["field"], m["component"]) for path in paths if (m := IGNORED.fullmatch(path))}
        return {
            (segment, field, repeat, n)
            for name, segment in tree.flat
            for field in segment.populated()
            for repeat, parts in _split(segment, field)
            for n in range(len(parts))
            if not left.isdisjoint({(name, None, None), (name, str(field), None), (name, str(field), str(n + 1))})
        }

    def tell(self, path: str, node: Group, *, several: bool) -> None:
        """Note the components that a path names; of a composed one the first that says something is its plain text,
        the others are told by the transform that gets them."""
        match = PATH.fullmatch(path)
        if match is None:
            return
        for where, parts in _repeats(node, match["segment"], int(match["field"])):
            asked = _asked(parts, match["component"], "plain" if self.is_composed(path) else match["form"])
            self.read.update((*where, n) for n in asked)
            if asked and not several:
                return

    def enter(self, context: str, node: Group) -> None:
        """A segment is found by its name."""

    def bare(self, tree: Any) -> None:
        """A message gives nothing as a whole."""


class Told(tuple[str, ...]):
    """Components that say which of them are asked for."""

    note: Callable[[int], None]

    def __new__(cls, parts: Iterable[str], note: Callable[[int], None]) -> "Told":
        """The components, and what is told the number of each that is asked for."""
        made = super().__new__(cls, parts)
        made.note = note
        return made

    def __getitem__(self, key: Any) -> Any:
        """One component or several."""
        for n in range(len(self))[key] if isinstance(key, slice) else (key % len(self),) if self else ():
            self.note(n)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        """The components, as far as they are asked for."""
        for n, part in enumerate(super().__iter__()):
            self.note(n)
            yield part


def _asked(parts: tuple[str, ...], component: str | None, form: str | None) -> list[int]:
    """The components that say something at a path of one component, the whole, the name, or none of them (`plain`)."""
    said = [n for n, part in enumerate(parts) if part.strip()]
    if form == "name":
        return [n for n in NAMES if n in said][:1]
    if form == "plain":
        return said[:1]
    return [n for n in said if form or n == int(component or 1) - 1]


def _repeats(group: Group, name: str, field: int) -> Iterator[tuple[_Repeat, tuple[str, ...]]]:
    """The repeats of a field that say something, in the order of the values of its paths."""
    for segment in group.segments.get(name) or group.find(name):
        for repeat, parts in _split(segment, field):
            if any(part.strip() for part in parts):
                yield (segment, field, repeat), parts


def _split(segment: Segment, field: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The repeats of a field as their components; the separators of a message are one."""
    if segment.fields[0] in HEADERS and field <= len(("MSH-1", "MSH-2")):
        yield 0, (segment.field(field),)
        return
    for repeat, raw in enumerate(segment.repeats(field)):
        if raw != DELETION:
            yield repeat, components(raw, segment)
