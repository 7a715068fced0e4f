"""Microseconds per resource of search extraction, and per expression of FHIRPath. Run by hand:

PYTHONPATH=. python tests/bench/bench_extract.py [folder of Synthea bundles, .json.bz2]
"""

import bz2
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from hie.fhir.definitions import load_definitions, official
from hie.fhir.path import Compiled
from hie.search.extract import Extractors

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "data" / "synthea"
ROUNDS = 5
PATHS = (
    "name.given",
    "subject.where(resolve() is Patient)",
    "(value as Quantity).value > 5.4 and status = 'final'",
    "contact.all(name.exists() or telecom.exists() or address.exists() or organization.exists())",
    "descendants().where($this is Reference).reference",
)


def best(work: Callable[[], Any]) -> float:
    """Seconds of the fastest of `ROUNDS` runs."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print one table."""
    bundles = [orjson.loads(bz2.decompress(path.read_bytes())) for path in sorted(FOLDER.glob("*.bz2"))]
    resources = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    by_type = defaultdict(list)
    for resource in resources:
        by_type[resource["resourceType"]].append(resource)

    print(f"load definitions             {best(load_definitions) * 1e3:8.1f} ms")
    start = time.perf_counter()
    extractors = Extractors(official())
    for name in official().resource_types:
        extractors.of(name)
    print(f"compile 146 extractors       {(time.perf_counter() - start) * 1e3:8.1f} ms")

    def extract(items: list[Any]) -> Callable[[], None]:
        def run() -> None:
            for item in items:
                extractors.extract(item)

        return run

    rows = sum(sum(map(len, extractors.extract(resource))) for resource in resources)
    each = best(extract(resources)) / len(resources) * 1e6
    print(f"extract, {len(resources)} resources     {each:8.1f} us each, {rows / len(resources):.1f} entries each")
    for name, items in sorted(by_type.items(), key=lambda pair: -len(pair[1]))[:12]:
        print(f"  {name:26} {best(extract(items)) / len(items) * 1e6:8.1f} us each ({len(items)})")

    patient, observation = by_type["Patient"][0], by_type["Observation"][0]
    for text in PATHS:
        compiled = Compiled(text)
        focus = observation if "subject" in text or "status" in text else patient
        made = best(lambda text=text: [Compiled(text) for _ in range(200)]) / 200 * 1e6
        run = best(lambda c=compiled, f=focus: [c.nodes(f) for _ in range(500)]) / 500 * 1e6
        print(f"FHIRPath compile {made:6.0f} us, evaluate {run:7.1f} us  {text}")


if __name__ == "__main__":
    main()
