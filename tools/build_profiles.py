"""Build `profiles/hie/*.json` from the tables in `profiles/hie/source/`. Run it after a change of these tables, of
`mappings/codes/`, of the findings or of the organisations; a test fails while they differ.

    python -m tools.build_profiles
"""

from collections.abc import Iterator
from typing import Any

import orjson

from hie.base.data import data_path
from tools.profile_codes import code_systems, value_sets
from tools.profile_names import naming_systems
from tools.profile_structures import structures

FOLDER = data_path("profiles", "hie")
BUILT = ("CodeSystem", "NamingSystem", "StructureDefinition", "ValueSet")
"""The types of which every file in the folder is built."""


def resources() -> Iterator[dict[str, Any]]:
    """Every conformance resource of the exchange that is built."""
    yield from code_systems()
    yield from value_sets()
    yield from naming_systems()
    yield from structures()


def files() -> dict[str, bytes]:
    """File name -> content."""
    made: dict[str, bytes] = {}
    for resource in resources():
        name = f"{resource['resourceType']}-{resource['id']}.json"
        if name in made:
            raise ValueError(f"{name} is made twice")
        made[name] = orjson.dumps(resource, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return made


def main() -> None:
    """Write every file, and remove those that no table makes any more."""
    made = files()
    for kind in BUILT:
        for path in FOLDER.glob(f"{kind}-*.json"):
            if path.name not in made:
                path.unlink()
    for name, content in made.items():
        (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()
