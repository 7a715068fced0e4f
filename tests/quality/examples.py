"""The examples of `tests/data/quality/resources.toml` as drafts and records."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from lxml import etree

from hie.base.clock import CHINA
from hie.base.data import data_path
from hie.base.draft import Contribution, Draft, Key, Member
from hie.base.finding import finding
from hie.base.record import Record
from hie.quality.rule import Rule
from hie.quality.rules import load_rules
from hie.wire import hl7v2, safejson
from hie.wire.row import Header, Row

FOLDER = Path(__file__).resolve().parents[1] / "data" / "quality"
LOADED = {
    "urn:oid:2.16.156.10011.2.3.3.11?fhir_vs": frozenset({"J18.900"}),
    "http://loinc.org/vs": frozenset({"2823-3"}),
}
"""Codes of value sets that are told because a code system is loaded."""


def member_of(coding: Any, value_set: str) -> bool | None:
    """As the terminology service answers; None for a value set that nothing is loaded for."""
    codes = LOADED.get(value_set)
    return None if codes is None else coding["code"] in codes


RULES: Mapping[str, Rule] = {rule.id: rule for rule in load_rules(data_path("mappings", "quality"), member_of)}
RECEIVED = datetime(2026, 5, 1, 20, 0, tzinfo=CHINA)
_ORGANISATION = "12310118MBHE03010J"


class _Message:
    """What rules read of a message: its segments in order."""

    def __init__(self, text: str) -> None:
        self.flat = [(segment.name, segment) for segment in hl7v2.parse(_with_header(text)).segments]


def known(text: str) -> dict[str, Any] | None:
    """The patient who is known before an example comes (`{"@patient": ...}`)."""
    example = safejson.loads(text.encode())
    found = [root["@patient"] for root in (example if isinstance(example, list) else []) if "@patient" in root]
    return found[0] if found else None


def resources() -> dict[str, tuple[str, str]]:
    """Rule -> an example that keeps it and one that breaks it, as JSON."""
    rows = tomllib.loads((FOLDER / "resources.toml").read_text(encoding="utf-8"))
    return {rule: (holds, broken) for rule, (holds, broken) in rows.items()}


def limits(side: str) -> list[tuple[str, str]]:
    """Rule and example, on one side (`holds`, `breaks`) of the limits of each rule."""
    rows = tomllib.loads((FOLDER / "limits.toml").read_text(encoding="utf-8"))
    return [(rule, example) for rule, sides in rows.items() for example in sides.get(side, ())]


def given(rule: Rule, text: str) -> tuple[Draft, Record]:
    """The draft and record of an example, in the first region and for the first kind of part of its rule."""
    example = safejson.loads(text.encode())
    region = next(name for name in ("qingpu", "wujiang", "jiashan") if name in rule.regions)
    kind = rule.records[0].replace("*", "") if rule.records else ""
    kind = next((name.replace("*", "") for name in rule.records if _of(region, name)), kind)
    if isinstance(example, dict) and any(name in example for name in ("@row", "@hl7", "@xml")):
        key = Key(region, _ORGANISATION, "Basic", "kind", "1")
        return Draft((Contribution(key, "1"),)), Record(1, kind, _tree(example), b"")
    roots = example if isinstance(example, list) else [example]
    roots = [root for root in roots if "@patient" not in root]
    noted = tuple(finding(*root.pop("@noted")) for root in roots if "@noted" in root)
    made = tuple(_contribution(region, number, root) for number, root in enumerate(roots))
    return Draft(made, noted), Record(1, kind, None, b"")


def _of(region: str, kind: str) -> bool:
    return kind.startswith({"qingpu": "TB_", "jiashan": "C0", "wujiang": ("ADT", "OR", "OUL")}[region])


def _tree(example: Mapping[str, Any]) -> Any:
    if "@row" in example:
        header = Header(_ORGANISATION, "1", "2026-05-01", "1")
        return Row("TB", example["@row"], "1", "1", "1", False, header)
    if "@hl7" in example:
        return _Message(example["@hl7"])
    body = example["@xml"]
    if body.startswith("<patient>"):
        body = f"<recordTarget><patientRole>{body}</patientRole></recordTarget>"
    return etree.fromstring(f"<ClinicalDocument>{body}</ClinicalDocument>")


def _with_header(text: str) -> str:
    return text if text.startswith("MSH") else f"MSH|^~\\&\r{text}"


def _contribution(region: str, number: int, root: dict[str, Any]) -> Contribution:
    links = {name: root.pop(f"@{name}", None) for name in ("subject", "encounter")}
    visit = Key(region, _ORGANISATION, "Encounter", "kind", "1") if root.pop("@visit", False) else None
    members = [
        Member(_key(region, f"{number}.{place}", member), _slots(member))
        for place, member in enumerate(root.pop("@members", ()))
    ]
    return Contribution(_key(region, str(number), root), "1", _slots(root), tuple(members), parent=visit, **links)


def _key(region: str, value: str, resource: Mapping[str, Any]) -> Key:
    return Key(region, _ORGANISATION, str(resource["resourceType"]), "kind", value)


def _slots(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name != "resourceType"}
