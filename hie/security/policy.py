"""Policy: what a principal may do, applied in two places only (design decision 14).

Before a search it narrows the plan; before a resource leaves it is checked once more. `allows` is the gate in front
of every route, so that a route without a policy cannot exist.
"""

from enum import StrEnum
from typing import Protocol

from hie.search.query import Plan
from hie.security.principal import Principal


class Interaction(StrEnum):
    """The interactions of the RESTful API (FHIR R4 http §3.1.0; codes of `restful-interaction` plus `operation`)."""

    READ = "read"
    VREAD = "vread"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"
    CREATE = "create"
    SEARCH_TYPE = "search-type"
    SEARCH_SYSTEM = "search-system"
    HISTORY_INSTANCE = "history-instance"
    HISTORY_TYPE = "history-type"
    HISTORY_SYSTEM = "history-system"
    BATCH = "batch"
    TRANSACTION = "transaction"
    CAPABILITIES = "capabilities"
    OPERATION = "operation"


class Outgoing(Protocol):
    """A version of a resource as policy sees it; `body` is empty for a deletion."""

    @property
    def type(self) -> str:
        """The resource type."""
        ...

    @property
    def id(self) -> str:
        """The logical id."""
        ...

    @property
    def body(self) -> bytes:
        """The stored JSON."""
        ...


class Policy(Protocol):
    """The three questions that are asked of every policy."""

    def allows(self, principal: Principal, interaction: Interaction, resource_type: str | None) -> bool:
        """Whether this principal may use this interaction at all (on this type, where there is one)."""
        ...

    def narrow(self, plan: Plan, principal: Principal) -> Plan:
        """The plan restricted to what the principal may find."""
        ...

    def permits(self, version: Outgoing, principal: Principal, interaction: Interaction) -> bool:
        """Whether this resource may leave to, or be written by, this principal."""
        ...


class AllowAll:
    """The policy of the local operator: everything."""

    def allows(self, principal: Principal, interaction: Interaction, resource_type: str | None) -> bool:
        """Always."""
        return True

    def narrow(self, plan: Plan, principal: Principal) -> Plan:
        """The plan as it is."""
        return plan

    def permits(self, version: Outgoing, principal: Principal, interaction: Interaction) -> bool:
        """Always."""
        return True
