"""Settings of the FHIR API: limits and defaults, each with its unit."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class FhirSettings:
    """What an operator may set.

    `base_url`: the public service base without trailing slash; empty: taken from each request.
    `max_body`: bytes of a request body, also after gzip is undone. `body_seconds`: time to receive a body.
    `seconds`: time for anything but a write. `default_count`, `max_count`: resources a page.
    `max_entries`: entries of a batch or transaction. `gzip_minimum`: bytes from which an answer is compressed.
    `cors_origins`: web origins that may call from a browser; `*` for any; none by default, since a page on any site
    could otherwise read a server on the visitor's own machine. `secret`: signs paging links; links of another secret
    are refused, so several processes must share it. `check_references`: refuse literal references to resources that
    do not exist here. `export_folder`: where bulk exports are written; None switches `$export` off.
    `export_seconds`: how long their files are kept. `profiles`: type -> URLs of the profiles that are supported.
    """

    base_url: str = ""
    max_body: int = 64 * 1024 * 1024
    body_seconds: float = 60.0
    seconds: float = 60.0
    default_count: int = 50
    max_count: int = 1000
    max_entries: int = 20_000
    gzip_minimum: int = 2048
    cors_origins: tuple[str, ...] = ()
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    check_references: bool = False
    export_folder: Path | None = None
    export_seconds: float = 86_400.0
    profiles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    software: str = "hie"
    version: str = "0.1.0"
