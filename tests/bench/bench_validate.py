"""Time of base validation per resource: `python tests/bench/bench_validate.py FILE.json.bz2...` (Bundles).

Prints the mean over all entries for the write path's fast answer, cold (shapes met for the first time) and warm, and
for the full walk on a sample.
"""

import bz2
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hie.fhir.definitions import official
from hie.fhir.validate import Validator
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


if __name__ == "__main__":
    main(sys.argv[1:])
