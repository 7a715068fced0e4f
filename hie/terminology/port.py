"""The port of code systems: what an in-memory one, a stored large one and a grammar all do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hie.terminology.concept import Concept, Selection

ENUMERABLE = frozenset({"complete", "fragment", "example"})
"""Values of CodeSystem.content with which the concepts here may stand for the code system."""


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """What is known of a code system beside its concepts.

    `content` as in CodeSystem.content, or `grammar` when codes follow a rule and cannot be listed; `count` is None
    then. `source` is where it comes from: `posted`, `loaded`, `own`, `official` or `grammar`. `properties` is code ->
    type, `descriptions` code -> text. `value_set` is the URL of the value set of all its codes; `aliases` further
    identifiers that a `system` may use.
    """

    url: str
    version: str = ""
    name: str = ""
    title: str = ""
    language: str = ""
    content: str = "complete"
    case_sensitive: bool = True
    count: int | None = None
    hierarchical: bool = False
    properties: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    value_set: str = ""
    aliases: tuple[str, ...] = ()
    source: str = "official"

    @property
    def canonical(self) -> str:
        """`url|version`, without the bar when there is no version."""
        return f"{self.url}|{self.version}" if self.version else self.url

    @property
    def usable(self) -> bool:
        """Whether a code can be judged by what is here."""
        return self.content == "grammar" or (self.content in ENUMERABLE and self.count != 0)

    @property
    def partial(self) -> bool:
        """Whether there are more codes than are here, so that a code that is not found may be right all the same."""
        return self.content in ("fragment", "example")


class CodeSystem(Protocol):
    """One version of one code system. May be used by several threads at the same time."""

    @property
    def info(self) -> SystemInfo:
        """What is known of it beside its concepts."""
        ...

    def get(self, code: str) -> Concept | None:
        """The concept of a code, by the case rule of the system; None when there is none."""
        ...

    def parents(self, code: str) -> Sequence[str]:
        """The codes directly above."""
        ...

    def children(self, code: str) -> Sequence[str]:
        """The codes directly below."""
        ...

    def subsumes(self, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` is `ancestor` or below it."""
        ...

    def select(self, wanted: Selection, skip: int = 0) -> Iterator[Concept]:
        """The concepts of a selection in the order of the code system, without the first `skip` of them.

        Raises UNPROCESSABLE (`too-costly`) when the codes cannot be listed, INVALID for a filter it cannot apply.
        """
        ...

    def pick(self, code: str, wanted: Selection) -> Concept | None:
        """The concept of a code when it is in a selection."""
        ...

    def size(self, wanted: Selection) -> int | None:
        """How many concepts a selection has, when that is told without listing them."""
        ...
