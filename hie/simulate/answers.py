"""Reading answers: what the exchange said to an item, as disposition and codes of findings above info."""

import json
import re
from collections.abc import Callable, Mapping

from lxml import etree

Said = tuple[str, frozenset[str]]
"""Disposition and finding codes."""

_HL7 = {"AA": "accepted", "AE": "quarantined", "AR": "rejected"}
_MSA = re.compile(r"(?:^|[\r\n])MSA\|(\w\w)\|")
_V3 = "{urn:hl7-org:v3}"


def acknowledgement(body: bytes) -> Said:
    """An HL7 acknowledgement, or those of a batch: it counts as taken when any of its messages is."""
    text = body.decode("gb18030", errors="replace")
    found = frozenset(line.split("|")[5] for line in text.split("\r") if line.startswith("ERR|"))
    codes = _MSA.findall(text)
    return _warned(_HL7["AA" if "AA" in codes else codes[0]], found)


def receipt(body: bytes) -> Said:
    """A JSON receipt with its OperationOutcome."""
    answer = json.loads(body)
    issues = answer["outcome"]["issue"]
    codes = (i["details"]["coding"][0]["code"] for i in issues if i["severity"] != "information")
    return answer["status"], frozenset(codes)


def registration(body: bytes) -> Said:
    """The SOAP answer to a DocumentRegister: its text lists the codes after the raw item id."""
    root = etree.fromstring(body)
    code = root.find(f".//{_V3}acknowledgement")
    words = root.find(f".//{_V3}acknowledgementDetail/{_V3}text")
    assert code is not None
    assert words is not None
    return _warned(_HL7[str(code.get("typeCode"))], frozenset(str(words.get("value")).split()[1:]))


def envelope_receipt(body: bytes) -> Said:
    """The XML receipt of an envelope of rows."""
    root = etree.fromstring(body)
    found = (finding for finding in root.iter("Finding") if finding.get("severity") != "info")
    return str(root.get("status")), frozenset(str(finding.get("code")) for finding in found)


def _warned(status: str, found: frozenset[str]) -> Said:
    return ("accepted-with-warnings" if status == "accepted" and found else status), found


READ: Mapping[str, Callable[[bytes], Said]] = {
    "wujiang-hl7v2": acknowledgement,
    "jiashan-cda": receipt,
    "jiashan-soap": registration,
    "qingpu-xml": envelope_receipt,
}
"""Door -> how its answers are read."""
