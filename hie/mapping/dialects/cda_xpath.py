"""The paths of the dialect `cda`: XPath 1.0 on a tree without namespaces, with the short forms `section(…)` and
`obs(…)`. What no document can ever answer is found when a path is compiled."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from hie.mapping.problem import meant
from hie.wire.cda_names import ATTRIBUTES, ELEMENTS
from hie.wire.clinical_document import XSI_TYPE

SECTION = re.compile(r"section\(([^()]+)\)")
OBSERVATION = re.compile(r"obs\(([^()]+)\)")
ANY = "*"
"""`section(*)`: every section."""

BODY = "component/structuredBody"
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
"""Text in an expression."""

_COUNTED = re.compile(r"\s*\[\s*(?:\d|last|position)")
"""A predicate that counts. Without one `descendant::` finds the same as `//`, in half the time."""

_BELOW = re.compile(r"//(?=obs\()")
_PREFIX = re.compile(r"(?<![\w.:-])([^\W\d][\w.-]*):(?!:)")
_CALL = re.compile(r"(?<![\w.:$@-])([^\W\d][\w-]*)\s*\(")
_NO_FUNCTIONS = frozenset({"and", "or", "div", "mod", "node", "text", "comment", "processing-instruction"})
"""Operators and node tests, which stand before a bracket as well."""

_AXIS = re.compile(r"[a-z-]+::")
_NAME = re.compile(r"(?<![\w.:$@-])@?[^\W\d](?:[\w.:-]*[\w.-])?(?![\w.-]|\s*\()")
OPERATORS = frozenset({"and", "or", "div", "mod"})
"""Names that are none behind a value."""

NAMESPACES = {"xsi": XSI_TYPE[1:].partition("}")[0]}
"""The one prefix that paths may have."""

_NOWHERE = etree.Element("ClinicalDocument")


def xpath(path: str) -> Callable[[Any], Any]:
    """What finds the values of a path from a node, as a list. Raises `ValueError` for what is no XPath, and for what
    only fails when a document has what it is about."""
    expression = expanded(path)
    namespaces = NAMESPACES if "xsi:" in path else None
    try:
        compiled = etree.XPath(expression, namespaces=namespaces, smart_strings=False)
    except etree.XPathError as error:
        raise ValueError(f"{path!r} is no path: {error}") from None
    if wrong := next(_unanswerable(expression), None):
        raise ValueError(f"{path!r} is no path: {wrong}")
    # An absolute path starts at the document, wherever the node stands.
    return lambda node: found if isinstance(found := compiled(node), list) else [_plain(found)]


def expanded(path: str) -> str:
    """A path as XPath 1.0, without short forms."""
    return SECTION.sub(_section_step, OBSERVATION.sub(_observation_step, _BELOW.sub(_below, path)))


def unknown_name(path: str) -> str | None:
    """The first element or attribute of a path that CDA does not have, as a reason; None when it has all of them."""
    bare = QUOTED.sub("''", _AXIS.sub("", OBSERVATION.sub("observation", SECTION.sub("section", path))))
    for name in _NAME.findall(bare):
        if name.startswith("@"):
            kind, said, known = "attribute", name[1:], ATTRIBUTES
        else:
            kind, said, known = "element", name, ELEMENTS
        if said not in known and said not in OPERATORS:
            return f"CDA has no {kind} {said!r}{meant(said, known)}"
    return None


def _plain(found: str | bytes | float | bool) -> str:
    """The text, number or truth that an expression gives, as XPath 1.0 §4.2 writes it."""
    if isinstance(found, bool):
        return "true" if found else "false"
    return f"{found:.15g}" if isinstance(found, float) else str(found)


def _section_step(match: re.Match[str]) -> str:
    name = match[1].strip()
    below = "//" if _COUNTED.match(match.string, match.end()) else "/descendant::"
    if name == ANY:
        return f"/ClinicalDocument/{BODY}{below}section"
    return (
        f"/ClinicalDocument/{BODY}{below}section[normalize-space(code/@code)='{name}'"
        f" or normalize-space(code/@displayName)='{name}' or normalize-space(title)='{name}']"
    )


def _below(match: re.Match[str]) -> str:
    """The step down to an entry anywhere below."""
    entry = OBSERVATION.match(match.string, match.end())
    return "//" if entry is None or _COUNTED.match(match.string, entry.end()) else "/descendant::"


def _observation_step(match: re.Match[str]) -> str:
    return f"observation[normalize-space(code/@code)='{match[1].strip()}']"


def _unanswerable(expression: str) -> Iterator[str]:
    """What fails only in a document that has what comes before it: prefixes of namespaces, variables, functions that
    do not exist or take other arguments."""
    bare = QUOTED.sub(lambda quoted: " " * len(quoted[0]), expression)
    for prefix in _PREFIX.finditer(bare):
        if prefix[1] not in NAMESPACES:
            yield f"elements have no namespace here, write them without {prefix[0]!r}"
    if "$" in bare:
        yield "there are no variables"
    for call in _CALL.finditer(bare):
        if call[1] not in _NO_FUNCTIONS and (wrong := _failing(expression[call.start() : _closed(bare, call.end())])):
            yield f"{call[1]}(): {wrong}; there are section(…), obs(…), n() and the functions of XPath 1.0"


def _closed(bare: str, start: int) -> int:
    """The place behind the bracket that closes the one before `start`."""
    depth = 1
    for place in range(start, len(bare)):
        depth += {"(": 1, ")": -1}.get(bare[place], 0)
        if not depth:
            return place + 1
    return len(bare)


def _failing(call: str) -> str:
    """Why a call of a function cannot be evaluated anywhere; empty when it can."""
    try:
        etree.XPath(f"self::node()[{call}]", namespaces=NAMESPACES)(_NOWHERE)
    except etree.XPathError as error:
        return str(error)
    return ""
