"""Situations, as opposed to data problems: one error class, one table of categories.

A bad *message* is a list of `Finding` values (`hie.base.finding`); a bad *situation* (no such resource, a
conflict, a full disk) is an `HieError` whose category says what every interface answers.
"""

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """What kind of situation it is; the key of `RESPONSES`."""

    INVALID = "invalid"
    UNPROCESSABLE = "unprocessable"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    GONE = "gone"
    NOT_ALLOWED = "not-allowed"
    NOT_ACCEPTABLE = "not-acceptable"
    CONFLICT = "conflict"
    VERSION_CONFLICT = "version-conflict"
    MULTIPLE_MATCHES = "multiple-matches"
    TOO_LARGE = "too-large"
    UNSUPPORTED_MEDIA = "unsupported-media"
    MISDIRECTED = "misdirected"
    NOT_SUPPORTED = "not-supported"
    TIMEOUT = "timeout"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


RETRY_AFTER = "5"
"""Seconds after which a feed or a page that could not answer may be asked again (`Retry-After`)."""


@dataclass(frozen=True)
class Response:
    """What is answered for one category: `status` HTTP status; `issue` FHIR IssueType code; `retry` whether the same
    request may succeed later. What is wrong with an HL7 message is a finding, answered by `hie.feeds.ack`."""

    status: int
    issue: str
    retry: bool


RESPONSES: dict[Category, Response] = {
    Category.INVALID: Response(400, "invalid", False),
    Category.UNPROCESSABLE: Response(422, "processing", False),
    Category.UNAUTHENTICATED: Response(401, "login", False),
    Category.FORBIDDEN: Response(403, "forbidden", False),
    Category.NOT_FOUND: Response(404, "not-found", False),
    Category.GONE: Response(410, "deleted", False),
    Category.NOT_ALLOWED: Response(405, "not-supported", False),
    Category.NOT_ACCEPTABLE: Response(406, "not-supported", False),
    Category.CONFLICT: Response(409, "conflict", True),
    Category.VERSION_CONFLICT: Response(412, "conflict", False),
    Category.MULTIPLE_MATCHES: Response(412, "multiple-matches", False),
    Category.TOO_LARGE: Response(413, "too-long", False),
    Category.UNSUPPORTED_MEDIA: Response(415, "not-supported", False),
    Category.MISDIRECTED: Response(421, "security", False),
    Category.NOT_SUPPORTED: Response(501, "not-supported", False),
    Category.TIMEOUT: Response(503, "timeout", True),
    Category.BUSY: Response(503, "throttled", True),
    Category.UNAVAILABLE: Response(503, "transient", True),
    Category.INTERNAL: Response(500, "exception", True),
}
"""Category -> answers; `docs/generated/errors.md` is built from it."""


class Elsewhere(Exception):
    """A failure in another process; `place` is what `where` says of it there."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


def where(error: BaseException) -> str:
    """What failed and where, for logs: the type, of a situation its category, and the innermost module and line of
    `hie`, never the message, which may hold patient data."""
    if isinstance(error, Elsewhere):
        return error.place
    place, trace = "", error.__traceback__
    while trace is not None:
        name = str(trace.tb_frame.f_globals.get("__name__", ""))
        if name.startswith(("hie", "adapters")):
            place = f"{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    what = f"{type(error).__name__}:{error.category}" if isinstance(error, HieError) else type(error).__name__
    return f"{what}@{place}"


class HieError(Exception):
    """A situation in which a request cannot be served.

    `message` is for the caller: a plain sentence without patient data. `expression` names the FHIRPath element
    or parameter at fault, where there is one. `issue` overrides the FHIR issue code of the category.
    """

    def __init__(
        self, category: Category, message: str, *, expression: str | None = None, issue: str | None = None
    ) -> None:
        super().__init__(message)
        self.category = category
        self.message = message
        self.expression = expression
        self.issue = issue or RESPONSES[category].issue

    @property
    def response(self) -> Response:
        """The row of `RESPONSES` for this error."""
        return RESPONSES[self.category]
