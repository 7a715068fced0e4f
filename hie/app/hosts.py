"""By which names the server may be asked: a page of the web must not reach a server on the visitor's own machine by a
name that it has pointed there (DNS rebinding). Starlette's `TrustedHostMiddleware` only says 400, and to probes too.
"""

import re

from starlette.responses import Response

from hie.api.faults import answer_of
from hie.api.negotiation import CONTENT_TYPE, JSON
from hie.base.errors import Category, HieError
from hie.config import ANY, Config
from hie.feeds.problem import problem
from hie.front.passing import App, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names and addresses of this machine for itself, by which the server may always be asked."""

PROBES = frozenset({"/healthz", "/readyz"})
"""What container platforms ask by the address that they gave out; it tells nothing about anybody."""

_OF_FHIR = re.compile(r"(?:/feeds/[^/]+)?/fhir(?:/|$)")
_REFUSAL = HieError(
    Category.MISDIRECTED,
    "This server is not asked by the name that Host gives. Setting 'allowed_hosts' (HIE_ALLOWED_HOSTS) takes further "
    "names, with commas; * is any.",
)


def known_hosts(app: App, config: Config) -> App:
    """`app` for requests by a name of `LOOPBACK`, of `host` or of `allowed_hosts`, with any port; others get 421
    (RFC 9110 §7.4). A browser always sends Host: what comes without is served."""
    if ANY in config.known_hosts:
        return app
    names = "|".join(map(re.escape, (*LOOPBACK, config.host, *config.known_hosts)))
    is_known = re.compile(rf"\[?(?:{names})\]?\.?(?::\d*)?".encode(), re.IGNORECASE).fullmatch

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in PROBES or all(is_known(value) for name, value in scope["headers"] if name == b"host"):
            await app(scope, receive, send)
        else:
            await _refusal(scope["path"])(scope, receive, send)

    return serve


def _refusal(path: str) -> Response:
    """An OperationOutcome below `/fhir` and at the FHIR doors, a problem elsewhere."""
    if not _OF_FHIR.match(path):
        return problem(_REFUSAL)
    answer = answer_of(_REFUSAL)
    return Response(answer.body, answer.status, media_type=CONTENT_TYPE[JSON])
