"""What lists the documents of a set: pipeline stages, and the index for the first; clauses tried on what they give."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hie.search.clause import And, Clause, IdIs, InCompartment, Kind, Match, ReferenceTest
from hie.store.mongo import schema
from hie.store.mongo.arms import Arm, hidden
from hie.store.mongo.matching import Scope
from hie.store.mongo.probing import Joins, Stage, probe

_OWNERS = frozenset({"Patient", "Encounter", "EpisodeOfCare"})
"""Types that few resources refer to each: a reference to one is selective without counting."""


@dataclass(frozen=True)
class Source:
    """Stages that list the documents of a set, each once, and the index for the first.

    `n` can be bound in the first when `plain`. `sample` are stages that are cheaper to count: those before a join.
    `seek` is the first without what its index cannot bound: what is read, not what is found, is what a source costs.
    `driver` lists the documents of one clause, `best`, on which the `rest` is tried; `counts` are for explaining.
    `dense`: no clause was found to list few, and not looked at further.
    """

    stages: list[Stage]
    hint: str | None
    plain: bool
    sample: list[Stage] | None = None
    best: Clause | None = None
    rest: list[Clause] = field(default_factory=list)
    counts: list[tuple[Clause, int, bool]] = field(default_factory=list)
    seek: list[Stage] | None = None
    driver: "Source | None" = None
    dense: bool = False

    @property
    def ordered(self) -> bool:
        """Whether the index gives the documents in order of `n`."""
        if not self.plain or self.hint not in (schema.KEYS, schema.TYPE):
            return False
        wanted = self.stages[0]["$match"].get("k")
        return wanted is None or "$elemMatch" not in wanted

    def beyond(self, number: int | None) -> list[Stage]:
        """The stages for documents with a paging number above `number`."""
        if number is None:
            return self.stages
        bound = {"n": {"$gt": number}}
        if not self.plain:
            return [*self.stages, {"$match": bound}]
        return [{"$match": {**self.stages[0]["$match"], **bound}}, *self.stages[1:]]


def matching(found: Sequence[Arm]) -> dict[str, Any]:
    if not found:
        return {"_id": {"$in": []}}
    return found[0].match if len(found) == 1 else {"$or": [arm.match for arm in found]}


_BOUNDED = {"s": ({"p", "f"},), "d": ({"p", "l"},), "q": ({"p", "b", "a"}, {"p", "l"})}
"""Array -> fields of an element that one of its indexes bounds, the first that fits."""


def seeking(found: Sequence[Arm]) -> dict[str, Any]:
    """As `matching`, without the conditions that only a look at the document can try."""
    return matching([Arm(_seek(arm), arm.index) for arm in found])


def _seek(arm: Arm) -> dict[str, Any]:
    if arm.index in (schema.KEYS, schema.UPDATED):
        return {field: condition for field, condition in arm.match.items() if field in ("k", "t", "u")}
    for array, choices in _BOUNDED.items():
        element = arm.match.get(array, {}).get("$elemMatch")
        if element is not None:
            fields = next((one for one in choices if one <= element.keys()), {"p"})
            return {array: {"$elemMatch": {name: element[name] for name in element if name in fields}}}
    return arm.match


def hint_of(found: Sequence[Arm]) -> str | None:
    """The one index; None for several, which the planner then takes from the arms."""
    return found[0].index if len(found) == 1 else None


def probed(stages: list[Stage], clauses: Sequence[Clause], scope: Scope, plain: bool) -> list[Stage]:
    """The stages with the clauses tried on what they give: first those that need no join. The place of one that has
    a place stands in the first stage, where a router of shards looks for it."""
    direct: list[dict[str, Any]] = []
    joined: list[Stage] = []
    joins = Joins()
    for part in clauses:
        before = len(joins.stages)
        condition = probe(part, scope, joins)
        if len(joins.stages) == before:
            direct.append(condition)
        else:
            joined += [*joins.stages[before:], {"$match": condition}]
    if direct and plain:
        first = stages[0]["$match"]
        place = next(({"p": one["p"]} for one in direct if "p" in one), {})
        both = [*first.get("$and", ()), *(hidden(one) for one in direct)]
        stages = [{"$match": {**place, **first, "$and": both}}, *stages[1:]]
    elif direct:
        stages = [*stages, {"$match": {"$and": [hidden(one) for one in direct]}}]
    return [*stages, *joined]


def lookup(local: str, foreign: str, pipeline: list[Stage]) -> Stage:
    return {
        "$lookup": {
            "from": schema.RESOURCE,
            "localField": local,
            "foreignField": foreign,
            "pipeline": pipeline,
            "as": "j",
        }
    }


def selective(clause: Clause) -> bool:
    """Whether a clause is known to list few, without counting."""
    if isinstance(clause, IdIs | InCompartment):
        return True
    if not isinstance(clause, Match) or clause.kind is not Kind.REFERENCE:
        return False
    return all(isinstance(test, ReferenceTest) and test.type in _OWNERS for test in clause.tests)


def flat(clause: Clause) -> list[Clause]:
    if isinstance(clause, And):
        return [part for inner in clause.clauses for part in flat(inner)]
    return [clause]


def describe(clause: Clause | None) -> str:
    """A clause without its values: they may be a patient's."""
    if clause is None:
        return "all resources of the types"
    param = getattr(clause, "param", None)
    inner = getattr(clause, "clause", None)
    parts = [part for part in (param, describe(inner) if inner is not None else None) if part]
    nested = getattr(clause, "clauses", None)
    if nested is not None:
        parts = [describe(part) for part in nested]
    return f"{type(clause).__name__}({', '.join(parts)})"
