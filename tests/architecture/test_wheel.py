"""The wheel carries all it needs: adapters with samples, definitions, maps, pages."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDED = (
    "adapters/wujiang/samples/01-admit-a01.hl7",
    "adapters/qingpu/organisations.csv",
    "hie/data/mappings/fields/",
    "hie/data/mappings/codes/lab-item.csv",
    "hie/data/mappings/quality/completeness.toml",
    "hie/data/profiles/r4/",
    "hie/browse/templates/record.html",
    "hie/browse/static/",
)


def test_the_wheel_is_complete(tmp_path: Path) -> None:
    options = ["--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    command = [sys.executable, "-m", "pip", "wheel", *options]
    subprocess.run([*command, str(ROOT)], check=True, timeout=120)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    missing = [needed for needed in NEEDED if not any(name.startswith(needed) for name in names)]
    assert missing == []
    assert not [name for name in names if name.startswith("tests/")]
