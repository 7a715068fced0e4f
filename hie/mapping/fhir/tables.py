"""What is agreed with one FHIR sender: `mappings/fhir/<feed>.toml`, loaded and checked at start.

```toml
[sender]
organisation = "12320598MBHE0101X2"            # who sends, when an item names nobody (USCC)
base = "https://platform.kunshan.example/fhir" # what its relative references are relative to

[identifiers]                                  # identifier system as sent = OID or local kind of common rules §4
"https://kunshan.example/id/resident" = "2.16.156.10011.1.3"

[keys]                                         # type = systems as sent whose number is the key, the best first
Patient = ["https://kunshan.example/id/patient"]

[codes]                                        # code system as sent = code map
"https://kunshan.example/lab-item" = "kunshan-lab-item"

[ignore]                                       # type = elements left out on purpose
Patient = ["photo"]
```

Every table may be left out; so may the file, when the adapter registers one organisation.
"""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hie.base.tablefile import table_text, toml_problem
from hie.fhir.definitions import Definitions
from hie.mapping.problem import BrokenTables, Problem, meant, read_text

_TABLES = frozenset({"sender", "identifiers", "keys", "codes", "ignore"})
_SENDER = frozenset({"organisation", "base"})


@dataclass(frozen=True, slots=True)
class FhirTables:
    """The agreement with one sender; see the module."""

    organisation: str = ""
    base: str = ""
    identifiers: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    ignore: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def shown(self) -> list[tuple[str, tuple[tuple[str, ...], tuple[str, ...]]]]:
        """What is agreed, for people: per table what it says and what it leaves out."""
        identifiers = tuple(f"{system} = {kind}" for system, kind in self.identifiers.items())
        keys = tuple(f"{kind}: {', '.join(systems)}" for kind, systems in self.keys.items())
        codes = tuple(f"{system} = {table}" for system, table in self.codes.items())
        left_out = tuple(f"{kind}.{name}" for kind, names in self.ignore.items() for name in sorted(names))
        return [("identifiers", (identifiers, ())), ("keys", (keys, ())), ("codes", (codes, left_out))]


def load_fhir_tables(path: Path, organisations: Collection[str], codes: Collection[str]) -> FhirTables:
    """Read the agreement of one feed; `organisations` are those registered, `codes` the code maps there are.

    A file that is not there says nothing. Raises `BrokenTables` with every mistake.
    """
    alone = next(iter(organisations)) if len(organisations) == 1 else ""
    if not path.exists():
        return FhirTables(alone)
    text, unreadable = read_text(path, path.name)
    if unreadable:
        raise BrokenTables(unreadable)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, column, reason = toml_problem(error, text)
        raise BrokenTables([Problem(path.name, line, reason, column)]) from None
    problems = placed(path.name, text, _mistakes(data, organisations, codes))
    if problems:
        raise BrokenTables(problems)
    sender = data.get("sender", {})
    return FhirTables(
        sender.get("organisation", alone),
        sender.get("base", "").rstrip("/"),
        data.get("identifiers", {}),
        {kind: tuple(systems) for kind, systems in data.get("keys", {}).items()},
        data.get("codes", {}),
        {kind: frozenset(names) for kind, names in data.get("ignore", {}).items()},
    )


def lint_agreement(path: Path, fhir: Definitions) -> list[Problem]:
    """Resource types and elements of one agreement that FHIR does not have; the file is one that loads."""
    if not path.exists():
        return []
    text = table_text(path)
    data = tomllib.loads(text)
    found = []
    for table in ("keys", "ignore"):
        for kind, names in data.get(table, {}).items():
            if not fhir.is_resource(kind):
                found.append((table, kind, f"{kind!r} is no resource type{meant(kind, fhir.resource_types)}"))
                continue
            known = fhir.properties(kind)
            unknown = (name for name in names if table == "ignore" and name not in known)
            found += [(table, name, f"{kind} has no element {name!r}{meant(name, known)}") for name in unknown]
    return placed(path.name, text, found)


Mistake = tuple[str, str, str]
"""The table in which a mistake is, the word at which it stands, and the reason."""


def _mistakes(data: Mapping[str, Any], organisations: Collection[str], codes: Collection[str]) -> list[Mistake]:
    found = [
        (name, name, f"there is no table [{name}]{meant(name, _TABLES)}") for name in sorted(data.keys() - _TABLES)
    ]
    plain = [name for name in sorted(_TABLES & data.keys()) if not isinstance(data[name], dict)]
    if plain:
        return found + [(name, name, f"[{name}] must be a table") for name in plain]
    sender = data.get("sender", {})
    found += [("sender", name, f"[sender] has no {name!r}") for name in sorted(sender.keys() - _SENDER)]
    organisation = sender.get("organisation")
    if organisation is not None and organisation not in organisations:
        reason = "the organisation of the sender is not registered in organisations.csv"
        found.append(("sender", "organisation", reason))
    for table, words in (("identifiers", str), ("codes", str), ("keys", list), ("ignore", list)):
        for name, value in data.get(table, {}).items():
            parts = value if isinstance(value, list) and words is list else [value]
            if not isinstance(value, words) or not all(isinstance(part, str) for part in parts):
                reason = f"[{table}] {name} must be {'a text' if words is str else 'a list of texts'}"
                found.append((table, name, reason))
    missing = ((system, table) for system, table in data.get("codes", {}).items() if table not in codes)
    return found + [
        ("codes", system, f"there is no code map {table!r}{meant(str(table), codes)}") for system, table in missing
    ]


def placed(file: str, text: str, mistakes: Iterable[Mistake]) -> list[Problem]:
    """Mistakes with line and column: the first place of the word below the header of its table."""
    lines = text.splitlines()
    found = []
    for table, word, reason in mistakes:
        header = next((n for n, line in enumerate(lines) if line.lstrip().startswith(f"[{table}]")), 0)
        whole = re.compile(rf"(?<![\w./-]){re.escape(word)}(?![\w./-])")
        places = ((n, whole.search(lines[n])) for n in range(header, len(lines)) if lines[n].lstrip()[:1] != "#")
        line, column = next(((n, at.start()) for n, at in places if at), (header, 0))
        found.append(Problem(file, line + 1, reason, column + 1))
    return found
