"""The command line: `hie demo | serve | verify | replay | quarantine | adapters | check | simulate | ...`.

Each command is a function here that reads its options and prints; the work is in `hie.commands`.
"""

import io
import sys

import typer

from hie.base.errors import HieError
from hie.base.memory import collect_seldom
from hie.cli.adapters import adapters
from hie.cli.feeds import check, simulate
from hie.cli.operate import demo, migrate, replay, serve, verify
from hie.cli.quarantine import quarantine
from hie.cli.resources import export, load, validate
from hie.cli.terminal import complain
from hie.cli.terminology import terminology

app = typer.Typer(
    name="hie",
    help="健康信息交换 · An open FHIR R4 health-information-exchange server.\n\n"
    "Start with `hie demo`: it feeds the three-region samples in and shows where to look.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (demo, serve, verify, migrate, replay, simulate, check, validate, load, export):
    app.command()(command)
app.add_typer(quarantine, name="quarantine")
app.add_typer(adapters, name="adapters")
app.add_typer(terminology, name="terminology")


def main() -> None:
    """Entry point of the `hie` command. A character that the terminal's charset lacks is replaced."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    collect_seldom()
    try:
        app()
    except HieError as error:
        complain(error.message)
        raise SystemExit(2) from None
