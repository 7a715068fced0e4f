"""What an ITI-65 request must hold beyond the rules of FHIR (IHE MHD 2:3.65.4.1.2): set, documents and bytes agree."""

import base64
import hashlib
from collections.abc import Iterable, Mapping

from hie.base.draft import Key
from hie.base.resource import JsonView
from hie.mapping.fhir.keys import decoded
from hie.mapping.fhir.references import References
from hie.wire.submission import Entry, Submission

SUBMISSION_SET = "submissionset"
"""Code of the List that is the SubmissionSet."""


def provided(submission: Submission, references: References) -> None:
    """Note what is missing or contradicts itself; `references` are those of the submission.

    In a Bundle that says it is ITI-65: one SubmissionSet (`count-mismatch`), with number, and every document it lists
    in the Bundle and of its patient (`key-missing`, `envelope-mismatch`). In every Bundle: bytes that are not in it, or
    differ from size or hash of their attachment (`envelope-mismatch`), base64 that cannot be read
    (`message-malformed`).
    """
    context = references.keys.context
    for entry in submission.stating:
        if entry.type == "Binary" and entry.resource and decoded(entry.resource) is None:
            context.note("message-malformed", "base64", f"{entry.at}.data")
    documents = [entry for entry in submission.stating if entry.type == "DocumentReference" and entry.resource]
    contents = {name: e.resource for e in submission.stating if e.type == "Binary" for name in _names(e)}
    for entry in documents:
        _bytes(entry, contents, references)
    if not any("MHD" in profile for profile in submission.profiles):
        return
    sets = [entry for entry in submission.stating if entry.type == "List" and _is_set(entry.resource)]
    if len(sets) != 1:
        context.note("count-mismatch", f"{len(sets)} SubmissionSets", "Bundle.entry")
    for entry in sets:
        _set(entry, documents, references)
    for entry in documents:
        if not entry.resource.get("masterIdentifier"):
            context.note("key-missing", path=f"{entry.at}.masterIdentifier")


def _is_set(resource: JsonView) -> bool:
    codings = resource.get("code", {}).get("coding", ())
    return any(coding.get("code") == SUBMISSION_SET for coding in codings)


def _set(entry: Entry, documents: Iterable[Entry], references: References) -> None:
    resource, context = entry.resource, references.keys.context
    if not resource.get("identifier"):
        context.note("key-missing", path=f"{entry.at}.identifier")
    if not resource.get("date"):
        context.note("value-missing", path=f"{entry.at}.date")
    for number, item in enumerate(resource.get("entry", ())):
        url = str(item.get("item", {}).get("reference", ""))
        if url.startswith("urn:") and url not in references.known:
            context.note("envelope-mismatch", path=f"{entry.at}.entry[{number}].item")
    owner = references.key_of(resource.get("subject"), "subject")
    for document in documents:
        if _another(owner, references.key_of(document.resource.get("subject"), "subject")):
            context.note("envelope-mismatch", path=f"{document.at}.subject")


def _another(one: Key | None, other: Key | None) -> bool:
    """Whether two keys are of two patients: they are numbers of one kind. Two kinds may be of one."""
    return one is not None and other is not None and one.kind == other.kind and one != other


def _bytes(entry: Entry, contents: Mapping[str, JsonView], references: References) -> None:
    context = references.keys.context
    for number, content in enumerate(entry.resource.get("content", ())):
        attachment = content.get("attachment", {})
        url, path = str(attachment.get("url", "")), f"{entry.at}.content[{number}].attachment"
        binary = contents.get(url or "-")
        if url.startswith("urn:uuid:") and url not in references.known:
            context.note("envelope-mismatch", path=f"{path}.url")
        data = decoded(binary) if binary is not None else None
        if data is None:
            continue
        for name in _contradictions(attachment, data):
            context.note("envelope-mismatch", path=f"{path}.{name}")


def _contradictions(attachment: JsonView, data: bytes) -> Iterable[str]:
    """Elements of an attachment that do not fit its bytes.

    The hash is SHA-1 (FHIR R4 Attachment.hash); the examples of MHD have its hexadecimal digits in base64.
    """
    if "size" in attachment and attachment["size"] != len(data):
        yield "size"
    digest = hashlib.sha1(data, usedforsecurity=False)
    right = (base64.b64encode(form).decode("ascii") for form in (digest.digest(), digest.hexdigest().encode()))
    if attachment.get("hash") and attachment["hash"] not in right:
        yield "hash"


def _names(entry: Entry) -> Iterable[str]:
    """What an attachment of the same Bundle may call a Binary."""
    return entry.full_url, "/".join(entry.full_url.split("/")[-2:]), f"Binary/{entry.resource.get('id', '')}"
