"""The search plan: what a URL asks for, as typed values only (design decision 6).

A plan is a tree of clauses (`hie.search.clause`) and what is done with the matches: sorted, included, counted, shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from hie.search.clause import And, Clause, InCompartment, Kind, ReferenceTest
from hie.search.tree import rebuilt


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of `_sort`; resources without a value come last either way."""

    param: str
    kind: Kind
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Include:
    """One `_include` (or, with `reverse`, `_revinclude`): the references of `source` in `param` (None: all).

    `target` restricts the type at the other end; `iterate` repeats it on what was included; `params` are the codes
    that no `param` stands for in reverse, for stores that look references up by parameter.
    """

    source: str | None
    param: str | None
    target: str | None = None
    iterate: bool = False
    reverse: bool = False
    params: tuple[str, ...] = ()


class Total(StrEnum):
    """Modes of `_total`."""

    NONE = "none"
    ESTIMATE = "estimate"
    ACCURATE = "accurate"


class Summary(StrEnum):
    """Modes of `_summary`; the plan carries it for the API layer, `COUNT` also asks the store for no matches."""

    FALSE = "false"
    TRUE = "true"
    TEXT = "text"
    DATA = "data"
    COUNT = "count"


References = Callable[[str, str], Sequence[tuple[str, str]]]
"""(type, id) -> all (type, id) that stand for it, itself included."""


@dataclass(frozen=True)
class Plan:
    """One search on one resource type (or several; empty `types` is all, at system level).

    `clause` what must hold; `count` matches a page (0: only the total); `cursor` opaque, of `Page.next`;
    `seconds` the time limit; `applied` the parameters honoured, in order, for the `self` link; `ignored` those left out
    under lenient handling, with the reason.
    """

    types: tuple[str, ...]
    clause: Clause = field(default_factory=And)
    sort: tuple[SortKey, ...] = ()
    includes: tuple[Include, ...] = ()
    count: int = 50
    cursor: str | None = None
    total: Total = Total.NONE
    summary: Summary = Summary.FALSE
    elements: tuple[str, ...] = ()
    explain: bool = False
    seconds: float = 30.0
    applied: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()

    def but(self, **changes: Any) -> "Plan":
        """The plan with other values of these fields; what `dataclasses.replace` does, at a tenth of its time."""
        other = object.__new__(Plan)
        other.__dict__.update(self.__dict__, **changes)
        return other

    def narrowed(self, clause: Clause) -> "Plan":
        """The plan with one more condition on the matches; how a policy restricts a search."""
        return self.but(clause=And((*_parts(self.clause), clause)))

    def with_references(self, stand_for: References) -> "Plan":
        """The plan in which each reference to a resource also means those that `stand_for` names.

        A reference to a golden Patient thus covers all linked Patients; in chains, `_has` and compartments too.
        """

        def change(node: Any) -> Sequence[Any] | None:
            match node:
                case InCompartment(patients):
                    found = [stood for patient in patients for stood in stand_for("Patient", patient)]
                    return [InCompartment(tuple(dict.fromkeys(name for kind, name in found if kind == "Patient")))]
                case ReferenceTest(str(kind), str(name)):
                    return [replace(node, type=other, id=one) for other, one in stand_for(kind, name)]
            return None

        return self.but(clause=rebuilt(self.clause, change))


def _parts(clause: Clause) -> tuple[Clause, ...]:
    return clause.clauses if isinstance(clause, And) else (clause,)
