"""Predicates about the source itself, for what never becomes an element: columns, HL7 fields, places in a document.

Paths are those of the dialect: `BRNL` (a column), `PV1-37` or `PV1-37.2` (a field or component, in every segment of the
name), anything with a slash is an XPath in the document without namespaces.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from hie.base.moment import SENTINEL, Moment
from hie.base.text import half_width
from hie.quality.about import About, Stated
from hie.quality.predicate import DocumentTest, Predicate
from hie.quality.shape import as_number
from hie.quality.times import moment
from hie.wire.row import Row

_FIELD = re.compile(r"(?P<segment>[A-Z][A-Z0-9]{2})-(?P<field>\d+)(?:\.(?P<component>\d+))?")

SourceReader = Callable[[Any], list[str]]


def source_reader(path: str) -> SourceReader:
    """A function from a tree of parsing to the texts at `path`; empty ones are left out. Raises `ValueError`."""
    if "/" in path:
        return _in_document(path)
    field = _FIELD.fullmatch(path)
    if field is not None:
        return _in_message(field["segment"], int(field["field"]), int(field["component"] or 1))
    return _in_row(path)


def _in_row(column: str) -> SourceReader:
    """A revoking row says nothing but its key (Qingpu §3.2)."""

    def read(tree: Any) -> list[str]:
        return [tree.values[column]] if isinstance(tree, Row) and not tree.revoking and column in tree.values else []

    return read


def _in_document(path: str) -> SourceReader:
    try:
        find = etree.XPath(path, smart_strings=False)
        nodes = isinstance(find(etree.Element("any")), list)
    except etree.XPathError as error:
        raise ValueError(f"{path!r} is no XPath") from error
    if not nodes:
        raise ValueError(f"{path!r} leads to no place in a document")

    def read(tree: Any) -> list[str]:
        if not isinstance(tree, etree._Element):
            return []
        found: Any = find(tree)
        texts = [one if type(one) is str else str(one.text or "") for one in found]
        return [stripped for text in texts if (stripped := text.strip())]

    return read


def _in_message(segment: str, field: int, component: int) -> SourceReader:
    def read(tree: Any) -> list[str]:
        flat = getattr(tree, "flat", ())
        return [text for name, one in flat if name == segment and (text := one.value(field, component).strip())]

    return read


def source_present(*, path: str, when: str = "", among: Sequence[str] = ()) -> DocumentTest:
    """The source has a value at `path` (where it has one at `when`, out of `among` if given)."""
    read, condition, wanted = source_reader(path), source_reader(when) if when else None, frozenset(among)

    def test(about: About) -> bool:
        tree = about.record.tree
        if condition is not None:
            found = condition(tree)
            if not found or (wanted and wanted.isdisjoint(found)):
                return True
        return bool(read(tree))

    return test


def source_matches(*, path: str, pattern: str) -> DocumentTest:
    """Every value at `path` has the form of `pattern`."""
    read, form = source_reader(path), re.compile(pattern)

    def test(about: About) -> bool:
        return all(form.fullmatch(text) is not None for text in read(about.record.tree))

    return test


def source_within(*, path: str, low: float, high: float) -> DocumentTest:
    """Every number at `path` lies between `low` and `high`, both included; what is no number is not judged."""
    read = source_reader(path)

    def test(about: About) -> bool:
        numbers = (as_number(text) for text in read(about.record.tree))
        return all(low <= number <= high for number in numbers if number is not None)

    return test


def source_ordered(*, first: str, then: str) -> DocumentTest:
    """No time at `first` lies after one at `then`; fields of one segment are held against each other in each."""
    before, after, apart = source_reader(first), source_reader(then), _apart(first, then)

    def test(about: About) -> bool:
        return not any(
            at.is_before(start)
            for part in apart(about.record.tree)
            for at in _moments(after(part))
            for start in _moments(before(part))
        )

    return test


def report_after_sampling(*, issued: Sequence[str]) -> DocumentTest:
    """No report was issued before its specimens were taken. `issued` are the places in the source where it says when:
    a day without a time is no instant of the report, and is held against the sampling all the same (common rules §5.2).
    """
    reads = [source_reader(path) for path in issued]

    def test(about: About) -> bool:
        for report in about.of("DiagnosticReport"):
            at = moment(report.resource.get("issued")) if report.root else None
            stated = [text for read in reads for text in read(about.record.tree)] if at is None and report.root else ()
            times = _moments(stated) if at is None else (at,)
            if times and any(time.is_before(taken) for taken in _sampled(report, about) for time in times):
                return False
        return True

    return test


def _sampled(report: Stated, about: About) -> Iterator[Moment]:
    """When the specimens of a report were taken: its effective time, and the collection of its specimens."""
    times = [report.resource.get("effectiveDateTime")]
    for specimen in about.of("Specimen"):
        if specimen.contribution is report.contribution:
            times.append((specimen.resource.get("collection") or {}).get("collectedDateTime"))
    return (at for value in times if (at := moment(value)) is not None)


@dataclass(frozen=True, slots=True)
class _Alone:
    """One segment of a message, as a tree to read from."""

    flat: tuple[tuple[str, Any]]


def _apart(first: str, then: str) -> Callable[[Any], Iterable[Any]]:
    """What two paths are read from together: each segment, when both are fields of one, else the whole tree."""
    one, other = _FIELD.fullmatch(first), _FIELD.fullmatch(then)
    if one is None or other is None or one["segment"] != other["segment"]:
        return lambda tree: (tree,)
    segment = one["segment"]
    return lambda tree: [_Alone((place,)) for place in getattr(tree, "flat", ()) if place[0] == segment]


def source_same_day(*, first: str, then: str) -> DocumentTest:
    """The dates at both paths, where both are there, are of the same day."""
    one, other = source_reader(first), source_reader(then)

    def test(about: About) -> bool:
        tree = about.record.tree
        return len({at.start.date() for at in _moments((*one(tree), *other(tree)))}) < 2

    return test


def _moments(texts: Iterable[str]) -> list[Moment]:
    """The times among texts; 1900-01-01 means that there is none (common rules §5.2)."""
    found = (moment(half_width(text)) for text in texts)
    return [at for at in found if at is not None and at.date != SENTINEL]


def source_equal(*, first: str, second: str) -> DocumentTest:
    """What stands at both paths, where both are there, is the same."""
    one, other = source_reader(first), source_reader(second)

    def test(about: About) -> bool:
        tree = about.record.tree
        texts, others = set(one(tree)), set(other(tree))
        return not texts or not others or texts == others

    return test


def noted_only_at(*, finding: str, paths: Sequence[str]) -> DocumentTest:
    """What mapping has noted with this code, it has noted at these source paths only."""
    allowed = tuple(paths)

    def test(about: About) -> bool:
        found = (*about.draft.findings, *about.record.findings)
        return all(f.code != finding or f.path.endswith(allowed) for f in found)

    return test


PREDICATES = {
    "source-present": Predicate("document", source_present),
    "source-matches": Predicate("document", source_matches),
    "source-within": Predicate("document", source_within),
    "report-after-sampling": Predicate("document", report_after_sampling),
    "source-ordered": Predicate("document", source_ordered),
    "source-same-day": Predicate("document", source_same_day),
    "source-equal": Predicate("document", source_equal),
    "noted-only-at": Predicate("document", noted_only_at),
}
