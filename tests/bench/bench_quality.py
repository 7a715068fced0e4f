"""What the quality rules cost: `python -m tests.bench.bench_quality [--patients 60]`.

Simulated traffic of the three regions through parse, mapping and quality. Prints, for each region, CPU time for an item
up to the rules, and for the rules: those of the interface documents alone, and all; then the dearest rules.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from hie.app import load_adapters
from hie.base.data import data_path
from hie.base.draft import Draft
from hie.base.finding import Severity
from hie.base.ids import raw_item_id
from hie.base.record import Delivery, Record
from hie.cli import app
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.prepare import prepare
from hie.quality.rules import load_rules
from hie.quality.stage import Quality
from hie.testing.material import RECEIVED, bound

Parts = Sequence[tuple[Draft, Record]]
ROUNDS = 5


def simulated(folder: Path, patients: int) -> None:
    """Write the traffic, one file per item."""
    options = ["simulate", "--out", str(folder), "--patients", str(patients), "--days", "20", "--seed", "7"]
    app(options, standalone_mode=False)


def deliveries(folder: Path, runtime: FeedRuntime) -> list[Delivery]:
    """The items of one feed."""
    found = []
    for path in sorted(folder.rglob("*")):
        door = next((door for door in runtime.feed.doors if f"-{door}." in path.name), None)
        if path.is_file() and door is not None:
            body = path.read_bytes()
            found.append(Delivery(raw_item_id(runtime.feed.id, body), runtime.feed.id, door, RECEIVED, body))
    return found


def cost(run: Callable[[], object], items: int) -> float:
    """Microseconds of CPU for an item, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best / items * 1e6


def judge(quality: Quality, parts: Parts) -> None:
    """Hold every part against the rules."""
    for draft, record in parts:
        quality.run(draft, record, RECEIVED)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--patients", type=int, default=60)
    rules = load_rules(data_path("mappings", "quality"))
    agreed = Quality(rule for rule in rules if rule.severity is not Severity.SCORE)
    every = Quality(rules)
    with tempfile.TemporaryDirectory() as folder:
        simulated(Path(folder), arguments.parse_args().patients)
        for adapter in load_adapters():
            for runtime in bound(adapter).values():
                _feed(deliveries(Path(folder), runtime), runtime, agreed, every)


def _feed(items: Sequence[Delivery], runtime: FeedRuntime, agreed: Quality, every: Quality) -> None:
    if not items:
        return
    parts = [(one.draft, one.record) for item in items for one in prepare(runtime, item)[1] if one.draft is not None]
    resources = sum(1 + len(c.members) for draft, _ in parts for c in draft.contributions)
    whole = cost(lambda: [prepare(runtime, item) for item in items], len(items))
    before, after = (cost(lambda q=q: judge(q, parts), len(items)) for q in (agreed, every))  # type: ignore[misc]
    share = after / whole * 100
    print(f"{runtime.feed.id}: {len(items)} items, {resources} resources")
    print(f"  parse, map and check {whole:8.0f} us an item, rules {share:.0f} %")
    print(f"  rules agreed on      {before:8.0f} us an item, {before * len(items) / resources:.1f} us a resource")
    print(f"  all rules            {after:8.0f} us an item, {after * len(items) / resources:.1f} us a resource")
    dearest: dict[str, float] = defaultdict(float)
    for rule in every.rules:
        if rule.test is not None and rule.scope != "feed" and runtime.region in rule.regions:
            dearest[rule.id] = cost(lambda rule=rule: judge(Quality([rule]), parts), len(items))  # type: ignore[misc]
    for name, spent in sorted(dearest.items(), key=lambda pair: -pair[1])[:5]:
        print(f"    {name:32} {spent:6.1f} us an item with what all share")


if __name__ == "__main__":
    main()
