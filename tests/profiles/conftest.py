"""The validator over our own profiles, and their examples."""

from hie.base.resource import Json
import json
from collections.abc import Callable
from typing import Any

import pytest

from hie.app.terminology import shipped_terminology
from hie.base.data import data_path
from hie.fhir.definitions import load_definitions
from hie.fhir.validate import Validator, load_validator



@pytest.fixture(scope="session")
def validator() -> Validator:
    return load_validator(load_definitions(), shipped_terminology(load_definitions()))


@pytest.fixture
def example() -> Callable[[str], Json]:
    """A fresh copy of an example by file name."""

    def read(name: str) -> Json:
        return json.loads((data_path("profiles", "hie", "examples") / f"{name}.json").read_bytes())

    return read
