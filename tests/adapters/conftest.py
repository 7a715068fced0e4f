"""The adapter of a FHIR platform, made once for all tests that post to its door."""

import pytest

from hie.plugin import Adapter
from tests.adapters.fhir_exchange import made


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    return made(tmp_path_factory.mktemp("package"))
