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
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hie.mapping.problem import BrokenTables, Problem

_TABLES = frozenset({"sender", "identifiers", "keys", "codes", "ignore"})
_SENDER = frozenset({"organisation", "base"})
_AT = re.compile(r"at line (\d+)")


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
    text = path.read_text(encoding="utf-8")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT.search(str(error))
        raise BrokenTables([Problem(path.name, int(at[1]) if at else 1, f"not TOML: {error}")]) from None
    problems = [Problem(path.name, _line(text, word), why) for word, why in _mistakes(data, organisations, codes)]
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


def _mistakes(data: Mapping[str, Any], organisations: Collection[str], codes: Collection[str]) -> list[tuple[str, str]]:
    """What is wrong, with the word of the file near which it stands."""
    found = [(name, f"there is no table [{name}]") for name in sorted(data.keys() - _TABLES)]
    sender = data.get("sender", {})
    found += [(name, f"[sender] has no {name!r}") for name in sorted(sender.keys() - _SENDER)]
    organisation = sender.get("organisation")
    if organisation is not None and organisation not in organisations:
        found.append(("organisation", "the organisation of the sender is not registered in organisations.csv"))
    for table, words in (("identifiers", str), ("codes", str), ("keys", list), ("ignore", list)):
        for name, value in data.get(table, {}).items():
            if not isinstance(value, words):
                found.append((name, f"[{table}] {name} must be {'a text' if words is str else 'a list of texts'}"))
    missing = ((system, table) for system, table in data.get("codes", {}).items() if table not in codes)
    return found + [(system, f"there is no code map {table!r}") for system, table in missing]


def _line(text: str, word: str) -> int:
    """The first line that has the word."""
    return next((n for n, line in enumerate(text.splitlines(), start=1) if word in line), 1)
