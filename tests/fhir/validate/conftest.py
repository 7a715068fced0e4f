"""One validator for all tests: what it compiles depends on the definitions alone."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hie.fhir.definitions import official
from hie.fhir.validate import Validator
from hie.wire.safejson import loads

DATA = Path(__file__).parent.parent.parent / "data"


@pytest.fixture(scope="session")
def validator() -> Validator:
    return Validator(official())


@pytest.fixture(scope="session")
def examples() -> dict[str, Any]:
    return dict(_examples())


def _examples() -> Iterator[tuple[str, Any]]:
    with tarfile.open(DATA / "r4-examples" / "examples.tar.gz") as tar:
        for member in tar:
            handle = tar.extractfile(member) if member.isfile() else None
            if handle is not None:
                yield member.name.rpartition("/")[2], loads(handle.read())
