"""One search parameter with its modifier and values -> a clause (FHIR R4 search §3.1.1.4, §3.1.1.5)."""

from collections.abc import Sequence

from hie.fhir.element import SearchParameter
from hie.search import literal
from hie.search.clause import Clause, CompositeMatch, Kind, Match, Not, Present, Test
from hie.search.derived import expanded
from hie.search.setting import Setting, invalid, no_modifier
from hie.search.special import SPECIAL
from hie.search.value_tests import tests_of


def parameter(setting: Setting, types: Sequence[str], name: str) -> SearchParameter:
    """The parameter `name` of all `types`; INVALID when one of them has none."""
    found = [setting.definitions.search_parameters(kind).get(name) for kind in types or ("Resource",)]
    first = found[0]
    if first is None or any(other is None or other.type != first.type for other in found):
        raise invalid(name, f"is not known for {', '.join(types) or 'all types'}; /metadata lists those that are")
    if not served(first):
        raise invalid(name, "has no expression in R4, so nothing is indexed for it")
    return first


def served(definition: SearchParameter) -> bool:
    """Whether a search can use the parameter: it has an expression, or a meaning of its own."""
    return bool(definition.expression) or definition.code in SPECIAL or definition.code == "_filter"


def clause(setting: Setting, types: Sequence[str], name: str, modifier: str | None, text: str) -> Clause:
    """What `name:modifier=text` asks for, `text` holding all alternatives."""
    return expanded(setting.definitions, types, _stated(setting, types, name, modifier, text))


def _stated(setting: Setting, types: Sequence[str], name: str, modifier: str | None, text: str) -> Clause:
    definition = parameter(setting, types, name)
    kind = Kind(definition.type)
    label = f"{name}:{modifier}" if modifier else name
    texts = [part for part in literal.split(text, ",") if part]
    if not texts:
        raise invalid(label, "has no value")
    if modifier == "missing":
        return _missing(name, kind, label, texts)
    special = SPECIAL.get(name)
    if special is not None:
        return special(setting, label, modifier, texts)
    if modifier in ("not", "not-in") and kind is Kind.TOKEN:
        positive = "in" if modifier == "not-in" else None
        return Not(Match(name, kind, tests_of(setting, definition, kind, label, positive, texts)))
    if kind is Kind.COMPOSITE:
        no_modifier(label, modifier)
        return _composite(setting, definition, label, texts)
    return Match(name, kind, tests_of(setting, definition, kind, label, modifier, texts))


def _missing(name: str, kind: Kind, label: str, texts: Sequence[str]) -> Clause:
    if texts not in (["true"], ["false"]) or name in SPECIAL or kind is Kind.SPECIAL:
        raise invalid(label, "takes true or false, on a parameter with entries")
    return Not(Present(name, kind)) if texts == ["true"] else Present(name, kind)


def _composite(setting: Setting, definition: SearchParameter, label: str, texts: Sequence[str]) -> Clause:
    components = [setting.definitions.search_parameter(component.definition) for component in definition.components]
    kinds = tuple(Kind(component.type) for component in components if component is not None)
    alternatives: list[tuple[Test, ...]] = []
    for value in texts:
        parts = literal.split(value, "$")
        if len(parts) != len(kinds) or not all(parts):
            raise invalid(label, f"takes {len(kinds)} values with $ between them")
        combined: list[tuple[Test, ...]] = [()]
        for component, kind, part in zip(components, kinds, parts, strict=True):
            assert component is not None
            tests = tests_of(setting, component, kind, label, None, [part])
            combined = [(*done, test) for done in combined for test in tests]
        alternatives += combined
    return CompositeMatch(definition.code, kinds, tuple(alternatives))
