"""The adapter contract: what every region must keep, as a base class for pytest.

```python
from hie.testing.adapter_contract import AdapterContract

class TestKunshan(AdapterContract):
    adapter = adapter
    golden = Path(__file__).parent / "golden"
```

Golden files are written by `write_golden(adapter, folder)`. No pytest plug-in is needed.
"""

import random
from difflib import unified_diff
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from hie.commands.adapters import covered, runtime_of, samples
from hie.mapping.guarded import is_failure
from hie.plugin import API_VERSION, Adapter
from hie.testing.material import (
    Stored,
    accounted,
    as_json,
    bound,
    deliver,
    golden_text,
    invalid,
    stored,
    tried,
    write_golden,
)
from hie.testing.populated import ignored, populated

__all__ = ["AdapterContract", "write_golden"]


class AdapterContract:
    """Subclass it, name `adapter` and `golden`; the rest may be changed with a reason.

    `least_share`: the part of populated source fields that the maps must use. `orders`: how many orders of arrival are
    tried beside the one of the file names.
    """

    adapter: ClassVar[Adapter]
    golden: ClassVar[Path]
    least_share: ClassVar[float] = 0.8
    orders: ClassVar[int] = 2

    def test_it_is_made_for_this_interface(self) -> None:
        """API version, at least one feed, organisation and sample."""
        assert self.adapter.api_version == API_VERSION
        assert self.adapter.feeds
        assert self.adapter.organisations
        assert samples(self.adapter.samples), "samples say what a region sends"

    def test_the_same_bytes_give_the_same_draft(self) -> None:
        """Determinism: byte-identical output from maps that were compiled twice."""
        once, again = bound(self.adapter), bound(self.adapter)
        for path in samples(self.adapter.samples):
            assert golden_text(once, path) == golden_text(again, path), path.name

    def test_drafts_are_those_of_the_golden_files(self) -> None:
        """Every sample gives what was looked at and kept."""
        runtimes = bound(self.adapter)
        for path in samples(self.adapter.samples):
            file = self.golden / f"{path.stem}.json"
            kept = file.read_text(encoding="utf-8") if file.exists() else ""
            made = golden_text(runtimes, path)
            assert made == kept, f"{path.name}: look at it, then write_golden(...)\n{_changed(kept, made)}"
        alone = {file.stem for file in self.golden.glob("*.json")} - {p.stem for p in samples(self.adapter.samples)}
        assert not alone, f"golden files without a sample: {', '.join(sorted(alone))}"

    def test_every_populated_field_is_used_ignored_or_reported(self) -> None:
        """No loss: fields are counted apart from the maps."""
        runtimes, left_out = bound(self.adapter), ignored(self.adapter)
        for path in samples(self.adapter.samples):
            runtime, door = runtime_of(path, runtimes)
            for one in deliver(runtime, door, path.read_bytes()):
                draft, skipped = one.draft, left_out(runtime, one.record)
                if draft is None or skipped is None:
                    continue
                fields = set(populated(runtime.feed.dialect, one.record))
                lost = [field for field in fields if not accounted(field, draft, skipped)]
                whole = runtime.feed.dialect == "cda" and not (draft.used or draft.unmapped)
                assert whole or not lost, f"{path.name}: {sorted(lost)}"

    def test_the_maps_use_most_of_what_is_sent(self) -> None:
        """Coverage of the samples, by record type."""
        for kind, one in covered(self.adapter.region, adapters=[self.adapter]).types.items():
            assert one.share >= self.least_share, f"{kind}: {one.share:.0%}, unknown {sorted(one.unknown)}"

    def test_broken_bytes_give_findings_and_never_an_exception(self) -> None:
        """Limits: cut off anywhere, empty, with bytes that do not belong there, and with letters for numbers."""
        runtimes = bound(self.adapter)
        for path in samples(self.adapter.samples):
            runtime, door = runtime_of(path, runtimes)
            body = path.read_bytes()
            for broken in _broken(body):
                parts = deliver(runtime, door, broken)
                as_json(parts)
                wrong = {
                    f"{found.path}: {found.detail}" for one in parts for found in one.findings if is_failure(found)
                }
                assert not wrong, f"{path.name}: {sorted(wrong)}"

    def test_what_the_samples_store_is_valid_fhir(self, tmp_path: Path) -> None:
        """Every version of every resource, held against the base definitions."""
        wrong = list(dict.fromkeys(invalid(self._in_order(tmp_path).written)))
        assert not wrong, "\n".join(wrong)

    def test_its_quality_rules_tell_parts_apart(self) -> None:
        """Every quality rule of its own is asked about some part of the samples, and some part keeps it."""
        wrong = [
            f"{rule.place}: {rule.id}: {'no sample keeps it' if asked else 'it is asked about no sample'}"
            for rule, asked in tried(self.adapter)
            if all(asked)
        ]
        assert not wrong, "\n".join(wrong)

    def test_sending_everything_twice_changes_nothing(self, tmp_path: Path) -> None:
        """Idempotence: no resource gets a new version, and none changes when everything is run again from its bytes."""
        paths = samples(self.adapter.samples)
        first, second, replayed = stored(self.adapter, tmp_path, [paths, paths], replayed=True).states
        assert second == first
        assert _bodies(replayed) == _bodies(first)

    def test_any_order_of_arrival_gives_the_same_store(self, tmp_path: Path) -> None:
        """Order independence: compared without versions."""
        paths = samples(self.adapter.samples)
        expected = _bodies(self._in_order(tmp_path / "in order").states[0])
        for seed in range(self.orders):
            shuffled = random.Random(seed).sample(paths, len(paths))  # noqa: S311 - an order, not a secret
            found = _bodies(stored(self.adapter, tmp_path / str(seed), [shuffled]).states[0])
            names = [path.name for path in shuffled]
            assert set(found) == set(expected), names
            for reference, body in expected.items():
                assert found[reference] == body, (reference, names)

    _once: ClassVar[Stored]

    @classmethod
    def _in_order(cls, folder: Path) -> Stored:
        """The samples stored in the order of their names: once for all tests of a class, in the folder of the first."""
        if "_once" not in cls.__dict__:
            cls._once = stored(cls.adapter, folder, [samples(cls.adapter.samples)])
        return cls._once


def _changed(kept: str, made: str) -> str:
    """The first lines that differ, of the golden file (-) and of what is made now (+)."""
    lines = (line for line in unified_diff(kept.splitlines(), made.splitlines(), n=0, lineterm="") if line[:2] != "@@")
    return "\n".join(islice(lines, 2, 2 + _MOST_LINES))


def _bodies(state: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    return {reference: body for reference, (_, body) in state.items()}


_MOST_LINES = 12
"""Of a difference."""

_LETTERS = bytes.maketrans(b"0123456789", b"xxxxxxxxxx")


def _broken(body: bytes) -> list[bytes]:
    """An item cut off at ten places, with zeros and noise in its middle, and with letters for the digits of a half."""
    middle = len(body) // 2
    noise = random.Random(len(body)).randbytes(64)  # noqa: S311 - noise, not a secret
    cut = [body[: len(body) * n // 10] for n in range(10)]
    halves = [body[:middle] + body[middle:].translate(_LETTERS), body[:middle].translate(_LETTERS) + body[middle:]]
    return [*cut, *halves, body[:middle] + bytes(64) + body[middle:], body[:middle] + noise + body[middle:], noise]
