"""`docs/adapters.md`, "A fourth region": every command in it runs, in its order, and does what the page says."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hie.app import load_adapters, open_exchange
from hie.base.errors import HieError
from hie.base.gb32100 import is_valid
from hie.commands.adapters import samples
from hie.commands.skeleton import KINDS, load_package, new_adapter, organisation
from hie.config import load_config
from hie.simulate.catalogue import HOSPITALS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
CHAPTER = PAGE.partition("## A fourth region")[2].partition("\n## ")[0]
COMMANDS = re.findall(r"^    \$ (.+)$", CHAPTER, re.MULTILINE)


def run(command: str, cwd: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """A command of the page as a reader's shell would run it, with this Python for `hie`, `python` and `pytest`."""
    words = command.replace("hie ", "python -m hie.cli ", 1) if command.startswith("hie ") else command
    words = words.replace("pytest", "python -m pytest -p no:cacheprovider") if words.startswith("pytest") else words
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{site}", "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
    shell = words.replace("python ", f"{sys.executable} ", 1)
    return subprocess.run(shell, shell=True, cwd=cwd, env=env, capture_output=True, text=True, timeout=240)


def install(package: Path, site: Path) -> None:
    """What `pip install --no-deps --editable .` does, without a network: the package on the path, its entry points."""
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name = project["name"].replace("-", "_")
    info = site / f"{name}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    group = project["entry-points"]["hie.adapters"]
    lines = [f"{key} = {value}" for key, value in group.items()]
    (info / "entry_points.txt").write_text("\n".join(["[hie.adapters]", *lines]) + "\n")
    for path in package.glob("hie_adapter_*"):
        (site / path.name).symlink_to(path)


def test_the_chapter_works_as_it_is_written(tmp_path: Path) -> None:
    site, here = tmp_path / "site", tmp_path
    said: dict[str, str] = {}
    edits = 0
    coverages: list[str] = []
    for command in COMMANDS:
        if command.startswith("cd "):
            here = here / command.removeprefix("cd ")
        elif command.startswith("pip install --no-deps"):
            install(here, site)
        elif command == "pip install pytest":
            continue
        else:
            done = run(command, here, site)
            expected = 1 if command.startswith("hie adapters diff") else 0
            assert done.returncode == expected, (command, done.stdout, done.stderr)
            coverages += [done.stdout] if command == "hie adapters coverage kunshan" else []
            said[command] = done.stdout
        edits += edit(command, here)
    assert left_of_parents(tmp_path / "hie-adapter-kunshan") == []
    assert edits == 1, "the page asks for one change of a map"
    assert len(COMMANDS) > 8
    assert ["PID-2 ×" in text for text in coverages[-2:]] == [True, False], "the change of the map is what it takes"
    [difference] = [text for command, text in said.items() if "adapters diff" in command]
    assert "1 parts change" in difference
    for line in ("- unknown PID-2", "+ Patient[1] identifier[]#2.16.156.10011.1.2 ="):
        assert line in difference
    assert any("kunshan-hl7v2" in text for command, text in said.items() if "adapters list" in command)
    assert any("accepted" in text for command, text in said.items() if command.startswith("hie check"))


def left_of_parents(folder: Path) -> list[str]:
    """What a made package still says of the region that it began as: feeds, hospitals, clauses of its document."""
    words = [word for region in HOSPITALS.values() for one in region for word in (one.code, one.uscc, one.name)]
    clauses = r"\((?:Wujiang|Jiashan|qingpu|§)|\nclause = "
    left = re.compile(rf'["/](?:{"|".join(HOSPITALS)})-|{clauses}|\b(?:{"|".join(words)})\b')
    kept = [path for path in folder.rglob("*.*") if path.suffix in (".toml", ".csv", ".py", ".md", ".hl7", ".xml")]
    return [f"{path.name}: {found[0]}" for path in kept if (found := left.search(path.read_text(encoding="utf-8")))]


def edit(command: str, here: Path) -> int:
    """After the command before it, the change that the page asks for: every TOML block goes to the file it names."""
    made = 0
    for before, file, block in re.findall(
        r"    \$ ([^\n]+)\n\n[^`$]*?`([^`]+\.toml)`[^`$]*?```toml\n(.*?)```", CHAPTER, re.DOTALL
    ):
        if before == command:
            path = here / file
            path.write_text(path.read_text(encoding="utf-8") + "\n" + block, encoding="utf-8")
            made += 1
    return made


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"hl7v2"}))
def test_every_kind_makes_a_package_that_keeps_the_contract(tmp_path: Path, kind: str) -> None:
    region = f"made{kind}"
    folder = new_adapter(region, kind, tmp_path)
    assert left_of_parents(folder) == []
    done = run("pytest", folder, tmp_path / "site")
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout


def test_an_invented_organisation_has_a_right_code() -> None:
    assert is_valid(organisation("kunshan")[1])


@pytest.mark.parametrize(("region", "kind"), [("Kun Shan", "xml"), ("kunshan", "json"), ("qingpu", "xml")])
def test_what_cannot_be_made_is_refused(tmp_path: Path, region: str, kind: str) -> None:
    with pytest.raises(HieError):
        new_adapter(region, kind, tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_a_further_cda_region_has_the_registration_service_and_tables_of_its_own(tmp_path: Path) -> None:
    adapter = load_package(new_adapter("wuxi", "cda", tmp_path), "hie_adapter_wuxi")
    assert adapter.feeds[0].doors == {"wuxi-cda": "application/xml", "wuxi-soap": "text/xml"}
    codes = {path.stem for path in (adapter.mappings or tmp_path).glob("codes/*.csv")}
    assert {"wuxi-drug", "wuxi-exam-category", "wuxi-lab-item", "wuxi-result-code"} <= codes
    quiet = {"mllp_port": -1, "drop_poll_seconds": 0, "retry_poll_seconds": 0, "workers": 0}
    config = load_config({**quiet, "data": tmp_path / "data"}, {})
    exchange = await open_exchange(config, adapters=[*load_adapters(), adapter])
    await exchange.start()
    try:
        registered = [path for path in samples(adapter.samples) if b"DocumentRegister" in path.read_bytes()]
        for path in registered:
            answer = await exchange.ingest.receive("wuxi-soap", path.read_bytes())
            assert answer.content_type.startswith("text/xml")
            assert b'typeCode="AA"' in answer.body, answer.body
    finally:
        await exchange.close()
    assert registered
