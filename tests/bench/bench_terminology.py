"""Large code systems: `python tests/bench/bench_terminology.py [CODES]`.

Loads an invented ICD-10 of that many codes (default 40,000) and prints load rate, file size, peak memory, and the CPU
time of lookups, subsumption and expansions.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hie.fhir.definitions import official
from hie.terminology.codefile import CodeFile
from hie.terminology.concept import Selection
from hie.terminology.library import Library
from hie.terminology.loading import Source, load
from hie.terminology.service import Asked, Terminology
from hie.terminology.text import words_of

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.terminology.made import write

URL = "http://example.org/icd"


def peak() -> float:
    """Peak resident memory in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(label: str, run: Callable[[], Any], times: int) -> None:
    """Mean CPU time of `run`, after one run that does not count."""
    run()
    start = time.process_time()
    for _ in range(times):
        run()
    print(f"{label:52} {(time.process_time() - start) / times * 1e6:12,.1f} us")


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Source(write(Path(folder) / "icd.csv", count), URL, "icd10", name="ICD")
        before, cpu = peak(), time.process_time()
        file = Path(folder) / "terminology.sqlite"
        report = load(file, source, datetime.now(UTC))
        used = time.process_time() - cpu
        size = file.stat().st_size / 1e6
        print(f"{report.concepts:,} codes in {used:.1f} s CPU: {report.concepts / used:,.0f}/s, "
              f"file {size:.1f} MB, peak memory +{peak() - before:.1f} MB")  # fmt: skip
        stored = CodeFile(file)
        answers = Terminology(Library(official(), loaded=stored))
        ask(answers)


def ask(answers: Terminology) -> None:
    everything = {"compose": {"include": [{"system": URL}]}}
    below = {"system": URL, "filter": [{"property": "concept", "op": "is-a", "value": "B20-B29"}]}
    block = {"compose": {"include": [below]}}
    outside = {"compose": {"include": [{"system": URL}], "exclude": [below]}}

    def expand(value_set: dict[str, Any], text: str, offset: int = 0) -> Any:
        return answers.expand(answers.compiled(value_set), Asked(Selection(words=words_of(text)), offset, 20))

    timed("lookup of a code", lambda: answers.lookup(URL, "B21.305"), 2000)
    timed("code against the code system, with display", lambda: answers.check(URL, "B21.305", "x"), 2000)
    timed("subsumes (both directions asked)", lambda: answers.subsumes(URL, "C34.1", "B21.305"), 2000)
    timed("member of a value set with is-a", lambda: answers.compiled(block).find(URL, "B21.305"), 2000)
    timed("expand all, first 20", lambda: expand(everything, ""), 50)
    timed("expand all, 20 from 30,000", lambda: expand(everything, "", 30_000), 10)
    timed("expand all, filter 结核 (Chinese)", lambda: expand(everything, "结核"), 5)
    timed("expand all, filter feijiehe (pinyin)", lambda: expand(everything, "feijiehe"), 5)
    timed("expand all, filter B21.3 (code)", lambda: expand(everything, "B21.3"), 5)
    timed("expand is-a a block (811 codes), first 20", lambda: expand(block, ""), 50)
    timed("expand is-a a block, filter chuxue", lambda: expand(block, "chuxue"), 50)
    timed("expand all but a block, first 20, total counted", lambda: expand(outside, ""), 3)
    timed("tokens of :below a block (search modifier)", lambda: answers.tokens("below", f"{URL}|B20-B29"), 20)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40_000)
