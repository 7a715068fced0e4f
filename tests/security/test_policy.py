"""The policy of the local operator."""

from hie.search.query import Plan
from hie.security.policy import AllowAll, Interaction
from hie.security.principal import LOCAL_OPERATOR, PrincipalKind
from hie.store.port import Version


def test_the_local_operator_may_do_everything() -> None:
    plan = Plan(("Patient",))
    policy = AllowAll()
    assert LOCAL_OPERATOR.kind is PrincipalKind.OPERATOR
    assert all(policy.allows(LOCAL_OPERATOR, interaction, "Patient") for interaction in Interaction)
    assert policy.narrow(plan, LOCAL_OPERATOR) is plan
    assert policy.permits(Version("Patient", "p1", 1, 0, b"{}"), LOCAL_OPERATOR, Interaction.READ)
