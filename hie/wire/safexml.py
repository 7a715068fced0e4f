"""XML to an lxml tree without DTDs, entities, network or unbounded memory (common rules §2.4, §5.1).

The bytes are decoded here, the prolog is scanned for a DOCTYPE, and only then a parser sees the text.
"""

import re
from dataclasses import dataclass

from lxml import etree

from hie.base.finding import Finding, finding
from hie.wire.charset import decode_xml


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """What a document may cost.

    `bytes` of the body; `tags` counts `<`, `attributes` counts `=`: both bound the memory of the tree before it is
    built. `depth` counts elements inside each other. libxml2 takes no text or attribute of 10,000,000 bytes unless it
    is told to take anything; a body longer than `plain` is read that way, and its depth is counted here.
    """

    bytes: int = 16 * 1024 * 1024
    tags: int = 1_000_000
    attributes: int = 1_000_000
    depth: int = 256
    plain: int = 9_000_000


LIMITS = XmlLimits()


@dataclass(frozen=True, slots=True)
class XmlDocument:
    """A parsed document. `root` is `None` when `findings` holds a reject; `charset` is the codec really used.

    Comments and processing instructions are left out of the tree; `sourceline` counts the lines of the body.
    """

    root: etree._Element | None
    charset: str
    findings: tuple[Finding, ...] = ()


_PROLOG_PART = re.compile(r"[ \t\r\n]+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_DECLARATION = re.compile(r"<\?xml[ \t\r\n].*?\?>", re.DOTALL)


_ROOT = re.compile(r"<[^\s<>/!?\"'=]+(?:\s++[^\s<>/\"'=]+\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+'))*+\s*+/?>")
_ATTRIBUTE = re.compile(r"\s+([^\s<>/\"'=]+)\s*=\s*(\"[^\"]*\"|'[^']*')")


def parse_xml(body: bytes, limits: XmlLimits = LIMITS, *, bare: str = "") -> XmlDocument:
    """Parse a document from its bytes. `bare` is a namespace that elements are read without where the root declares it
    as the default one.

    Findings: `too-large` (over a limit), `charset-undecodable`, `charset-mismatch`, `doctype-forbidden` (any
    DOCTYPE, refused before anything is expanded), `message-malformed` (not well formed, cut off, too deep).
    """
    if len(body) > limits.bytes:
        return XmlDocument(None, "utf-8", (finding("too-large"),))
    decoded = decode_xml(body)
    if any(found.code == "charset-undecodable" for found in decoded.findings):
        return XmlDocument(None, decoded.charset, decoded.findings)
    refused = _refusal(decoded.text, limits)
    root: etree._Element | None = None
    if refused is None:
        root, refused = _tree(_bared(decoded.text, bare) if bare else decoded.text, limits)
    findings = decoded.findings if refused is None else (*decoded.findings, refused)
    return XmlDocument(root, decoded.charset, findings)


def copied_as(root: etree._Element, element: type[etree.ElementBase]) -> etree._Element:
    """A copy of a tree that was parsed here, with elements of the class `element`: lxml chooses it as it parses."""
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=True)
    parser.set_element_class_lookup(etree.ElementDefaultClassLookup(element=element))
    return etree.fromstring(etree.tostring(root), parser)


def _refusal(text: str, limits: XmlLimits) -> Finding | None:
    """What forbids giving the text to the parser at all."""
    start = _prolog_end(text)
    if text.startswith("<!DOCTYPE", start):
        return finding("doctype-forbidden", detail=f"line {text.count(chr(10), 0, start) + 1}")
    if text.count("<") > limits.tags or text.count("=") > limits.attributes:
        return finding("too-large", detail="too many elements or attributes")
    if not text.startswith("<", start) or text.startswith(("<!", "<?"), start):
        return finding("message-malformed", detail="no root element")
    return None


def _prolog_end(text: str) -> int:
    """Where the declaration, comments, processing instructions and blanks before the root end."""
    position = 0
    while match := _PROLOG_PART.match(text, position):
        position = match.end()
    return position


def _bared(text: str, namespace: str) -> str:
    """The text with blanks for the root's declaration of that default namespace: every other place stays."""
    root = _ROOT.match(text, _prolog_end(text))
    if root is None:
        return text
    for attribute in _ATTRIBUTE.finditer(text, root.start(), root.end()):
        if attribute[1] == "xmlns" and attribute[2][1:-1] == namespace:
            start, end = attribute.span()
            return text[:start] + re.sub(r"\S", " ", attribute[0]) + text[end:]
    return text


def _tree(text: str, limits: XmlLimits) -> tuple[etree._Element | None, Finding | None]:
    body = _without_declaration(text).encode("utf-8", "surrogatepass")
    large = len(body) > limits.plain
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=large,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        line, column = getattr(error, "position", (0, 0))
        return None, finding("message-malformed", detail=f"line {line}, column {column}")
    if root.getroottree().docinfo.internalDTD is not None:
        return None, finding("doctype-forbidden")
    if large and _too_deep(root, limits):
        return None, finding("message-malformed", detail="too deep")
    return root, None


def _too_deep(root: etree._Element, limits: XmlLimits) -> bool:
    """Whether elements nest deeper than allowed; libxml2 itself stops at 2,048 when it takes anything."""
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > limits.depth:
            return True
    return False


def _without_declaration(text: str) -> str:
    """The text with its XML declaration replaced by as many line ends: its encoding is no longer true."""
    match = _DECLARATION.match(text)
    return text if match is None else "\n" * match[0].count("\n") + text[match.end() :]
