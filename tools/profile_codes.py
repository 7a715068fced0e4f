"""CodeSystems and ValueSets from `source/code-systems.toml`, `source/value-sets.toml` and `mappings/codes/*.csv`."""

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from hie.base.data import data_path
from hie.base.finding import CODES
from hie.base.resource import Json
from hie.mapping.codefile import load_codes
from hie.mapping.codes import CodeTable
from tools.profile_frame import SOURCE, VERSION, bilingual, camel, frame, published, read, url_of
from tools.profile_names import kinds


@cache
def _english() -> dict[str, str]:
    with (SOURCE / "english.csv").open(encoding="utf-8", newline="") as lines:
        return {row["zh"]: row["en"] for row in csv.DictReader(lines)}


@cache
def _tables() -> tuple[CodeTable, ...]:
    return tuple(load_codes(data_path("mappings", "codes")).values())


def system_url(name: str, row: Mapping[str, Any]) -> str:
    """The URL of a code system of the source table."""
    return str(row.get("url") or url_of("CodeSystem", name))


def code_systems() -> Iterator[Json]:
    """Every code system of the source table."""
    for name, row in read("code-systems.toml").items():
        concepts = list(_concepts(system_url(name, row), row))
        if bool(concepts) == (row["content"] == "not-present"):
            raise ValueError(f"code system {name}: content does not fit its {len(concepts)} concepts")
        yield frame(
            "CodeSystem",
            name,
            row["title"],
            url=system_url(name, row),
            identifier=_oid(system_url(name, row)),
            version=VERSION,
            name=camel(name),
            **bilingual("title", row["title"]),
            **published(),
            experimental=False,
            caseSensitive=True,
            valueSet=url_of("ValueSet", name),
            content=row["content"],
            count=len(concepts) or None,
            concept=concepts,
        )


def _oid(url: str) -> list[Json]:
    return [{"system": "urn:ietf:rfc:3986", "value": url}] if url.startswith("urn:oid:") else []


def _concepts(url: str, row: Mapping[str, Any]) -> Iterator[Json]:
    if row.get("from") == "findings":
        for code, finding in CODES.items():
            yield _concept(code, (finding.zh,), finding.en)
        return
    if row.get("from") == "naming-systems":
        for code, (zh, en) in kinds().items():
            yield _concept(code, (zh,), en)
        return
    found: dict[str, tuple[str, ...]] = {}
    for table in _tables():
        for mapped in table.rows.values():
            if mapped.source_system == url and len(mapped.names) >= len(found.get(mapped.code, ())):
                found[mapped.code] = mapped.names or (mapped.code,)
    for text in row.get("more", ()):
        code, _, zh = text.partition(" ")
        found[code] = (zh,)
    for code, names in found.items():
        yield _concept(code, names, _english().get(names[0], "" if _is_chinese(names[0]) else names[0]))


def _concept(code: str, names: tuple[str, ...], english: str) -> Json:
    """A concept: Chinese display, English and synonyms as designations."""
    if not english:
        raise ValueError(f"{names[0]} has no English in english.csv")
    others = [{"language": "zh-CN", "value": name} for name in names[1:]]
    translated = [{"language": "en", "value": english}] if english != names[0] else []
    designations = [*translated, *others]
    return {"code": code, "display": names[0]} | ({"designation": designations} if designations else {})


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def value_sets() -> Iterator[Json]:
    """A value set of all codes of each of our code systems, and those of the source table."""
    for name, row in read("code-systems.toml").items():
        yield _value_set(name, row["title"], [{"system": system_url(name, row)}])
    for name, row in read("value-sets.toml").items():
        yield _value_set(name, row["title"], [_include(text) for text in row["include"]])


def _include(row: Mapping[str, Any]) -> Json:
    """`{ system, codes = ["code display"] }` or `{ value-set }`, by name for our own."""
    if "value-set" in row:
        return {"valueSet": [url_of("ValueSet", row["value-set"])]}
    concepts = [dict(zip(("code", "display"), text.split(" ", 1), strict=False)) for text in row.get("codes", ())]
    return {"system": row["system"]} | ({"concept": concepts} if concepts else {})


def _value_set(name: str, title: list[str], include: list[Json]) -> Json:
    return frame(
        "ValueSet",
        name,
        title,
        url=url_of("ValueSet", name),
        version=VERSION,
        name=camel(name),
        **bilingual("title", title),
        **published(),
        experimental=False,
        compose={"include": include},
    )
