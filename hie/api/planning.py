"""From a request to the plan that the store runs: parameters read, policy applied, linked Patients included."""

from collections.abc import Sequence

from hie.api.service import Service
from hie.base.clock import micros
from hie.base.errors import Category, HieError
from hie.search.clause import InCompartment
from hie.search.plan import Plan
from hie.search.query import PASSED_OVER, Pairs, parse_query
from hie.search.tree import patients_named
from hie.security.principal import Principal


def planned(
    service: Service, principal: Principal, kind: str | None, pairs: Pairs, *, base: str = "", lenient: bool = False
) -> Plan:
    """The plan of a search on a type (None: the system), narrowed by policy; INVALID for what it cannot honour."""
    criteria = [pair for pair in pairs if pair[0] not in PASSED_OVER]
    if not any(name == "_count" for name, _ in criteria):
        criteria.insert(0, ("_count", str(service.settings.default_count)))
    try:
        plan = parse_query(
            kind,
            criteria,
            service.definitions,
            strict=not lenient,
            now=micros(service.clock.now()),
            base=base or None,
            terminology=None if service.terminology is None else service.terminology.answers.tokens,
        )
    except HieError as error:
        if error.category is not Category.NOT_SUPPORTED:
            raise
        raise HieError(Category.INVALID, error.message, issue="not-supported", expression=error.expression) from None
    except (ValueError, OverflowError):
        raise HieError(Category.INVALID, "A search value cannot be read", issue="value") from None
    plan = plan.but(count=min(plan.count, service.settings.max_count), seconds=service.settings.seconds)
    return service.policy.narrow(plan, principal)


async def with_linked(service: Service, plan: Plan) -> Plan:
    """The plan in which a Patient stands for every Patient of the same person."""
    linked = {identity: await service.linked(identity) for identity in set(patients_named(plan.clause))}
    if not any(linked.values()):
        return plan

    def stand_for(kind: str, identity: str) -> Sequence[tuple[str, str]]:
        others = linked.get(identity, ()) if kind == "Patient" else ()
        return [(kind, name) for name in dict.fromkeys((identity, *others))]

    return plan.with_references(stand_for)


def in_compartments(plan: Plan, patients: Sequence[str]) -> Plan:
    """The plan restricted to the compartments of several Patients."""
    return plan.narrowed(InCompartment(tuple(patients)))
