"""What lint finds in the Python of an adapter's package: doors at which nothing can arrive, transforms that hide one of
the exchange."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from hie.feeds.http import FHIR
from hie.mapping.problem import Problem, meant
from hie.mapping.transforms.registry import BUILTIN
from hie.plugin import Adapter, Feed

_XML = ("application/xml", "text/xml")
_USUAL: Mapping[str, tuple[str, ...]] = {
    "hl7v2": ("application/hl7-v2",),
    "cda": _XML,
    "rows": _XML,
    "fhir": (FHIR,),
}
"""Dialect -> the content types that its doors have; for `text/xml` a door of CDA takes a DocumentRegister."""


def package_problems(adapter: Adapter) -> Iterator[Problem]:
    """What cannot be right in the doors and the transforms of an adapter, where its package says so."""
    for feed, door, kind in _doors(adapter):
        if reason := _impossible(feed, kind):
            yield _placed(adapter, kind, f"feed {feed.id!r}, door {door!r}: {reason}: {_wanted(feed)}")
    for name, function in adapter.transforms.items():
        if function is not BUILTIN.get(name, function):
            reason = f"the transform {name!r} hides the one of the exchange: call it '{adapter.region}-{name}'"
            yield _placed(adapter, name, f"{reason} here and in the maps that want it")


def package_advice(adapter: Adapter) -> Iterator[Problem]:
    """Doors for a content type that their dialect does not have: a sender may have its own, or it is a slip."""
    for feed, door, kind in _doors(adapter):
        usual = _USUAL.get(feed.dialect, ())
        if kind not in usual and not _impossible(feed, kind):
            reason = f"{kind!r} is no content type of the dialect {feed.dialect}"
            near = meant(kind, usual) or f": it has {' or '.join(usual)}"
            yield _placed(adapter, kind, f"feed {feed.id!r}, door {door!r}: {reason}{near}")


def _doors(adapter: Adapter) -> Iterator[tuple[Feed, str, str]]:
    return ((feed, door, kind) for feed in adapter.feeds for door, kind in feed.doors.items())


def _impossible(feed: Feed, kind: str) -> str:
    """Why nothing can arrive at a door for that content type as it should; empty when something can."""
    if kind.partition(";")[0].strip().lower() != kind or "/" not in kind:
        return f"nobody sends {kind!r}: a content type is compared in small letters, without parameters"
    return f"{kind!r} is not for the dialect {feed.dialect}" if (kind == FHIR) is not (feed.dialect == "fhir") else ""


def _wanted(feed: Feed) -> str:
    return f"write {' or '.join(_USUAL.get(feed.dialect, ()))}"


def _placed(adapter: Adapter, word: str, reason: str) -> Problem:
    """The problem at the text in the modules of the package that says it; else under the region."""
    for path in sorted(adapter.samples.parent.glob("*.py")):
        at = next((node for node in _texts(path) if node.value == word), None)
        if at is not None:
            return Problem(f"{path.parent.name}/{path.name}", at.lineno, reason, at.col_offset + 1)
    return Problem(adapter.region, 1, reason)


def _texts(path: Path) -> Iterator[ast.Constant]:
    """The texts in a module, in no order; none of one that is no Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:
        return
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
