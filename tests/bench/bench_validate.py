"""Time of validation per resource: `python tests/bench/bench_validate.py FILE.json.bz2...` (Bundles).

Prints the mean over all entries for the write path's fast answer, cold (shapes met for the first time) and warm, and
for the full walk on a sample. Then, over our own examples, each with the profile it claims: base, profile, full walk.
"""

import bz2
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hie.app.terminology import shipped_terminology
from hie.base.data import data_path
from hie.fhir.definitions import official
from hie.fhir.validate import Validator, load_validator
from hie.wire.safejson import loads


def mean(run: Callable[[Any], Any], resources: list[Any]) -> float:
    """Microseconds of CPU per resource."""
    start = time.process_time()
    for resource in resources:
        run(resource)
    return (time.process_time() - start) / len(resources) * 1e6


def main(paths: list[str]) -> None:
    bundles = [loads(bz2.decompress(Path(path).read_bytes())) for path in paths]
    resources = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    validator = Validator(official())
    print(f"{len(resources)} resources")
    print(f"write path, first round   {mean(validator.write_issues, resources):8.1f} us")
    print(f"write path, second round  {mean(validator.write_issues, resources):8.1f} us")
    mean(validator.validate, resources[::20])
    print(f"full walk, every 20th     {mean(validator.validate, resources[::20]):8.1f} us")


def own() -> None:
    """Our examples against their profiles."""
    validator = load_validator(official(), shipped_terminology(official()))
    examples = [loads(path.read_bytes()) for path in sorted(data_path("profiles", "hie", "examples").glob("*.json"))]

    def profile(resource: Any) -> None:
        validator.profile_issues(resource, resource["meta"]["profile"][0])

    for run in (validator.write_issues, profile, validator.validate):
        mean(run, examples)
    print(f"{len(examples)} examples of our profiles")
    print(f"base rules                {mean(validator.write_issues, examples * 100):8.1f} us")
    print(f"profile                   {mean(profile, examples * 100):8.1f} us")
    print(f"full walk with profile    {mean(validator.validate, examples * 5):8.1f} us")


if __name__ == "__main__":
    if sys.argv[1:]:
        main(sys.argv[1:])
    own()
