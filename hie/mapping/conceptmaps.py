"""Code maps as FHIR ConceptMaps: how the exchange shows what it translates (FHIR R4 conceptmap).

A row without target is `unmatched`, so the map also tells which codes are known but have no translation. The code that
a closed table gives for codes it does not have is the group's `unmapped`. Further names of a code and the note of a row
stand in `comment`.
"""

from collections.abc import Iterable
from typing import Any

from hie.base.systems import BASE
from hie.mapping.codes import CodeRow, CodeTable

URL = f"{BASE}/fhir/ConceptMap/"
"""The canonical URL of a code map is this and its name."""

VERSION = "1.0.0"


def concept_map(table: CodeTable) -> dict[str, Any] | None:
    """The ConceptMap of a code map; None for a table that translates nothing: it is a CodeSystem only."""
    rows = [row for row in table.rows.values() if row.target_system]
    groups = [_group(table, *pair, rows) for pair in dict.fromkeys((r.source_system, r.target_system) for r in rows)]
    if not table.translates or not groups:
        return None
    return {
        "resourceType": "ConceptMap",
        "id": table.name,
        "url": URL + table.name,
        "version": VERSION,
        "name": "".join(part.capitalize() for part in table.name.split("-")),
        "title": f"代码映射 {table.name}",
        "status": "active",
        "experimental": False,
        "description": f"mappings/codes/{table.file}",
        "group": groups,
    }


def _group(table: CodeTable, source: str, target: str, rows: Iterable[CodeRow]) -> dict[str, Any]:
    elements = [_element(row) for row in rows if (row.source_system, row.target_system) == (source, target)]
    group: dict[str, Any] = {"source": source, "target": target, "element": elements}
    if table.unknown and (source, target) == (table.system, table.target_system):
        fixed = {"mode": "fixed", "code": table.unknown, "display": table.unknown_display}
        group["unmapped"] = {name: value for name, value in fixed.items() if value}
    return group


def _element(row: CodeRow) -> dict[str, Any]:
    comment = "; ".join(text for text in ("|".join(row.names[1:]), row.note) if text)
    target = {
        "code": row.target_code,
        "display": row.target_display if row.target_code else "",
        "equivalence": row.equivalence if row.target_code else "unmatched",
        "comment": comment,
    }
    element = {"code": row.code, "display": row.display}
    return {
        **{name: value for name, value in element.items() if value},
        "target": [{name: value for name, value in target.items() if value}],
    }


def concept_maps(tables: Iterable[CodeTable]) -> list[dict[str, Any]]:
    """The ConceptMaps of all tables that translate."""
    return [made for made in map(concept_map, tables) if made is not None]
