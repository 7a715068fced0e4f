"""The FHIR API, wired the same way in the process that writes and in those that read."""

from collections.abc import MutableMapping
from functools import partial
from typing import Any

from hie.api.app import FhirApp, fhir_app
from hie.api.faults import log_place
from hie.api.searchparameters import SearchParameters
from hie.api.settings import FhirSettings
from hie.api.terminology import StoredTerminology
from hie.base.clock import Clock
from hie.config import Config
from hie.feeds.http import HttpFeeds
from hie.feeds.problem import OUR_FAILURE, problem
from hie.fhir.definitions import Definitions
from hie.fhir.validate import OURS, our_profiles
from hie.front.passing import App, Receive, Scope, Send
from hie.pipeline.persons import linked
from hie.security.policy import AllowAll
from hie.store.port import Store

PARAMETER_SECONDS = 2.0
"""How often search parameters that other servers wrote are looked for."""

TERMINOLOGY_SECONDS = 5.0
"""How often code systems, value sets and concept maps that other servers wrote are looked for."""


def open_fhir(
    config: Config,
    store: Store,
    definitions: Definitions,
    clock: Clock,
    parameters: SearchParameters,
    terminology: StoredTerminology,
    **checks: Any,
) -> FhirApp:
    """The FHIR API over a store; `checks` are `check` and `validate` of `fhir_app`, for a process that writes."""
    settings = FhirSettings(
        export_folder=config.export_folder,
        export_seconds=config.export_hours * 3600,
        profiles={kind: our_profiles(kind) for kind in OURS},
        cors_origins=tuple(config.cors_origins.replace(",", " ").split()),
    )
    return fhir_app(
        store,
        definitions,
        settings,
        AllowAll(),
        clock,
        linked=partial(linked, store),
        parameters=parameters,
        terminology=terminology,
        **checks,
    )


class Front:
    """The whole site as one ASGI application: the FHIR API and the doors of the feeds straight away, everything else by
    the router.

    The router alone would cost a read by id a fifth of its time. A transaction is a `POST [base]` without a slash, and
    a redirect would lose it: so both forms are served.
    """

    def __init__(self, fhir: FhirApp, others: App, doors: HttpFeeds | None = None) -> None:
        self._fhir = fhir
        self._others = others
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        if path != "/fhir" and not path.startswith("/fhir/"):
            await self._beside_fhir(scope, receive, send)
            return
        scope["root_path"] = f"{scope.get('root_path', '')}/fhir"
        if path == "/fhir":
            scope["path"] = "/fhir/"
        await self._fhir(scope, receive, send)

    async def _beside_fhir(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A door, a page or an admin route. What fails unexpectedly is logged by its place, as in the FHIR API: its
        message could hold what a patient sent, and the server would log it with all that it stands in."""
        begun = False

        async def begin(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        app = self._doors if self._doors is not None and self._doors.takes(scope) else self._others
        try:
            await app(scope, receive, begin)
        except Exception as error:
            log_place(error)
            if not begun:
                await problem(OUR_FAILURE)(scope, receive, send)
