"""Dates and instants in parameters, as microseconds since the epoch."""

from hie.base.errors import Category, HieError
from hie.search.values import date_range


def moment(text: str, name: str) -> int:
    """The start of what a FHIR dateTime names; without offset it is China standard time; raises INVALID."""
    return interval(text, name)[0]


def interval(text: str, name: str) -> tuple[int, int]:
    """The half-open interval that a FHIR dateTime of any precision names; raises INVALID naming parameter `name`."""
    found = date_range(text.replace(" ", "+"))
    if found is None:
        raise HieError(Category.INVALID, "This is no FHIR date or instant", issue="value", expression=f"http.{name}")
    return found
