"""Rebuild `profiles/r4/` from the official FHIR R4 npm packages (see docs/decisions/0010-r4-definitions.md).

    npm pack hl7.fhir.r4.examples@4.0.1
    npm pack hl7.fhir.r4.expansions@4.0.1
    python tools/build_r4_definitions.py hl7.fhir.r4.examples-4.0.1.tgz hl7.fhir.r4.expansions-4.0.1.tgz

Both packages are CC0. Same input, same bytes out.
"""

import json
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hie.base.resource import Json

OUT = Path(__file__).resolve().parent.parent / "profiles" / "r4"
FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
REGEX = "http://hl7.org/fhir/StructureDefinition/regex"
CORE = "http://hl7.org/fhir/StructureDefinition/"
CORE_PARAMETER = "http://hl7.org/fhir/SearchParameter/"
LICENSED = (
    "http://snomed.info/",
    "http://loinc.org",
    "http://www.ama-assn.org",
    "http://ihe.net",
    "urn:iso:std:iso:11073",
)
"""Code systems whose owners do not give their content away; expansions that list their codes are left out."""

CORRECTED = {
    "DocumentReference-relationship": {
        CORE_PARAMETER + "DocumentReference-relatesto": "target",
        CORE_PARAMETER + "DocumentReference-relation": "code",
    }
}
"""Composites whose components R4 publishes with each other's expression, as R4B and R5 have them."""

ELEMENT_KEYS = ("isModifier", "isSummary", "contentReference", "maxLength")
NOISE = ("text", "meta", "extension", "contact", "publisher", "date", "purpose", "copyright", "jurisdiction", "mapping")


def members(archive: Path) -> Iterator[Json]:
    """Every definition resource of a package, in name order, each name once."""
    wanted = re.compile(
        r"package/(StructureDefinition|SearchParameter|CompartmentDefinition|OperationDefinition|ValueSet|CodeSystem)-"
        r"[^/]*\.json$"
    )
    with tarfile.open(archive) as tar:
        names = sorted(name for name in tar.getnames() if wanted.match(name))
        for name in names:
            handle = tar.extractfile(name)
            if handle is not None:
                yield json.load(handle)


def extension_value(holder: Json, url: str) -> Any:
    """The value of the first extension with `url`, else None."""
    for extension in holder.get("extension", []):
        if extension["url"] == url:
            return next((value for key, value in extension.items() if key.startswith("value")), None)
    return None


def short(url: str) -> str:
    """A core profile URL as its bare name; any other URL as it is."""
    return url[len(CORE) :] if url.startswith(CORE) else url


def compact_type(entry: Json) -> Json:
    """One `type` of an element: FHIR code, and the profiles that narrow it."""
    code = entry.get("code", "")
    if code.startswith("http://hl7.org/fhirpath/"):
        code = extension_value(entry, FHIR_TYPE) or code.rsplit(".", 1)[-1].lower()
    out: Json = {"code": code}
    for key in ("profile", "targetProfile"):
        if entry.get(key):
            out[key] = [short(url) for url in entry[key]]
    regex = extension_value(entry, REGEX)
    if regex:
        out["regex"] = regex
    return out


def compact_element(element: Json, shared: Json) -> Json:
    """One snapshot element; its constraints go to `shared` by key."""
    out: Json = {"path": element["path"], "min": element.get("min", 0), "max": element.get("max", "*")}
    if element.get("sliceName"):
        out["id"], out["slice"] = element["id"], element["sliceName"]
    elif element.get("id") != element["path"]:
        out["id"] = element["id"]
    types = [compact_type(entry) for entry in element.get("type", [])]
    if element["path"] == "Resource.id" or element.get("base", {}).get("path") == "Resource.id":
        types = [{"code": "id"}]
    if types:
        out["type"] = types
    base = element.get("base", {}).get("path")
    if base and base != element["path"]:
        out["base"] = base
    for key in ELEMENT_KEYS:
        if element.get(key):
            out[key] = element[key]
    for key, value in element.items():
        if key.startswith(("fixed", "pattern", "minValue", "maxValue")):
            out[key] = value
    if "slicing" in element:
        out["slicing"] = {k: v for k, v in element["slicing"].items() if k != "description"}
    if "xmlAttr" in element.get("representation", []):
        out["xmlAttr"] = True
    binding = element.get("binding")
    if binding and binding.get("valueSet"):
        out["binding"] = [binding["strength"], binding["valueSet"].split("|")[0]]
    keys = []
    for constraint in element.get("constraint", []):
        if constraint.get("expression"):
            keys.append(constraint["key"])
            row = {k: constraint[k] for k in ("severity", "human", "expression")}
            if shared.setdefault(constraint["key"], row) != row:
                keys[-1] = f"{constraint['key']}@{element['path']}"
                shared[keys[-1]] = row
    if keys:
        out["constraint"] = keys
    return out


def compact_structure(definition: Json) -> Json:
    """One StructureDefinition: head, elements, constraints by key."""
    shared: Json = {}
    elements = [compact_element(element, shared) for element in definition["snapshot"]["element"]]
    head = {key: definition[key] for key in ("url", "name", "type", "kind", "abstract") if key in definition}
    head["title"] = definition.get("title", definition["name"])
    if definition.get("baseDefinition"):
        head["base"] = short(definition["baseDefinition"])
    for key in ("derivation", "context", "contextInvariant"):
        if definition.get(key):
            head[key] = definition[key]
    return {**head, "constraints": shared, "elements": elements}


def compact_parameter(parameter: Json) -> Json:
    """One SearchParameter without its prose beyond the description, its components corrected."""
    keys = (
        "id",
        "url",
        "code",
        "base",
        "type",
        "expression",
        "target",
        "multipleOr",
        "multipleAnd",
        "comparator",
        "modifier",
        "chain",
        "component",
        "xpathUsage",
        "description",
    )
    out = {key: parameter[key] for key in keys if key in parameter}
    right = CORRECTED.get(parameter["id"])
    if right:
        out["component"] = [{**part, "expression": right[part["definition"]]} for part in parameter["component"]]
    return out


def concepts(items: list[Json]) -> list[Json]:
    """A concept tree reduced to code, display, definition and children."""
    out = []
    for item in items:
        row = {key: item[key] for key in ("code", "display", "definition", "property") if item.get(key)}
        if row.get("definition") == row.get("display"):
            row.pop("definition", None)
        if item.get("concept"):
            row["concept"] = concepts(item["concept"])
        out.append(row)
    return out


def compact_code_system(system: Json) -> Json:
    """One CodeSystem with its concepts and no prose."""
    out = {key: value for key, value in system.items() if key not in (*NOISE, "description", "identifier", "concept")}
    if system.get("concept"):
        out["concept"] = concepts(system["concept"])
    return out


def expansion_rows(contains: list[Json]) -> Iterator[list[str]]:
    """(system, code, display) of every selectable code."""
    for item in contains:
        if item.get("code") and not item.get("abstract"):
            yield [item.get("system", ""), item["code"], item.get("display", "")]
        yield from expansion_rows(item.get("contains", []))


def compact_value_set(value_set: Json, expansion: Json | None) -> Json:
    """One ValueSet: head, compose, and its codes as {system: [[code, display], ...]} when they may be shipped."""
    out = {
        key: value for key, value in value_set.items() if key not in (*NOISE, "description", "identifier", "expansion")
    }
    if expansion is None or "expansion" not in expansion:
        return out
    grouped: dict[str, list[list[str]]] = {}
    for system, code, display in expansion_rows(expansion["expansion"].get("contains", [])):
        grouped.setdefault(system, []).append([code, display])
    total = expansion["expansion"].get("total", 0)
    count = sum(len(rows) for rows in grouped.values())
    complete = count >= total and not extension_value(expansion["expansion"], CORE + "valueset-toocostly")
    if grouped and complete and not any(system.startswith(LICENSED) for system in grouped):
        out["codes"] = grouped
    return out


def dump(value: Any) -> bytes:
    """Compact, stable JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def write_lines(name: str, rows: dict[str, Json]) -> None:
    """`name`.jsonl with one definition per line, and `name`.index.json: key -> [offset, length]."""
    index: dict[str, list[int]] = {}
    offset = 0
    with (OUT / f"{name}.jsonl").open("wb") as out:
        for key in sorted(rows):
            line = dump(rows[key]) + b"\n"
            index[key] = [offset, len(line)]
            offset += out.write(line)
    (OUT / f"{name}.index.json").write_bytes(dump(index) + b"\n")


def write_list(name: str, rows: list[Json]) -> None:
    """A JSON array with one definition per line."""
    (OUT / f"{name}.json").write_bytes(b"[\n" + b",\n".join(dump(row) for row in rows) + b"\n]\n")


def is_type(definition: Json) -> bool:
    """Whether a StructureDefinition defines a type (and not a profile, extension or logical model)."""
    return definition["kind"] != "logical" and definition.get("derivation") != "constraint"


def build(package: Path, expansions: Path) -> None:
    """Write every file of `profiles/r4/`."""
    OUT.mkdir(parents=True, exist_ok=True)
    by_kind: dict[str, list[Json]] = {}
    for resource in members(package):
        by_kind.setdefault(resource["resourceType"], []).append(resource)
    expanded = {value_set["url"]: value_set for value_set in members(expansions)}

    structures = by_kind["StructureDefinition"]
    types = {d["type"]: compact_structure(d) for d in structures if is_type(d)}
    types["xhtml"]["kind"] = "primitive-type"
    write_lines("types", types)
    head = ("kind", "abstract", "base")
    rows = [{"type": name, **{k: types[name][k] for k in head if k in types[name]}} for name in sorted(types)]
    write_list("type-names", rows)
    write_lines(
        "profiles",
        {d["url"]: compact_structure(d) for d in structures if d.get("derivation") == "constraint" and "snapshot" in d},
    )

    parameters = [p for p in by_kind["SearchParameter"] if not p["id"].startswith("example")]
    write_list("search-parameters", [compact_parameter(p) for p in sorted(parameters, key=lambda p: p["url"])])
    compartments = [c for c in by_kind["CompartmentDefinition"] if c["id"] != "example"]
    write_list(
        "compartments",
        [
            {"code": c["code"], "resource": {r["code"]: r["param"] for r in c["resource"] if r.get("param")}}
            for c in sorted(compartments, key=lambda c: c["code"])
        ],
    )
    operations = [o for o in by_kind["OperationDefinition"] if o["id"] != "example"]
    write_list(
        "operations",
        [{k: v for k, v in o.items() if k not in NOISE} for o in sorted(operations, key=lambda o: o["url"])],
    )
    write_lines(
        "code-systems",
        {c["url"]: compact_code_system(c) for c in by_kind["CodeSystem"] if not c["url"].startswith(LICENSED)},
    )
    value_sets = {v["url"]: v for v in by_kind["ValueSet"]}
    write_lines(
        "value-sets", {url: compact_value_set(v, expanded.get(url)) for url, v in {**expanded, **value_sets}.items()}
    )


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]))
