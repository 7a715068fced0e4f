"""URL -> plan: all parameters of one search, each honoured or refused (design decision 6)."""

from collections.abc import Callable, Sequence

from hie.base.errors import Category, HieError
from hie.fhir.definitions import Definitions
from hie.search import params
from hie.search.clause import And, Chain, Clause, Has, IdIs, InCompartment, Kind, Match, Or, ReferenceTest, TypeIs
from hie.search.derived import sort_keys
from hie.search.filter import parse_filter
from hie.search.include import parse_include
from hie.search.plan import Plan, SortKey, Summary, Total
from hie.search.setting import Setting, Terminology, invalid

__all__ = ["PASSED_OVER", "Pairs", "Plan", "compartment", "parse_query"]

MOST = 1000
"""The largest page; a larger `_count` gives this many (FHIR R4 search §3.1.1.5.5 allows fewer)."""

PASSED_OVER = frozenset({"_format", "_pretty"})
"""Parameters of the answer's form: not part of a search, kept for the API layer."""

Pairs = Sequence[tuple[str, str]]


def parse_query(
    resource_type: str | None,
    pairs: Pairs,
    definitions: Definitions,
    *,
    strict: bool = True,
    now: int = 0,
    base: str | None = None,
    terminology: Terminology | None = None,
) -> Plan:
    """The plan of a search on `resource_type` (None: system level); `pairs` are decoded names and values in order.

    `now` (microseconds) is for `ap` on dates; `base` our own FHIR base URL, so that references that begin with it are
    local. Raises INVALID with the parameter as `expression` for what is not known or not well-formed; when not
    `strict`, such a parameter is left out and listed in `Plan.ignored`.
    """
    setting = Setting(definitions, now, base, terminology)
    plan = Plan(_types(definitions, resource_type, pairs))
    applied: list[tuple[str, str]] = []
    ignored: list[tuple[str, str]] = []
    for name, text in pairs:
        try:
            if name not in PASSED_OVER and name != "_type":
                plan = _apply(setting, plan, name, text)
            applied.append((name, text))
        except HieError as error:
            if strict or error.category not in (Category.INVALID, Category.NOT_SUPPORTED):
                raise
            ignored.append((name, error.message))
    if plan.summary is Summary.COUNT:
        plan = plan.but(count=0, total=Total.ACCURATE)
    return plan.but(applied=tuple(applied), ignored=tuple(ignored))


def compartment(plan: Plan, definitions: Definitions, owner: str, owner_id: str) -> Plan:
    """The plan restricted to one compartment (FHIR R4 CompartmentDefinition), `owner` being its type.

    Raises NOT_SUPPORTED for a type that has no compartments.
    """
    if owner == "Patient":
        return plan.narrowed(InCompartment((owner_id,)))
    if owner not in definitions.compartments:
        raise HieError(Category.NOT_SUPPORTED, f"There are no {owner} compartments.")
    types = plan.types or tuple(definitions.compartments[owner])
    return plan.narrowed(Or(tuple(_member(definitions, owner, owner_id, kind) for kind in types)))


def _member(definitions: Definitions, owner: str, owner_id: str, kind: str) -> Clause:
    test = ReferenceTest(owner, owner_id)
    ways: list[Clause] = [
        IdIs((owner_id,)) if code == "{def}" else Match(code, Kind.REFERENCE, (test,))
        for code in definitions.compartment_params(owner, kind)
    ]
    return And((TypeIs((kind,)), Or(tuple(ways))))


def _types(definitions: Definitions, resource_type: str | None, pairs: Pairs) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(kind for name, text in pairs if name == "_type" for kind in text.split(",")))
    if resource_type is not None:
        if named:
            raise invalid("_type", "is only for searches over all types")
        named = (resource_type,)
    if not all(definitions.is_resource(kind) for kind in named):
        raise invalid("_type" if resource_type is None else "type", "names no resource type")
    return named


def _apply(setting: Setting, plan: Plan, name: str, text: str) -> Plan:
    word, colon, _ = name.partition(":")
    control = _CONTROLS.get(word)
    if control is not None:
        if colon and control is not _include:
            raise invalid(name, "takes no modifier")
        return control(setting, plan, name, text)
    return plan.narrowed(condition(setting, plan.types, name, text))


def condition(setting: Setting, types: Sequence[str], name: str, text: str) -> Clause:
    """The clause of one name (with modifiers, chain or `_has`) and its values."""
    if name.startswith("_has:"):
        return _has(setting, types, name, text)
    head, dot, rest = name.partition(".")
    head, _, modifier = head.partition(":")
    if dot:
        return chain(setting, types, head, modifier or None, lambda targets: condition(setting, targets, rest, text))
    return params.clause(setting, types, head, modifier or None, text)


def _has(setting: Setting, types: Sequence[str], name: str, text: str) -> Clause:
    """`_has:[type]:[reference]:[parameter]` (FHIR R4 search §3.1.1.5.2); the last part may be a chain or `_has`."""
    parts = name.split(":", 3)
    if len(parts) < 4 or not setting.definitions.is_resource(parts[1]):
        raise invalid(name, "takes the form _has:[type]:[reference parameter]:[parameter]")
    _, kind, reference, inner = parts
    definition = params.parameter(setting, (kind,), reference)
    if definition.type != Kind.REFERENCE:
        raise invalid(name, f"goes by {reference}, which is not a reference parameter")
    if definition.target and types and not set(types) & set(definition.target):
        raise invalid(name, f"goes by {reference}, which does not refer to {', '.join(types)}")
    return Has(kind, reference, condition(setting, (kind,), inner, text))


def chain(
    setting: Setting, types: Sequence[str], name: str, wanted: str | None, inner: Callable[[Sequence[str]], Clause]
) -> Clause:
    """`name.…`: `inner` gives the clause for one target type; targets that have no such parameter are left out."""
    definition = params.parameter(setting, types, name)
    if definition.type != Kind.REFERENCE:
        raise invalid(name, "is not a reference parameter, so nothing can be chained to it")
    targets = definition.target or setting.definitions.resource_types
    if wanted is not None:
        if wanted not in targets:
            raise invalid(f"{name}:{wanted}", "names no type that it can refer to")
        targets = (wanted,)
    clauses: dict[Clause, tuple[str, ...]] = {}
    refused: HieError | None = None
    for target in targets:
        try:
            found = inner((target,))
        except HieError as error:
            refused = error
        else:
            clauses[found] = (*clauses.get(found, ()), target)
    if not clauses:
        raise refused or invalid(name, "has no target types")
    chains = tuple(Chain(name, kinds, found) for found, kinds in clauses.items())
    return chains[0] if len(chains) == 1 else Or(chains)


# -- parameters that control the search -------------------------------------------------------------------------------


def _count(setting: Setting, plan: Plan, name: str, text: str) -> Plan:
    if not (text.isascii() and text.isdigit()):
        raise invalid(name, "takes a number, 0 or more")
    return plan.but(count=min(int(text), MOST))


def _sort(setting: Setting, plan: Plan, name: str, text: str) -> Plan:
    keys: list[SortKey] = []
    for part in text.split(","):
        code = part.removeprefix("-")
        try:
            kind = Kind(params.parameter(setting, plan.types, code).type)
        except HieError as error:
            raise invalid("_sort", f"names {code}, which is not known for these types") from error
        if kind in (Kind.COMPOSITE, Kind.SPECIAL) or code in ("_text", "_content"):
            raise invalid("_sort", f"names {code}, which has no order")
        keys += sort_keys(setting.definitions, plan.types, SortKey(code, kind, part.startswith("-")))
    return plan.but(sort=(*plan.sort, *keys))


def _include(setting: Setting, plan: Plan, name: str, text: str) -> Plan:
    return plan.but(includes=(*plan.includes, parse_include(setting, name, text)))


def _total(setting: Setting, plan: Plan, name: str, text: str) -> Plan:
    try:
        return plan.but(total=Total(text))
    except ValueError as error:
        raise invalid(name, "takes none, estimate or accurate") from error


def _summary(setting: Setting, plan: Plan, name: str, text: str) -> Plan:
    try:
        return plan.but(summary=Summary(text))
    except ValueError as error:
        raise invalid(name, "takes true, text, data, count or false") from error


def _elements(setting: Setting, plan: Plan, name: str, text: str) -> Plan:
    named = [part for part in text.split(",") if part]
    if not named:
        raise invalid(name, "takes names of elements with commas")
    return plan.but(elements=(*plan.elements, *named))


def _cursor(setting: Setting, plan: Plan, name: str, text: str) -> Plan:
    return plan.but(cursor=text)


def _explain(setting: Setting, plan: Plan, name: str, text: str) -> Plan:
    if text not in ("true", "false"):
        raise invalid(name, "takes true or false")
    return plan.but(explain=text == "true")


def _list(setting: Setting, plan: Plan, name: str, text: str) -> Plan:
    if any(part.startswith("$") for part in text.split(",")):
        raise HieError(
            Category.NOT_SUPPORTED, "Search parameter _list takes ids of Lists, no functional ones.", expression=name
        )
    named = tuple(part.removeprefix("List/") for part in text.split(",") if part)
    if not named:
        raise invalid(name, "has no value")
    return plan.narrowed(Has("List", "item", IdIs(named)))


def _filter(setting: Setting, plan: Plan, name: str, text: str) -> Plan:
    return plan.narrowed(parse_filter(setting, plan.types, text, chain))


def _contained(setting: Setting, plan: Plan, name: str, text: str) -> Plan:
    if text != "false":
        told = f"Search parameter {name} takes false: contained resources are not searched."
        raise HieError(Category.NOT_SUPPORTED, told, expression=name)
    return plan


_CONTROLS: dict[str, Callable[[Setting, Plan, str, str], Plan]] = {
    "_count": _count,
    "_sort": _sort,
    "_include": _include,
    "_revinclude": _include,
    "_total": _total,
    "_summary": _summary,
    "_elements": _elements,
    "_cursor": _cursor,
    "__explain": _explain,
    "_list": _list,
    "_filter": _filter,
    "_contained": _contained,
}
