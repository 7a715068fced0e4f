"""The TerminologyCapabilities: which code systems are here and what can be asked (FHIR R4 terminologycapabilities)."""

import asyncio
from itertools import groupby

from hie.api.content import encoded
from hie.api.message import Answer, Request
from hie.api.service import Service
from hie.base.clock import instant
from hie.base.resource import Json
from hie.terminology.port import SystemInfo
from hie.terminology.service import Terminology

_BY_HIERARCHY = ("is-a", "descendent-of", "is-not-a", "generalizes")
_BY_VALUE = ("=", "in", "not-in", "regex", "exists")
_DEFINED = ("display", "definition", "parent", "child", "inactive", "notSelectable")
EXPANSION = {
    "filter": "Words that must all be found in the code, a name in any language, or its pinyin or initials",
    "offset": "Codes to skip",
    "count": "Codes to give; without it all, at most 10,000",
    "activeOnly": "No inactive codes",
    "excludeNotForUI": "No abstract codes",
    "includeDesignations": "With all names",
    "designation": "Only names of this language or use",
    "includeDefinition": "With definitions, as extension",
    "displayLanguage": "Language of the display, also by Accept-Language",
    "valueSetVersion": "Version of the value set",
    "system-version": "Version of a code system where the value set names none",
    "check-system-version": "Version that must be the one used",
    "force-system-version": "Version to use whatever the value set names",
    "exclude-system": "Code system to leave out",
}
"""Parameters of `$expand` that are honoured."""


async def terminology_capabilities(service: Service, request: Request) -> Answer:
    """The statement for `metadata?mode=terminology`, made for every request: what is loaded may have changed."""
    assert service.terminology is not None
    answers: Terminology = service.terminology.answers
    infos = await asyncio.to_thread(answers.infos)
    statement = {
        "resourceType": "TerminologyCapabilities",
        "status": "active",
        "date": instant(service.clock.now()),
        "kind": "instance",
        "software": {"name": service.settings.software, "version": service.settings.version},
        "implementation": {"description": "Health information exchange", "url": request.base},
        "codeSystem": [_system(url, list(rows)) for url, rows in groupby(infos, key=lambda info: info.url)],
        "expansion": {
            "hierarchical": False,
            "paging": True,
            "incomplete": False,
            "parameter": [{"name": name, "documentation": told} for name, told in EXPANSION.items()],
            "textFilter": "Parts of words, without regard to case and width; pinyin without tones; initials of pinyin",
        },
        "codeSearch": "all",
        "validateCode": {"translations": False},
        "translation": {"needsMap": False},
    }
    return Answer(200, encoded(statement), {"Cache-Control": "no-cache"}, shaped=True)


def _system(url: str, versions: list[SystemInfo]) -> Json:
    told = [_version(info) for info in versions]
    row: Json = {"uri": url, "version": [version for version in told if version]}
    if any(info.hierarchical for info in versions):
        row["subsumption"] = True
    return {key: value for key, value in row.items() if value}


def _version(info: SystemInfo) -> Json:
    properties = sorted({*info.properties, *_DEFINED})
    row: Json = {
        "code": info.version,
        "language": [info.language] if info.language else [],
        "filter": [
            *([{"code": "concept", "op": list(_BY_HIERARCHY)}] if info.hierarchical else []),
            {"code": "code", "op": list(_BY_VALUE)},
        ],
        "property": properties if info.content != "grammar" else [],
    }
    return {key: value for key, value in row.items() if value}
