"""The adapters of the regions, found as plug-ins."""

import logging
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from hie.base.errors import HieError, where
from hie.base.gb32100 import check_character, is_valid
from hie.mapping.dialects.registry import DIALECTS
from hie.mapping.problem import Problem
from hie.plugin import API_VERSION, Adapter

log = logging.getLogger("hie")


def load_adapters() -> tuple[Adapter, ...]:
    """The adapters of all installed packages (entry-point group `hie.adapters`), in order of their names.

    One that fails to load, was made for another API version, says of itself what cannot be, or has the region, a feed
    or a door of another (of one that ships, or that comes before it) is left out with a logged reason; the others run.
    """
    found: dict[str, Adapter] = {}
    for point in sorted(entry_points(group="hie.adapters"), key=lambda point: (not _ships(point), point.name)):
        try:
            adapter = point.load()
        except Exception as error:
            log.error("adapter disabled name=%s reason=%s", point.name, _reason(error))
            continue
        if not isinstance(adapter, Adapter) or adapter.api_version != API_VERSION:
            log.error("adapter disabled name=%s reason=api-version", point.name)
            continue
        if wrong := _taken(adapter, found.values()) or next(_unfit(adapter), ""):
            log.error("adapter disabled name=%s reason=%s", point.name, wrong)
            continue
        found[point.name] = adapter
    return tuple(adapter for _, adapter in sorted(found.items()))


def _ships(point: EntryPoint) -> bool:
    """Whether the exchange itself brings the adapter."""
    return point.dist is not None and point.dist.name == "hie"


def _taken(adapter: Adapter, others: Iterable[Adapter]) -> str:
    """What `adapter` has in common with another and each must have for itself; empty when there is nothing."""
    mine = _claims(adapter)
    return next(
        (f"{claim} is that of region {o.region} too" for o in others for claim in sorted(mine & _claims(o))), ""
    )


def _unfit(adapter: Adapter) -> Iterator[str]:
    """What an adapter says of itself that cannot be."""
    known = (*DIALECTS, "fhir")
    for feed in adapter.feeds:
        if feed.dialect not in known:
            yield f"feed {feed.id!r}: no dialect {feed.dialect!r}, only {', '.join(sorted(known))}"
        if feed.mllp and feed.dialect != "hl7v2":
            yield f"feed {feed.id!r}: 'mllp' is for the dialect hl7v2"
    for name, function in adapter.transforms.items():
        if not callable(function):
            yield f"the transform {name!r} is no function"


def _claims(adapter: Adapter) -> set[str]:
    doors = {f"door {door!r}" for feed in adapter.feeds for door in feed.doors}
    return {f"region {adapter.region!r}", *doors}


def _reason(error: Exception) -> str:
    """Why a package does not load: what is wrong with its tables or its Python. Nothing has come yet, so the message
    holds no patient data."""
    if isinstance(error, HieError):
        return error.message
    if isinstance(error, SyntaxError) and error.filename:
        return f"SyntaxError@{Path(error.filename).name}:{error.lineno}: {error.msg}"
    return " ".join(f"{where(error)}: {error}".split())


def _expected(uscc: str) -> str:
    """The check digit that a code of the right length should have, for the end of a reason."""
    try:
        return f" (here {check_character(uscc[:-1])})" if len(uscc) == 18 else ""
    except KeyError:
        return ""


def sender_problems(adapter: Adapter) -> Iterator[Problem]:
    """What cannot be right in the registered organisations of a region: a social credit code that is none (GB 32100), a
    code of one that is that of another, who would be taken for it."""
    seen: dict[str, int] = {}
    for one in adapter.organisations:
        if not is_valid(one.uscc):
            reason = (
                f"{one.uscc!r} is no unified social credit code: 18 characters in upper case, the last is a check digit"
                f"{_expected(one.uscc)}"
            )
            yield Problem(one.file or adapter.region, one.line, reason)
        for code in dict.fromkeys((one.code, one.uscc)):
            if code in seen:
                reason = f"{code!r} stands in line {seen[code]} too: each organisation has codes of its own"
                yield Problem(one.file or adapter.region, one.line, reason)
            seen.setdefault(code, one.line)
