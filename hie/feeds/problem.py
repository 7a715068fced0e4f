"""A situation in the one form in which every door and page tells programs of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from starlette.responses import JSONResponse, Response

from hie.base.errors import RESPONSES, RETRY_AFTER, Category, HieError

MEDIA_TYPE = "application/problem+json"
OUR_FAILURE = HieError(Category.INTERNAL, "The exchange failed; its log says where.")
NO_FEED = "There is no such feed; GET /feeds lists those there are."
NOTHING: Mapping[str, Any] = MappingProxyType({})


def problem(error: HieError, more: Mapping[str, Any] = NOTHING, headers: Mapping[str, str] = NOTHING) -> Response:
    """An `HieError` as `application/problem+json` (RFC 9457), with `Retry-After` where trying again may help; `more`
    are further members, `headers` further headers."""
    row = RESPONSES[error.category]
    body = {"status": row.status, "title": error.category.value, "detail": error.message, **more}
    retry = {"Retry-After": RETRY_AFTER} if row.retry else {}
    return JSONResponse(body, row.status, {**retry, **headers}, media_type=MEDIA_TYPE)
