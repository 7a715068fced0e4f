"""`hie serve` stops cleanly on SIGTERM and SIGINT: connections answered, store closed, nothing left running."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hie.commands.datadir import running_server
from tests.bench.bench_feeds import wait_ready


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_in_order(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "hie.cli", "serve", "--data", str(tmp_path), "--port", "0", "--mllp-port", "0"]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        url, _ = wait_ready(tmp_path, process)
        assert running_server(tmp_path) == url
        process.send_signal(number)
        assert process.wait(30) == 0
    finally:
        process.kill()
    text = (tmp_path / "server.log").read_text()
    assert "Traceback" not in text
    assert "leaked" not in text
    assert running_server(tmp_path) is None
    assert not (tmp_path / "hie.sqlite-wal").exists(), "the store was closed"
