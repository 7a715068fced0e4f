"""Check: what would become of an item, as far as stored state does not matter; nothing is stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hie.base.finding import STORED, Disposition, Finding, Severity, disposition
from hie.base.outcome import PartOutcome
from hie.base.record import Delivery, Parsed
from hie.pipeline.codec import encode
from hie.pipeline.disposition import item_disposition
from hie.pipeline.feed import FeedRuntime
from hie.pipeline.prepare import Prepared
from hie.wire.safejson import dumps, loads

_UNMAPPED = ("field-unmapped", "segment-unmapped")


@dataclass(frozen=True)
class CheckedPart:
    """One part: the tree that the parser made of it, its findings, the source paths that no map mentions, and its draft
    as JSON. `tree` is empty for what could not be read."""

    number: int
    label: str
    disposition: Disposition
    tree: tuple[str, ...]
    findings: tuple[Finding, ...]
    unmapped: tuple[str, ...]
    draft: list[Any]


@dataclass(frozen=True)
class CheckReport:
    """What would become of an item; `findings` are those about it as a whole, `rules` what each rule asks (zh, en)."""

    disposition: Disposition
    findings: tuple[Finding, ...]
    parts: tuple[CheckedPart, ...]
    rules: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def storable(self) -> bool:
        """Whether it would be stored."""
        return self.disposition in STORED

    @property
    def clean(self) -> bool:
        """Whether it would be stored without a word: no finding above info, no populated field that no map mentions.

        Rules that count in the scores only are not held against it: they go beyond the interface documents.
        """
        found = [*self.findings, *(f for part in self.parts for f in part.findings)]
        mild = all(f.severity.rank <= Severity.INFO.rank for f in found)
        return self.storable and mild and not any(part.unmapped for part in self.parts)


def check(runtime: FeedRuntime, delivery: Delivery, parsed: Parsed, prepared: Sequence[Prepared]) -> CheckReport:
    """The report about a delivery after the pure stages. Trees that stayed in a worker process are read again."""
    trees = {one.record.part: one.record.tree for one in prepared}
    if prepared and all(tree is None for tree in trees.values()):
        trees = {record.part: record.tree for record in runtime.parse(delivery).records}
    parts = tuple(_checked(one, runtime.outline(trees.get(one.record.part))) for one in prepared)
    outcomes = [PartOutcome(p.number, p.label, "", "", p.disposition, p.findings) for p in parts]
    how = item_disposition(parsed.findings, outcomes) if parts else disposition(parsed.findings)
    return CheckReport(how, parsed.findings, parts, runtime.rules)


def _checked(one: Prepared, tree: Sequence[str]) -> CheckedPart:
    draft = one.draft
    return CheckedPart(
        one.record.part,
        one.record.label or one.record.type,
        disposition(one.findings),
        tuple(tree),
        one.findings,
        draft.unmapped if draft is not None else (),
        [loads(encode(c)) for c in draft.contributions] if draft is not None else [],
    )


def report_lines(report: CheckReport, *, tree: bool = True, draft: bool = True) -> Iterator[str]:
    """A report as text: for every part its tree, findings, unmapped fields and draft; the disposition at the end."""
    for found in report.findings:
        yield _finding_line(found, report.rules)
    for part in report.parts:
        yield f"part {part.number} {part.label}: {part.disposition.value}"
        if tree and part.tree:
            yield "  tree 结构"
            yield from (f"    {line}" for line in part.tree)
        for found in part.findings:
            if found.code not in _UNMAPPED:
                yield _finding_line(found, report.rules)
        for path in part.unmapped:
            yield f"  unmapped   {path}"
        if draft and part.draft:
            yield "  draft 草稿"
            yield from (f"    {dumps(one).decode()}" for one in part.draft)
    yield report.disposition.value


def _finding_line(found: Finding, rules: Mapping[str, tuple[str, str]]) -> str:
    rule = " ".join(("", f"[{found.rule}]", " · ".join(rules.get(found.rule, ())))) if found.rule else ""
    return f"  {found.severity.value:10} {found.code:22} {found.path:14} {found.row.zh} {found.detail}{rule}".rstrip()


def report_json(report: CheckReport, *, strict: bool) -> dict[str, Any]:
    """A report as JSON."""
    return {
        "disposition": report.disposition.value,
        "passes": report.clean if strict else report.storable,
        "findings": [_finding(f, report.rules) for f in report.findings],
        "parts": [
            {
                "part": part.number,
                "label": part.label,
                "disposition": part.disposition.value,
                "tree": list(part.tree),
                "findings": [_finding(f, report.rules) for f in part.findings],
                "unmapped": list(part.unmapped),
                "draft": part.draft,
            }
            for part in report.parts
        ],
    }


def _finding(f: Finding, rules: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    shown = {"severity": f.severity.value, "code": f.code, "path": f.path, "zh": f.row.zh, "en": f.text}
    if not f.rule:
        return shown
    zh, en = rules.get(f.rule, ("", ""))
    return {**shown, "rule": f.rule, "asks": {"zh": zh, "en": en}}
