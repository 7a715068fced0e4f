"""NamingSystems from `source/naming-systems.toml`: what each identifier system means and who gives the numbers."""

from collections.abc import Iterator, Mapping
from typing import Any

from hie.app import load_adapters
from hie.base.resource import Json
from hie.base.systems import BASE, identifier_system
from tools.profile_frame import bilingual, camel, frame, published, read

V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"


def kinds() -> dict[str, tuple[str, str]]:
    """Kind or OID -> its Chinese and English title."""
    return {row.get("oid", name): tuple(row["title"]) for name, row in read("naming-systems.toml").items()}


def naming_systems() -> Iterator[Json]:
    """A NamingSystem for each kind of identifier."""
    for name, row in read("naming-systems.toml").items():
        yield frame(
            "NamingSystem",
            name,
            row["title"],
            name=camel(name),
            **published(),
            kind=row.get("kind", "identifier"),
            type={"coding": [{"system": V2_0203, "code": row["type"]}]} if "type" in row else None,
            **bilingual("description", row["title"]),
            usage=_RULE if row.get("local") else None,
            uniqueId=list(_ids(name, row)),
        )


_RULE = f"每个机构自行编号 · each organisation gives its own: {BASE}/id/{{USCC}}/{{kind}} (common rules §4, rule L)"


def _ids(name: str, row: Mapping[str, Any]) -> Iterator[Json]:
    oid = row.get("oid")
    if oid:
        yield {"type": "oid", "value": oid}
    if not row.get("local"):
        yield {"type": "uri", "value": row.get("uri") or f"urn:oid:{oid}", "preferred": True}
        return
    kind = oid or name
    yield {"type": "other", "value": identifier_system("{USCC}", kind), "comment": "RFC 6570"}
    for adapter in load_adapters():
        if adapter.region in row.get("regions", (adapter.region,)):
            for organisation in adapter.organisations:
                system = identifier_system(organisation.uscc, kind)
                yield {"type": "uri", "value": system, "comment": organisation.name}
