"""Files of a record: the attachments of documents and reports, each as a download (R4 Attachment)."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from hie.base.resource import Resource
from hie.browse.elements import first, items, target, text_of
from hie.browse.source import Source
from hie.wire.safejson import loads

ENDINGS: Mapping[str, str] = {
    "application/dicom": "dcm",
    "application/hl7-cda+xml": "xml",
    "application/hl7-v3+xml": "xml",
    "application/pdf": "pdf",
    "application/rtf": "rtf",
    "application/xml": "xml",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "text/plain": "txt",
    "text/rtf": "rtf",
    "text/xml": "xml",
}
"""Content type -> ending of the name of a download; nothing that a browser would run is among them."""


@dataclass(frozen=True, slots=True)
class File:
    """One attachment: its title, content type and where it is, below the record.

    `path` is empty when the exchange does not have the bytes; `elsewhere` is then the address that the source gave.
    """

    title: str
    content_type: str
    path: str
    elsewhere: str
    binary: str
    data: str

    @property
    def ending(self) -> str:
        """The ending of its name, `bin` for a type that is not known."""
        return ENDINGS.get(bare(self.content_type), "bin")

    @property
    def opens(self) -> bool:
        """Whether `elsewhere` is an address on the web."""
        return self.elsewhere.lower().startswith(("https://", "http://"))


def bare(content_type: str) -> str:
    """A content type without its parameters."""
    return content_type.split(";", 1)[0].strip().lower()


def files(resource: Resource) -> tuple[File, ...]:
    """The attachments of a DocumentReference or DiagnosticReport, in their order."""
    listed = [first(c, "attachment") for c in items(resource, "content")] + items(resource, "presentedForm")
    here = f"{text_of(resource, 'resourceType')}/{text_of(resource, 'id')}"
    return tuple(_file(attachment, f"{here}/file/{number}") for number, attachment in enumerate(listed))


def _file(attachment: Resource, here: str) -> File:
    url, data = text_of(attachment, "url"), text_of(attachment, "data")
    kind, ident = target({"reference": url})
    stored = ident if kind == "Binary" and not data else ""
    return File(
        title=text_of(attachment, "title"),
        content_type=text_of(attachment, "contentType"),
        path=here if data else f"Binary/{stored}" if stored else "",
        elsewhere="" if data or stored else url,
        binary=stored,
        data=data,
    )


def binary(resource: Resource) -> tuple[str, bytes]:
    """Content type and bytes of a Binary; empty bytes when its data is not base64."""
    return text_of(resource, "contentType") or "application/octet-stream", decoded(text_of(resource, "data"))


def decoded(data: str) -> bytes:
    """The bytes of base64 text; empty when it is none."""
    try:
        return base64.b64decode(data)
    except (binascii.Error, ValueError):
        return b""


async def content(source: Source, file: File) -> tuple[str, bytes]:
    """Content type and bytes of a file; no bytes when the exchange does not have them."""
    if file.data:
        return file.content_type, decoded(file.data)
    body = await source.body("Binary", file.binary) if file.binary else b""
    return binary(loads(body)) if body else (file.content_type, b"")
