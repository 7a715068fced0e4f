"""The protocol behind which source languages differ: how a path is read, a context walked, coverage counted.

A *path* names values in a node (`PID-5.1`, an XPath, a column); a *context* names the nodes that a resource block loops
over. Both are compiled once, when the tables are loaded.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol


class Deleted:
    """The type of `DELETED`."""

    __slots__ = ()


DELETED: Final = Deleted()
"""A value that a path yields where the sender deletes a value on purpose (HL7 `""`)."""

Value = Any
"""What a path yields: a non-empty str, a tuple of str (components), `DELETED`, or a node of the dialect."""

ReadPath = Callable[..., Sequence[Value]]
"""`read(node, context)`; the context may be left out, no dialect looks at it."""

SourcePath = tuple[tuple[str, ...], str]
"""A source path that a map mentions: the contexts around it from the outside in, and the path."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which populated places of one tree a map mentions.

    `unmapped` are (source path, finding code) of what nobody mentions: `segment-unmapped` or `field-unmapped`;
    `ignored` are left out on purpose.
    """

    used: tuple[str, ...] = ()
    unmapped: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a tree that carries a value: how a path to it is written, and what of `Coverage` it is part of: an
    entry; a segment and a field."""

    path: str
    fields: tuple[str, ...] = ()


class Dialect(Protocol):
    """One source language. The `compile` methods raise `ValueError` with a reason for a path they cannot read."""

    @property
    def name(self) -> str:
        """The name field maps use: `hl7v2`, `cda`, `rows`."""
        ...

    @property
    def filled(self) -> frozenset[str]:
        """Paths that give a value in every record."""
        ...

    def compile_path(self, path: str) -> ReadPath:
        """A function from a node to the values at `path`, in source order; never empty strings."""
        ...

    def compile_context(self, path: str) -> Callable[[Any], Iterable[Any]]:
        """A function from a tree or an outer node to the nodes at `path`, in source order."""
        ...

    def compile_coverage(
        self, source_paths: frozenset[SourcePath], ignored: frozenset[str]
    ) -> Callable[[Any], Coverage]:
        """A function from a tree to its coverage by the paths mentioned; `ignored` paths count as neither."""
        ...

    def is_composed(self, path: str) -> bool:
        """Whether values at a path are tuples of components, which only transforms of the dialect read."""
        ...

    def doubt(self, path: str) -> str | None:
        """What is odd about a path or context that can be read; None when nothing is."""
        ...

    def beyond(self, path: str, around: Sequence[str] = ()) -> str | None:
        """What a path or context names that the standard of the source does not have, or not in the contexts `around`:
        a slip, or something that a sender has of its own; None when there is nothing."""
        ...

    def locate(self, node: Any, path: str) -> str:
        """Where a finding at `path` of `node` is, in the source's terms (`OBX[2]-5`); `path` itself will do."""
        ...


class TellingDialect(Dialect, Protocol):
    """A dialect whose trees tell what is read of them, place by place; for coverage, never while items are processed.

    `read` are the keys of `places` that were read since `telling`; while `listens`, what transforms read of nodes and
    composed values counts.
    """

    read: set[Any]
    listens: bool

    def telling(self, tree: Any) -> Any:
        """The tree as one that tells."""
        ...

    def places(self, tree: Any, source_paths: Iterable[SourcePath]) -> Mapping[Any, Place]:
        """Every place of a tree that carries a value, in source order, named as far as maps name it."""
        ...

    def ignored(self, tree: Any, paths: Iterable[str], source_paths: Iterable[SourcePath]) -> set[Any]:
        """The places that are left out on purpose."""
        ...

    def tell(self, path: str, node: Any, *, several: bool) -> None:
        """Note what a path reads from a node; of several values only the first unless `several`."""
        ...

    def enter(self, context: str, node: Any) -> None:
        """Note what a context looks at to find its nodes."""
        ...

    def bare(self, tree: Any) -> None:
        """Leave of a tree what belongs to it as a whole."""
        ...
