"""What mapping asks about codes beyond the code maps: the names of codes, and which codes there are.

`hie/app` hands in what answers: the terminology service with what ships and what `hie terminology load` has loaded.
Mapping stays a function of its values: the answers are as fixed as the tables while nothing is loaded.
"""

from typing import Protocol


class Terms(Protocol):
    """Code systems and value sets, by URL."""

    def display(self, system: str, code: str) -> str | None:
        """The name of a code, Chinese where there is one; None when code or system are not known."""
        ...

    def has(self, system: str, code: str) -> bool | None:
        """Whether a code system has a code; None when the system is not here in full."""
        ...

    def in_value_set(self, url: str, system: str | None, code: str) -> bool | None:
        """Whether a code is in a value set; None when that cannot be told."""
        ...


class NoTerms:
    """Knows nothing."""

    def display(self, system: str, code: str) -> str | None:
        """None."""
        return None

    def has(self, system: str, code: str) -> bool | None:
        """None."""
        return None

    def in_value_set(self, url: str, system: str | None, code: str) -> bool | None:
        """None."""
        return None


NO_TERMS = NoTerms()
