"""What `hie adapters new REGION --from fhir` starts from: invented Bundles and the agreement with their sender.

No region that ships sends FHIR, so these are templates and no copies.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

_TEMPLATES = Path(__file__).resolve().parent / "skeleton_files" / "fhir"


def fhir_files(words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Text files of the package; `words` fill the templates (region, package, feed, uscc)."""
    package, feed = words["package"], words["feed"]
    targets = {
        "README.md": "README.md",
        "feed.toml": f"{package}/mappings/fhir/{feed}.toml",
        "lab-item.csv": f"{package}/mappings/codes/{words['region']}-lab-item.csv",
    }
    for name, target in targets.items():
        yield target, _filled(_TEMPLATES / name, words)
    yield f"{package}/transforms.py", '"""A FHIR feed needs no transforms."""\n\nTRANSFORMS: dict[str, object] = {}\n'


def fhir_samples(words: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """The invented items with their names, in the order in which to send them."""
    for path in sorted((_TEMPLATES / "samples").glob("*.fhir")):
        yield path.stem.partition("-")[2], _filled(path, words).encode()


def _filled(path: Path, words: Mapping[str, str]) -> str:
    return Template(path.read_text(encoding="utf-8")).substitute(words)
