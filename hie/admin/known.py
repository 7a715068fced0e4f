"""Refusing what nothing can be narrowed to."""

from collections.abc import Iterable

from hie.base.errors import Category, HieError
from hie.base.finding import CODES
from hie.pipeline.operate import Operator
from hie.staging.states import State


def refuse_unknown(
    operator: Operator, *, feed: str | None = None, cause: str | None = None, state: str | None = None
) -> None:
    """Raise INVALID, with the names that there are, for a feed, cause or state that there is not."""
    for name, value, names in (
        ("feed", feed, operator.feeds),
        ("cause", cause, CODES.keys()),
        ("state", state, [one.value for one in State]),
    ):
        if value is not None and value not in names:
            raise unknown(name, value, names)


def unknown(name: str, value: str, names: Iterable[str]) -> HieError:
    """What to raise for a parameter `name` that is none of `names`."""
    message = f"There is no {name} {value[:64]!r}. Choose one of: {', '.join(names)}."
    return HieError(Category.INVALID, message, expression=name)
