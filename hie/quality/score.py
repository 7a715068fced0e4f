"""Scores: what share of what was checked is free of faults, per dimension, from tallies and nothing else."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from hie.base.finding import Severity
from hie.base.tally import Cause, Tally
from hie.quality.rule import DIMENSIONS

KEYS = ("day", "feed", "organisation")
"""What scores may be grouped by."""


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a group of tallies; `day`, `feed` and `organisation` are None where it is summed over.

    `dimensions` gives the share in percent of `checked` without a fault in each dimension, rounded down to two digits
    so that 100 means no fault at all; None where no rule of the dimension is for these feeds, or nothing was checked.
    `total` is the mean of those that there are. `findings` counts by severity.
    """

    day: str | None
    feed: str | None
    organisation: str | None
    items: int
    checked: int
    resources: int
    findings: Mapping[str, int]
    dimensions: Mapping[str, float | None]
    total: float | None


@dataclass(frozen=True, slots=True)
class Fault:
    """One cause of lost points on a feed, in one dimension: how often it was found, how many in percent of what was
    checked, at which organisations (most first), and one part (item id, part) that shows it. `severity` is the gravest
    it came with."""

    feed: str
    dimension: str
    code: str
    rule: str
    path: str
    severity: Severity
    found: int
    share: float
    organisations: tuple[tuple[str, int], ...]
    sample: tuple[str, int] | None


def scores(
    tallies: Iterable[Tally], judged: Mapping[str, frozenset[str]], by: Sequence[str] = ("feed", "organisation")
) -> list[Score]:
    """One score for each combination of the `KEYS` in `by`, in their order. `judged` says for every feed which
    dimensions there are rules for."""
    groups: dict[_Key, list[Tally]] = {}
    for tally in tallies:
        day, feed, organisation = (getattr(tally, name) if name in by else None for name in KEYS)
        groups.setdefault((day, feed, organisation), []).append(tally)
    found = [_score(key, group, judged) for key, group in groups.items()]
    return sorted(found, key=lambda s: (s.day or "", s.feed or "", s.organisation or ""))


_Key = tuple[str | None, str | None, str | None]


def _score(key: _Key, group: Sequence[Tally], judged: Mapping[str, frozenset[str]]) -> Score:
    findings = {severity.value: 0 for severity in Severity}
    for tally in group:
        for cause, n in tally.found.items():
            findings[cause.severity] = findings.get(cause.severity, 0) + n
    dimensions = {name: _dimension(name, group, judged) for name in DIMENSIONS}
    given = [round(share * 100) for share in dimensions.values() if share is not None]
    return Score(
        *key,
        items=sum(tally.items for tally in group),
        checked=sum(tally.checked for tally in group),
        resources=sum(tally.resources for tally in group),
        findings=findings,
        dimensions=dimensions,
        total=sum(given) // len(given) / 100 if given else None,
    )


def _dimension(name: str, group: Sequence[Tally], judged: Mapping[str, frozenset[str]]) -> float | None:
    held = [tally for tally in group if name in judged.get(tally.feed, frozenset())]
    checked = sum(tally.checked for tally in held)
    failed = sum(min(tally.failed.get(name, 0), tally.checked) for tally in held)
    return _percent(checked - failed, checked)


def _percent(part: int, whole: int) -> float | None:
    return (10_000 * part // whole) / 100 if whole else None


def faults(tallies: Sequence[Tally], against: Callable[[str, Cause], str], limit: int = 20) -> list[Fault]:
    """What costs most points, most frequent first; information is no fault. `against` tells of feed and cause the
    dimension that it counts against, empty for what is not wanted."""
    checked: dict[str, int] = {}
    groups: dict[_Same, list[tuple[Tally, Cause]]] = {}
    for tally in tallies:
        checked[tally.feed] = checked.get(tally.feed, 0) + tally.checked
        for cause in tally.found:
            if cause.severity != Severity.INFO and (dimension := against(tally.feed, cause)):
                same = (tally.feed, dimension, cause.code, cause.rule, cause.path)
                groups.setdefault(same, []).append((tally, cause))
    found = [_fault(key, group, checked[key[0]]) for key, group in groups.items()]
    return sorted(found, key=lambda f: (-f.found, f.feed, f.code, f.path))[:limit]


_Same = tuple[str, str, str, str, str]


def _fault(key: _Same, group: Sequence[tuple[Tally, Cause]], checked: int) -> Fault:
    each: dict[str, int] = {}
    for tally, cause in group:
        each[tally.organisation] = each.get(tally.organisation, 0) + tally.found[cause]
    total = sum(each.values())
    newest = sorted(group, key=lambda pair: pair[0].day, reverse=True)
    return Fault(
        *key,
        severity=max((Severity(cause.severity) for _, cause in group), key=lambda severity: severity.rank),
        found=total,
        share=min(100.0, _percent(total, checked) or 0.0),
        organisations=tuple(sorted(each.items(), key=lambda pair: (-pair[1], pair[0]))),
        sample=next((tally.samples[cause] for tally, cause in newest if cause in tally.samples), None),
    )
