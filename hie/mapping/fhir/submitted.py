"""What an ITI-65 request must hold beyond the rules of FHIR (IHE MHD 2:3.65.4.1.2): set, documents and bytes agree."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from hie.base.draft import Key
from hie.mapping.context import Context
from hie.mapping.fhir.keys import decoded
from hie.wire.submission import Entry, Submission

Json = Mapping[str, Any]

SUBMISSION_SET = "submissionset"
"""Code of the List that is the SubmissionSet."""


def provided(submission: Submission, known: Mapping[str, Key], context: Context) -> None:
    """Note what is missing or contradicts itself.

    In a Bundle that says it is ITI-65: one SubmissionSet (`count-mismatch`), with number, and every document it lists
    in the Bundle (`key-missing`, `envelope-mismatch`). In every Bundle: bytes that differ from size or hash of
    their attachment (`envelope-mismatch`), base64 that cannot be read (`message-malformed`).
    """
    for entry in submission.entries:
        if entry.type == "Binary" and entry.resource and decoded(entry.resource) is None:
            context.note("message-malformed", "base64", f"{entry.path}.resource.data")
    documents = [entry for entry in submission.entries if entry.type == "DocumentReference"]
    contents = {name: e.resource for e in submission.entries if e.type == "Binary" for name in _names(e)}
    for entry in documents:
        _bytes(entry, contents, context)
    if not any("MHD" in profile for profile in submission.profiles):
        return
    sets = [entry for entry in submission.entries if entry.type == "List" and _is_set(entry.resource)]
    if len(sets) != 1:
        context.note("count-mismatch", f"{len(sets)} SubmissionSets", "Bundle.entry")
    for entry in sets:
        _set(entry, known, context)
    for entry in documents:
        if not entry.resource.get("masterIdentifier"):
            context.note("key-missing", path=f"{entry.path}.resource.masterIdentifier")


def _is_set(resource: Json) -> bool:
    codings = resource.get("code", {}).get("coding", ())
    return any(coding.get("code") == SUBMISSION_SET for coding in codings)


def _set(entry: Entry, known: Mapping[str, Key], context: Context) -> None:
    resource = entry.resource
    if not resource.get("identifier"):
        context.note("key-missing", path=f"{entry.path}.resource.identifier")
    if not resource.get("date"):
        context.note("value-missing", path=f"{entry.path}.resource.date")
    for number, item in enumerate(resource.get("entry", ())):
        url = str(item.get("item", {}).get("reference", ""))
        if url.startswith("urn:") and url not in known:
            context.note("envelope-mismatch", path=f"{entry.path}.resource.entry[{number}].item")


def _bytes(entry: Entry, contents: Mapping[str, Json], context: Context) -> None:
    for number, content in enumerate(entry.resource.get("content", ())):
        attachment = content.get("attachment", {})
        binary = contents.get(str(attachment.get("url", "")) or "-")
        data = decoded(binary) if binary is not None else None
        if data is None:
            continue
        path = f"{entry.path}.resource.content[{number}].attachment"
        for name in _contradictions(attachment, data):
            context.note("envelope-mismatch", path=f"{path}.{name}")


def _contradictions(attachment: Json, data: bytes) -> Iterable[str]:
    """Elements of an attachment that do not fit its bytes; the hash is SHA-1 (FHIR R4 Attachment.hash)."""
    if "size" in attachment and attachment["size"] != len(data):
        yield "size"
    stated = attachment.get("hash")
    if stated and stated != base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode("ascii"):
        yield "hash"


def _names(entry: Entry) -> Iterable[str]:
    """What an attachment of the same Bundle may call a Binary."""
    return entry.full_url, "/".join(entry.full_url.split("/")[-2:]), f"Binary/{entry.resource.get('id', '')}"
