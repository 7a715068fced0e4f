"""Every Wujiang sample gives the draft that is kept beside it, and the findings its README promises."""

import dataclasses
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.wujiang import adapter
from hie.base.finding import Disposition, disposition
from tests.mapping.wujiang import drafts, parsed

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "wujiang"
SAMPLES = sorted(path.name for path in adapter.samples.glob("*.hl7"))

ACCEPTED, WARNED, REJECTED = Disposition.ACCEPTED, Disposition.ACCEPTED_WITH_WARNINGS, Disposition.REJECTED

EXPECTED: dict[str, list[tuple[Disposition, set[str]]]] = {
    "01-admit-a01.hl7": [(ACCEPTED, {"code-unmapped"})],
    "02-transfer-a02.hl7": [(ACCEPTED, set())],
    "03-discharge-a03.hl7": [(ACCEPTED, {"code-unmapped"})],
    "04-register-gb18030.hl7": [(ACCEPTED, set())],
    "05-register-undeclared-crlf.hl7": [(ACCEPTED, {"null-text"})],
    "06-update-zp1-lf.hl7": [(ACCEPTED, set())],
    "07-oru-two-orders.hl7": [(ACCEPTED, {"critical-value", "code-unmapped", "unit-unmapped"})],
    "08-oru-correction.hl7": [(ACCEPTED, set())],
    "09-oul-r24-gb18030.hl7": [(ACCEPTED, set())],
    "10-merge-a40.hl7": [(ACCEPTED, set())],
    "11-batch.hl7": [(ACCEPTED, set()), (REJECTED, {"key-missing"}), (ACCEPTED, set())],
    "12-oru-z-segments.hl7": [(ACCEPTED, {"code-unmapped", "segment-unmapped"})],
    "13-bad-unknown-event.hl7": [(REJECTED, {"event-unknown"})],
    "14-wrongcharset-a31.hl7": [(WARNED, {"charset-mismatch"})],
}
"""What mapping alone can know: `merge-stub` of sample 10 depends on the store."""


def as_json(value: Any) -> Any:
    """A draft as JSON values; numbers keep their digits."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: as_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {name: part for name, part in fields.items() if (name, part) != ("rule", "")}
    if isinstance(value, dict):
        return {name: as_json(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(part) for part in value]
    return f"{value} (number)" if isinstance(value, Decimal) else value


def golden(name: str) -> str:
    found = [as_json(draft) for draft in drafts((adapter.samples / name).read_bytes())]
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


@pytest.mark.parametrize("name", SAMPLES)
def test_the_findings_are_those_of_the_readme(name: str) -> None:
    body = (adapter.samples / name).read_bytes()
    assert parsed(body).findings == ()
    assert [(disposition(d.findings), {f.code for f in d.findings}) for d in drafts(body)] == EXPECTED[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_draft_is_the_golden_one(name: str) -> None:
    assert golden(name) == (GOLDEN / f"{Path(name).stem}.json").read_text(encoding="utf-8")


def test_the_same_bytes_give_the_same_draft() -> None:
    body = (adapter.samples / "07-oru-two-orders.hl7").read_bytes()
    assert drafts(body) == drafts(body)


def test_the_samples_are_what_the_readme_lists() -> None:
    readme = (adapter.samples / "README.md").read_text(encoding="utf-8")
    assert [name for name in EXPECTED if f"`{name}`" in readme] == SAMPLES


if __name__ == "__main__":
    for sample in SAMPLES:
        (GOLDEN / f"{Path(sample).stem}.json").write_text(golden(sample), encoding="utf-8")
