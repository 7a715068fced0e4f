"""`hie adapters new`: a working package for a fourth region, made from the region that sends the same kind of bytes.

Maps and code maps are copies under the new name, samples are invented, golden files and tests come with it: the package
is green before anything is changed, and every later change shows in its golden files.
"""

import csv
import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from string import Template

from hie.app import load_adapters
from hie.base.data import data_path
from hie.base.errors import Category, HieError
from hie.base.gb32100 import check_character
from hie.commands.skeleton_fhir import fhir_files, fhir_samples
from hie.plugin import Adapter
from hie.simulate.catalogue import HOSPITALS
from hie.simulate.history import Visit, World, plan, visit
from hie.simulate.jiashan import register
from hie.simulate.regions import REGIONS
from hie.testing.material import write_golden

_NAME = re.compile(r"[a-z][a-z0-9]{1,30}")
_CLAUSE = re.compile(r'^clause = .*\n|, clause = "[^"]*"', re.MULTILINE)
_CITED = re.compile(r" \((?:Wujiang|Jiashan interface|qingpu-xml|§)[^()]*\)")
"""A clause of the first region's interface document, in a comment: the reader has another document."""

_ABOUT = re.compile(r'\A"""[^\n"]*(?="""|\n)')
_WORLD = World(seed=188, patients=400, start=datetime(2025, 1, 6), days=60)
_TEMPLATES = Path(__file__).resolve().parent / "skeleton_files"
_ROWS = "\n| how the rows are wrapped: begin here | `{package}/mappings/rows/{feed}.toml` |"
"""The line about row tables in the README of a package that has them."""

_BESIDE = {
    "hl7v2": "; over MLLP as well with\n`mllp=True` in `{package}/__init__.py` and a port of its own for the server: "
    "`HIE_MLLP_PORTS={feed}=2576`",
    "cda": "; over SOAP\n`POST /feeds/{region}-soap` with `Content-Type: text/xml`",
}
"""Feed suffix -> what the README says of further ways in."""

_TARGETS = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "adapter.py": "{package}/__init__.py",
    "test_adapter.py": "tests/test_adapter.py",
}
"""Template -> file of the package."""


@dataclass(frozen=True)
class Kind:
    """What a region may send: the region to start from, its feed suffix and content type."""

    region: str
    suffix: str
    content_type: str
    ending: str


KINDS: Mapping[str, Kind] = {
    "hl7v2": Kind("wujiang", "hl7v2", "application/hl7-v2", "hl7"),
    "cda": Kind("jiashan", "cda", "application/xml", "xml"),
    "xml": Kind("qingpu", "xml", "application/xml", "xml"),
    "fhir": Kind("", "fhir", "application/fhir+json", "fhir"),
}
"""`--from` -> what the package starts as; FHIR starts from templates, not from a region."""


def new_adapter(region: str, kind: str, parent: Path) -> Path:
    """Make the package of a region in `parent`; returns its folder.

    Raises INVALID for a name that is none or a kind that is not there, CONFLICT when region or folder exist.
    """
    if not _NAME.fullmatch(region):
        raise HieError(Category.INVALID, f"{region!r} is no region code: small letters and digits, such as kunshan.")
    if kind not in KINDS:
        raise HieError(Category.INVALID, f"--from must be one of {', '.join(KINDS)}.")
    adapters = {adapter.region: adapter for adapter in load_adapters()}
    folder = parent / f"hie-adapter-{region}"
    if region in adapters or folder.exists():
        raise HieError(Category.CONFLICT, f"There is an adapter {region!r} or a folder {folder} already.")
    start = KINDS[kind]
    source = adapters.get(start.region)
    if source is None and start.region:
        raise HieError(Category.NOT_FOUND, f"The adapter {start.region!r}, from which to start, is not installed.")
    package = folder / f"hie_adapter_{region}"
    for path, text in _files(region, start, source):
        _write(folder / path, text.encode())
    samples = _samples(region, start) if start.region else fhir_samples(_words(region, start, source))
    for number, (label, body) in enumerate(samples, start=1):
        _write(package / "samples" / f"{number:02d}-{label}.{start.ending}", body)
    write_golden(load_package(folder, package.name), folder / "tests" / "golden")
    return folder


def organisation(region: str) -> tuple[str, str, str]:
    """The invented institution of a new region: short code, USCC with a right check character, name."""
    body = f"12320598MBHE{sum(map(ord, region)) % 100_000:05d}"
    return f"{region[:2].upper()}YY", body + check_character(body), f"{region} 第一人民医院"


def _words(region: str, start: Kind, source: Adapter | None) -> dict[str, str]:
    """What fills the templates."""
    return {
        "region": region,
        "package": f"hie_adapter_{region}",
        "feed": f"{region}-{start.suffix}",
        "dialect": source.feeds[0].dialect if source is not None else start.suffix,
        "content_type": start.content_type,
        "doors": _doors(region, start),
        "orphans": str(source.feeds[0].orphans if source is not None else True),
        "source": start.region,
        "beside": _BESIDE.get(start.suffix, "").format(
            region=region, package=f"hie_adapter_{region}", feed=f"{region}-{start.suffix}"
        ),
        "rows": _ROWS.format(package=f"hie_adapter_{region}", feed=f"{region}-{start.suffix}")
        if source is not None and source.feeds[0].dialect == "rows"
        else "",
        "test_class": f"Test{region.capitalize()}",
        "uscc": organisation(region)[1],
    }


def _doors(region: str, start: Kind) -> str:
    """The doors of the feed as Python; documents may come over SOAP as well."""
    doors = {f"{region}-{start.suffix}": start.content_type}
    if start.suffix == "cda":
        doors[f"{region}-soap"] = "text/xml"
    return "{" + ", ".join(f'"{door}": "{kind}"' for door, kind in doors.items()) + "}"


def _files(region: str, start: Kind, source: Adapter | None) -> Iterator[tuple[str, str]]:
    """Every text file of the package."""
    package = f"hie_adapter_{region}"
    code, uscc, name = organisation(region)
    words = _words(region, start, source)
    for template, target in _TARGETS.items():
        text = (_TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8")
        yield target.format(package=package), Template(text).substitute(words)
    rows = StringIO()
    csv.writer(rows, lineterminator="\n").writerows([("code", "uscc", "name"), (code, uscc, name)])
    yield f"{package}/organisations.csv", rows.getvalue()
    if source is None:
        yield from fhir_files(words)
        return
    yield f"{package}/transforms.py", _transforms(region, start)
    maps = dict(_maps(region, start))
    yield from ((f"{package}/mappings/{path}", text) for path, text in maps.items())
    yield from ((f"{package}/mappings/{path}", text) for path, text in _codes(region, start, "".join(maps.values())))


def _maps(region: str, start: Kind) -> Iterator[tuple[str, str]]:
    """Field maps, and the dictionary of row tables where there is one, under the new name."""
    old, new = f"{start.region}-{start.suffix}", f"{region}-{start.suffix}"
    root = data_path("mappings")
    for path in sorted((root / "fields" / old).rglob("*.toml")):
        text = _CLAUSE.sub("", path.read_text(encoding="utf-8"))
        yield f"fields/{new}/{path.relative_to(root / 'fields' / old).as_posix()}", _renamed(text, region, start)
    rows = root / "rows" / f"{old}.toml"
    if rows.exists():
        yield f"rows/{new}.toml", _renamed(rows.read_text(encoding="utf-8"), region, start)


def _codes(region: str, start: Kind, mentioned: str) -> Iterator[tuple[str, str]]:
    """The code maps of the first region that its maps or transforms mention, under the new name."""
    for path in sorted((data_path("mappings") / "codes").glob(f"{start.region}-*.csv")):
        name = path.stem.replace(start.region, region, 1)
        if f'"{name}"' in mentioned + _transforms(region, start):
            yield f"codes/{name}.csv", _renamed(path.read_text(encoding="utf-8"), region, start)


def _transforms(region: str, start: Kind) -> str:
    """The local transforms of the first region as one module."""
    folder = Path(importlib.import_module(f"adapters.{start.region}").__file__ or "").parent
    modules = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    if not modules:
        return '"""Transforms that only this region needs: none yet."""\n\nTRANSFORMS: dict[str, object] = {}\n'
    text = _renamed(modules[0].read_text(encoding="utf-8"), region, start)
    text = _ABOUT.sub(
        f'"""Transforms of {region} that no table can say; they began as a copy of those of {start.region}.', text, 1
    )
    if "TRANSFORMS" not in text:
        text += f'\n\nTRANSFORMS = {{"{region}-{modules[0].stem}": {modules[0].stem}}}\n'
    return text


def _renamed(text: str, region: str, start: Kind) -> str:
    """A copied text with the feed, code maps and code systems under the new name, without clauses and hospitals of the
    first region: what a table says of one of them alone becomes an example in a comment."""
    for hospital in HOSPITALS[start.region]:
        text = text.replace(f'"{hospital.uscc}":', f'# "{organisation(region)[1]}":').replace(
            hospital.code, "one hospital"
        )
    return re.sub(rf'(["/]|# table: ){start.region}-', rf"\g<1>{region}-", _CITED.sub("", text))


def _samples(region: str, start: Kind) -> Iterator[tuple[str, bytes]]:
    """What the first hospital of the first region says of one outpatient and one inpatient, under the new name."""
    old = HOSPITALS[start.region][0]
    new = organisation(region)
    names = list(zip((old.code, old.uscc, old.name), new, strict=True))

    def renamed(body: bytes) -> bytes:
        for was, now in names:
            body = body.replace(was.encode(), now.encode())
        return body

    sender = REGIONS[start.region]
    for kind in ("outpatient", "inpatient"):
        now = _visit(start.region, kind)
        for act in sender.acts(now):
            message = sender.message(now, act)
            if start.suffix != "cda":
                yield f"{kind}-{act.what}".lower(), renamed(message.bytes())
                continue
            message.registered, over_soap = False, kind == "inpatient"
            body = renamed(message.bytes())
            yield f"{kind}-{act.what}".lower(), renamed(register(message, body)) if over_soap else body


def _visit(region: str, kind: str) -> Visit:
    hospital = HOSPITALS[region][0]
    for number in range(_WORLD.patients):
        for index, planned in enumerate(plan(_WORLD, number)):
            fits = planned.hospital is hospital and planned.kind == kind
            found = visit(_WORLD, number, index) if fits else None
            if found is not None and found.fresh and not found.cancelled:
                return found
    raise HieError(Category.INTERNAL, f"No invented {kind} visit at {hospital.code}.")


def load_package(folder: Path, package: str) -> Adapter:
    """The adapter of a package that is not installed."""
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        adapter = importlib.import_module(package).adapter
    finally:
        sys.path.remove(str(folder))
    assert isinstance(adapter, Adapter)
    return adapter


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
