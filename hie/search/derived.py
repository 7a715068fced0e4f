"""Parameters that need no entries of their own, because those of other parameters say the same.

Two shapes, both read off the official expressions: a parameter that covers just what several others cover together
(`combo-code`: `code` or `component-code`), and a composite over the resource itself (`code-value-quantity`: `code` and
`value-quantity`). A laboratory result has 13 index rows instead of 29 for it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hie.base.errors import HieError
from hie.fhir.definitions import Definitions
from hie.fhir.element import SearchParameter
from hie.search.build import Builder
from hie.search.clause import And, Clause, CompositeMatch, Kind, Match, Not, Or, Present, TypeIs
from hie.search.emit import EMITTERS
from hie.search.generate import Tree
from hie.search.plan import SortKey
from hie.search.route import Key, Step

OFFICIAL = "http://hl7.org/fhir/SearchParameter/"
"""Only parameters of the standard take part: one posted at run time can go away again."""

_KINDS = frozenset({"token", "quantity", "date", "number", "uri", "composite"})


@dataclass(frozen=True, slots=True)
class Either:
    """The entries of these parameters, together, are those of the derived one."""

    params: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """A composite whose components are these parameters of the resource itself."""

    params: tuple[str, ...]


Derived = Either | Both
_Trait = tuple[Any, ...]


def derived(definitions: Definitions, type_name: str) -> Mapping[str, Derived]:
    """Parameter code -> what it is derived from, for one resource type."""
    return definitions.once("derived", type_name, lambda name: _find(definitions, name))


def _find(definitions: Definitions, type_name: str) -> dict[str, Derived]:
    parameters = [p for p in definitions.search_parameters(type_name).values() if p.url.startswith(OFFICIAL)]
    traits = {p.code: own for p in parameters if p.type in _KINDS and (own := _traits(definitions, type_name, p))}
    kinds = {p.code: p.type for p in parameters}
    result: dict[str, Derived] = {}
    for parameter in parameters:
        if parameter.code not in traits:
            continue
        alike = {code: own for code, own in traits.items() if kinds[code] == parameter.type}
        either = _either(traits[parameter.code], alike)
        both = _both(definitions, type_name, parameter, traits) if either is None else None
        found = either or both
        if found is not None:
            result[parameter.code] = found
    return result


def _traits(definitions: Definitions, type_name: str, parameter: SearchParameter) -> frozenset[_Trait]:
    """What a parameter reads and how, without its name; empty where only evaluating the expression can tell."""
    builder = Builder(type_name, definitions)
    try:
        if parameter.expression:
            builder.add(parameter)
    except HieError:
        return frozenset()
    return frozenset() if builder.general else frozenset(_walk(builder.tree, ()))


def _walk(tree: Tree, steps: tuple[Step, ...]) -> Iterator[_Trait]:
    for leaf in tree.leaves:
        if (leaf.kind, leaf.type) in EMITTERS:
            yield steps, leaf.kind, leaf.type, leaf.system, leaf.usage
    for composite in tree.composites:
        yield steps, tuple((part.from_root, frozenset(_walk(part.tree, ()))) for part in composite.parts)
    for step, below in tree.branches.items():
        yield from _walk(below, (*steps, step))


def _either(whole: frozenset[_Trait], alike: Mapping[str, frozenset[_Trait]]) -> Either | None:
    """Parameters that cover less each, and the same together."""
    parts = sorted((code for code, own in alike.items() if own < whole), key=lambda code: (-len(alike[code]), code))
    covered: frozenset[_Trait] = frozenset()
    used = []
    for code in parts:
        if not alike[code] <= covered:
            covered |= alike[code]
            used.append(code)
    return Either(tuple(used)) if covered == whole else None


def _both(
    definitions: Definitions, type_name: str, parameter: SearchParameter, traits: Mapping[str, frozenset[_Trait]]
) -> Both | None:
    own = traits[parameter.code]
    if parameter.type != "composite" or len(own) != 1:
        return None
    steps, parts = next(iter(own))
    codes = []
    for component, (_, reads) in zip(parameter.components, parts, strict=True):
        defined = definitions.search_parameter(component.definition)
        code = "" if defined is None else defined.code
        if steps or code not in traits or not _covers(definitions, type_name, traits[code], reads):
            return None
        codes.append(code)
    return Both(tuple(codes))


def _covers(definitions: Definitions, type_name: str, param: frozenset[_Trait], part: frozenset[_Trait]) -> bool:
    """Whether a parameter reads what a component reads, and nothing else but further types of the same choice."""
    groups = [{member.key for member in members} for members in definitions.children(type_name).values()]
    read = {_key(trait) for trait in part}
    return part <= param and all(any({_key(trait), *read} <= group for group in groups) for trait in param - part)


def _key(trait: _Trait) -> str | None:
    steps = trait[0]
    return steps[0].name if len(steps) == 1 and isinstance(steps[0], Key) else None


# -- in plans --------------------------------------------------------------------------------------------------------


def expanded(definitions: Definitions, types: Sequence[str], clause: Clause) -> Clause:
    """The clause in terms of parameters that have entries, for a search over `types`."""
    if isinstance(clause, Not):
        return Not(expanded(definitions, types, clause.clause))
    if not isinstance(clause, Match | Present | CompositeMatch):
        return clause
    rules = {name: rule for name in types if (rule := derived(definitions, name).get(clause.param)) is not None}
    if not rules:
        return clause
    if len(set(rules.values())) == 1 and len(rules) == len(types):
        return _rewritten(definitions, types, clause, next(iter(rules.values())))
    others = tuple(name for name in types if name not in rules)
    ways = [And((TypeIs((name,)), _rewritten(definitions, (name,), clause, rule))) for name, rule in rules.items()]
    return Or((And((TypeIs(others), clause)), *ways))


def _rewritten(definitions: Definitions, types: Sequence[str], clause: Clause, rule: Derived) -> Clause:
    if isinstance(rule, Either):
        return Or(tuple(expanded(definitions, types, _renamed(clause, param)) for param in rule.params))
    kinds = [Kind(definitions.search_parameters(types[0])[param].type) for param in rule.params]
    if isinstance(clause, CompositeMatch):
        ways = [
            And(tuple(_each(definitions, types, zip(rule.params, kinds, tests, strict=True))))
            for tests in clause.alternatives
        ]
        return ways[0] if len(ways) == 1 else Or(tuple(ways))
    present = (Present(param, kind) for param, kind in zip(rule.params, kinds, strict=True))
    return And(tuple(expanded(definitions, types, one) for one in present))


def _each(definitions: Definitions, types: Sequence[str], parts: Iterable[tuple[str, Kind, Any]]) -> Iterator[Clause]:
    for param, kind, test in parts:
        yield expanded(definitions, types, Match(param, kind, (test,)))


def _renamed(clause: Clause, param: str) -> Clause:
    match clause:
        case Match(_, kind, tests):
            return Match(param, kind, tests)
        case CompositeMatch(_, kinds, alternatives):
            return CompositeMatch(param, kinds, alternatives)
        case Present(_, kind):
            return Present(param, kind)
    raise TypeError(type(clause).__name__)


def sort_keys(definitions: Definitions, types: Sequence[str], key: SortKey) -> tuple[SortKey, ...]:
    """The keys to sort by instead of a derived one: those of what it is derived from, one after the other."""
    rules = [derived(definitions, name).get(key.param) for name in types]
    rule = next((rule for rule in rules if isinstance(rule, Either)), None)
    if rule is None:
        return (key,)
    return tuple(
        one for param in rule.params for one in sort_keys(definitions, types, SortKey(param, key.kind, key.descending))
    )
