"""The generated page about our profiles, extensions, code systems and identifier systems."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hie.base.data import data_path
from hie.base.resource import Json
from hie.fhir.validate import OURS
from tools.markdown import table

BESIDE = ("meta.source", "meta.tag", "meta.tag:region", "meta.tag:region.system", "meta.tag:region.code")
"""What every profile says; told once."""


def page() -> str:
    """All of it."""
    found = {kind: list(_read(kind)) for kind in ("StructureDefinition", "CodeSystem", "NamingSystem")}
    profiles = [row for row in found["StructureDefinition"] if row["kind"] == "resource"]
    extensions = [row for row in found["StructureDefinition"] if row["kind"] != "resource"]
    text = "# Profiles · 资源规范\n\n"
    text += table(("Profile", "Type", "标题", "Title", "Meant for"), [_summary(row) for row in profiles])
    for row in profiles:
        text += f"\n## {row['id']}\n\n{row['title']} · {english(row, 'title')}. `{row['url']}`\n\n"
        stated = [e for e in row["differential"]["element"][1:] if e["id"].partition(".")[2] not in BESIDE]
        text += table(("Element", "Card.", "Must support", "States", "Meaning"), [_element(e) for e in stated])
        rules = [rule for e in row["differential"]["element"] for rule in e.get("constraint", ())]
        if rules:
            text += "\n" + table(("Rule", "Severity", "Meaning"), [_rule(rule) for rule in rules])
    text += "\n# Extensions · 扩展\n\n"
    text += table(("Extension", "On", "Value", "标题", "Title"), [_extension(row) for row in extensions])
    text += "\n# Code systems · 代码系统\n\n"
    heads = ("Code system", "URL", "Codes", "标题", "Title")
    text += table(heads, [_system(row) for row in found["CodeSystem"]])
    text += "\n# Identifier systems · 标识系统\n\n"
    return text + table(("Kind", "System", "名称", "Meaning"), [_naming(row) for row in found["NamingSystem"]])


def _read(kind: str) -> Iterator[Json]:
    for path in sorted(data_path("profiles", "hie").glob(f"{kind}-*.json")):
        yield json.loads(path.read_bytes())


def english(row: Json, element: str) -> str:
    """The English translation of an element."""
    return str(row[f"_{element}"]["extension"][0]["extension"][1]["valueString"])


def _summary(row: Json) -> tuple[object, ...]:
    meant = next(one.meant for one in OURS[row["type"]] if one.url == row["url"])
    return f"[`{row['id']}`](#{row['id']})", row["type"], row["title"], english(row, "title"), meant


def _element(element: Mapping[str, Any]) -> tuple[object, ...]:
    low, high = element.get("min", ""), element.get("max", "")
    must = "yes" if element.get("mustSupport") else ""
    card = f"{low}..{high}" if low != "" or high != "" else ""
    return f"`{element['id'].partition('.')[2]}`", card, must, _states(element), element.get("definition", "")


def _states(element: Mapping[str, Any]) -> str:
    said = []
    for key, value in element.items():
        how = next((name for name in ("fixed", "pattern") if key.startswith(name)), None)
        if how is not None:
            said.append(f"{how} `{json.dumps(value, ensure_ascii=False)}`")
    if "slicing" in element:
        rows = element["slicing"]["discriminator"]
        said.append("slices by " + ", ".join(f"{row['type']} of `{row['path']}`" for row in rows))
    for kind in element.get("type", ()):
        targets = [url.rpartition("/")[2] for url in (*kind.get("profile", ()), *kind.get("targetProfile", ()))]
        said.append(f"{kind['code']}" + (f" ({', '.join(targets)})" if targets else ""))
    if "binding" in element:
        binding = element["binding"]
        said.append(f"{binding['strength']} `{binding['valueSet'].rpartition('/')[2]}`")
    return "; ".join(said)


def _rule(rule: Mapping[str, Any]) -> tuple[object, ...]:
    return f"`{rule['key']}`", rule["severity"], rule["human"]


def _extension(row: Json) -> tuple[object, ...]:
    value = next(e for e in row["differential"]["element"] if e["id"] == "Extension.value[x]")
    places = ", ".join(f"`{one['expression']}`" for one in row["context"])
    return f"`{row['id']}`", places, _states(value), row["title"], english(row, "title")


def _system(row: Json) -> tuple[object, ...]:
    codes = row.get("count", "not here") if row["content"] != "fragment" else f"{row['count']} and more"
    return f"`{row['id']}`", f"`{row['url']}`", codes, row["title"], english(row, "title")


def _naming(row: Json) -> tuple[object, ...]:
    shown = next(one["value"] for one in row["uniqueId"] if one["type"] in ("other", "uri"))
    return f"`{row['id']}`", f"`{shown}`", row["description"], english(row, "description")
