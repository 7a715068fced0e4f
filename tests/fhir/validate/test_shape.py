"""The fast path against the walk: on valid resources, and on the same with one thing broken."""

import bz2
import copy
import random
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from hie.fhir.definitions import official
from hie.fhir.validate import Validator
from hie.fhir.validate.engine import Engine
from hie.fhir.validate.shape import Shapes
from hie.wire.safejson import loads

SYNTHEA = Path(__file__).parent.parent.parent / "data" / "synthea"
VALUES: tuple[Any, ...] = ("", " x ", 7, -1, 1.5, True, None, [], {}, ["x"], {"id": "x"}, [None], "2023-02-30", "#none")


def spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) inside a resource."""
    if isinstance(value, dict):
        for key in value:
            yield value, key
            yield from spots(value[key])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield value, index
            yield from spots(item)


def broken(resource: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A copy with one change: a value replaced, removed, added or wrapped."""
    changed = copy.deepcopy(resource)
    container, key = chance.choice(list(spots(changed)))
    action = chance.randrange(4)
    if action == 0:
        container[key] = chance.choice(VALUES)
    elif action == 1:
        del container[key]
    elif action == 2 and isinstance(container, dict):
        container[chance.choice(("foo", "_" + str(key), "id", "extension", "valueString", "reference"))] = (
            chance.choice(VALUES)
        )
    else:
        container[key] = [container[key]]
    return changed


def agrees(validator: Validator, resource: Any) -> bool:
    errors = [issue for issue in validator.validate(resource, base_only=True) if issue.fails]
    return validator.is_valid(resource) == (not errors)


@pytest.mark.parametrize("seed", range(8))
def test_a_broken_example_is_judged_alike(validator: Validator, examples: dict[str, Any], seed: int) -> None:
    chance = random.Random(seed)
    names = chance.sample(sorted(examples), 60)
    for name in names:
        if len(examples[name]) > 200:
            continue
        changed = broken(examples[name], chance)
        assert agrees(validator, changed), name


def test_a_synthetic_record_is_valid(validator: Validator) -> None:
    record = loads(bz2.decompress(next(SYNTHEA.glob("*.bz2")).read_bytes()))
    resources = [entry["resource"] for entry in record["entry"]]
    assert len(resources) > 100
    assert all(validator.is_valid(resource) for resource in resources)
    assert validator.is_valid(record)


def test_too_many_shapes_are_forgotten_and_made_again() -> None:
    shapes = Shapes(official(), Engine(official()), limit=20)
    values = {"use": "usual", "text": "x", "family": "x", "period": {"start": "2020"}}
    kept = set()
    for keys in permutations(values):
        assert shapes.is_valid({"resourceType": "Patient", "name": [{key: values[key] for key in keys}]})
        kept.add(shapes.kept)
    assert max(kept) <= 22
    assert not shapes.is_valid({"resourceType": "Patient", "name": [{**values, "use": "x"}]})


def test_deep_nesting_is_refused_and_not_raised(validator: Validator) -> None:
    extension: dict[str, Any] = {"url": "http://example.org/x", "valueCode": "x"}
    for _ in range(2000):
        extension = {"url": "http://example.org/x", "extension": [extension]}
    issues = validator.write_issues({"resourceType": "Patient", "extension": [extension]})
    assert [issue.rule for issue in issues] == ["too-deep"]
