"""Forms: the fields of a small urlencoded body."""

from urllib.parse import parse_qs

from starlette.requests import Request

from hie.base.errors import Category, HieError

LIMIT = 4096
"""Bytes that a form may have."""

_FIELDS = 10


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, of each the first value. Raises TOO_LARGE, and INVALID for more than ten fields."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LIMIT:
            raise HieError(Category.TOO_LARGE, "the form is too large")
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=_FIELDS)
    except ValueError:
        raise HieError(Category.INVALID, "the form has too many fields") from None
    return {name: values[0] for name, values in fields.items()}
