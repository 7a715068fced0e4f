"""What an evaluation may see and use: definitions, clock, resolver, terminology, limits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hie.base.clock import Clock, SystemClock
from hie.base.errors import Category, HieError
from hie.base.resource import Resource
from hie.fhir.definitions import Definitions, official
from hie.fhir.path.node import PathError as PathError
from hie.fhir.path.node import Value, Values

Resolver = Callable[[str], Resource | None]
MemberOf = Callable[[Any, str], bool | None]
"""(coded JSON value, value set URL) -> member or not, None when the set is not known."""


@dataclass(frozen=True)
class Scope:
    """Settings of an evaluation.

    `resolver` finds the resource of a literal reference; `member_of` answers `memberOf()` beyond the official
    enumerated sets; `conforms_to` answers `conformsTo()` for profiles; `limit` is the number of steps after which an
    expression is stopped (None: no limit, for our own expressions only); `strict` refuses unknown elements, wrong
    root types, `as()` on several items and order taken from unordered collections.
    """

    definitions: Definitions = field(default_factory=official)
    clock: Clock = field(default_factory=SystemClock)
    resolver: Resolver | None = None
    member_of: MemberOf | None = None
    conforms_to: Callable[[Any, str], bool | None] | None = None
    limit: int | None = 1_000_000
    strict: bool = False


class Evaluation:
    """The state of one evaluation: variables, `$this`, `$index`, `$total`, and the steps left."""

    __slots__ = ("_now", "index", "left", "root", "scope", "this", "total", "traced", "variables")

    def __init__(self, scope: Scope, root: Value, variables: dict[str, Values]) -> None:
        self.scope = scope
        self.root = root
        self.this: Value | None = root
        self.index: int | None = None
        self.total: Values = []
        self.variables = variables
        self.left = scope.limit if scope.limit is not None else -1
        self._now: datetime | None = None
        self.traced: list[tuple[str, Values]] = []

    def spend(self, steps: int) -> None:
        """Count work; raises `HieError(TIMEOUT)` when the limit is used up."""
        if self.left >= 0:
            self.left -= steps
            if self.left < 0:
                raise HieError(Category.TIMEOUT, "FHIRPath: the expression takes too many steps", issue="too-costly")

    @property
    def now(self) -> datetime:
        """The instant of this evaluation: the same however often it is asked."""
        if self._now is None:
            self._now = self.scope.clock.now()
        return self._now

    @property
    def definitions(self) -> Definitions:
        """The definitions in scope."""
        return self.scope.definitions


def single(values: Values, what: str = "one value") -> Value | None:
    """The only item, None when there is none; raises `PathError` when there are several."""
    if len(values) > 1:
        raise PathError(f"{what} expected, found {len(values)}")
    return values[0] if values else None
