"""`hie demo --once`: the two-minute promise, through the real doors, as a newcomer would run it."""

import subprocess
import sys
from pathlib import Path


def test_the_demo_feeds_every_region_and_finds_one_person(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hie.cli", "demo", "--once", "--data", str(tmp_path), "--port", "0"]
    done = subprocess.run([*command, "--mllp-port", "0"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "3 regions" in done.stdout
    assert "/browse/record/" in done.stdout
    assert "$everything" in done.stdout
    verified = subprocess.run(
        [sys.executable, "-m", "hie.cli", "verify", "--data", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "40 raw items" in verified.stdout
    receipts = sorted(path.name for path in (tmp_path / "drop" / "qingpu-xml").rglob("*.receipt.xml"))
    assert receipts, "the drop folder was used"


def test_a_second_server_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    from hie.commands.datadir import DataDirectory, running_server

    held = DataDirectory(tmp_path)
    held.announce("http://127.0.0.1:1")
    assert running_server(tmp_path) == "http://127.0.0.1:1"
    command = [sys.executable, "-m", "hie.cli", "serve", "--data", str(tmp_path), "--port", "0", "--mllp-port", "0"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    held.release()
    assert refused.returncode == 2
    assert "Another server, or a command, uses the data directory" in refused.stderr.replace("\n", " ")
    assert running_server(tmp_path) is None
