"""The FHIR API, wired the same way in the process that writes and in those that read."""

from functools import partial
from typing import Any

from hie.api.app import FhirApp, fhir_app
from hie.api.searchparameters import SearchParameters
from hie.api.settings import FhirSettings
from hie.api.terminology import StoredTerminology
from hie.base.clock import Clock
from hie.config import Config
from hie.fhir.definitions import Definitions
from hie.fhir.validate import OURS, our_profiles
from hie.pipeline.persons import linked
from hie.security.policy import AllowAll
from hie.store.port import Store


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
