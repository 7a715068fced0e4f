"""Traffic: invent it, hold an exchange to its truth, try one message."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hie.cli.terminal import ConfigFile, Terms, attempt, console, operating, perform


def simulate(
    patients: Annotated[int, typer.Option(min=1, help="People to invent")] = 100,
    days: Annotated[
        int, typer.Option(min=1, help="Days of the run: people come evenly over them, some come back until its end")
    ] = 30,
    seed: Annotated[int, typer.Option(help="The same seed gives the same traffic, byte for byte")] = 1,
    rate: Annotated[float, typer.Option(min=0, help="Items per second at most; 0: as fast as they are taken")] = 0,
    dirt: Annotated[
        str,
        typer.Option(
            help="Share of items with something wrong, such as 0.1; or by kind: missing=0.05,late=0.1. Kinds: "
            "missing code value form address duplicate late number lookalike"
        ),
    ] = "0",
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day")] = datetime(2025, 1, 6),
    out: Annotated[
        Path | None, typer.Option(help="Folder for what is not sent: a folder a day, one file an item")
    ] = None,
    mllp: Annotated[str | None, typer.Option(help="HOST:PORT; takes the HL7 messages")] = None,
    http: Annotated[str | None, typer.Option(help="URL of the exchange; takes everything that MLLP does not")] = None,
    truth: Annotated[Path | None, typer.Option(help="Default: truth.jsonl in --out, else here")] = None,
    connections: Annotated[int, typer.Option(min=1, help="Senders at once; a person stays with one")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on behind the last line of the truth")] = False,
    score: Annotated[
        Path | None, typer.Option(help="Send nothing: hold the data directory of an exchange to the truth")
    ] = None,
) -> None:
    """模拟数据 · Invent three-region traffic, with the truth (who is who, what is wrong) beside it.

    To files: --out traffic. To a server: --mllp 127.0.0.1:2575 --http http://127.0.0.1:8080, then --score its data.

    Ctrl-C 停止，加 --resume 继续 · Ctrl-C stops; the same command with --resume goes on.
    """
    if score is not None:
        _score(score, truth or (out or Path()) / "truth.jsonl")
        return
    from hie.commands.simulate import Sent, Target
    from hie.commands.simulate import simulate as run
    from hie.commands.simulated import Shown, summary
    from hie.simulate.dirt import dirt as read_dirt
    from hie.simulate.history import World

    target, sent = Target(out, mllp, http, truth, rate, connections, resume), Sent()
    world = attempt(lambda: World(seed, patients, start, days, read_dirt(dirt)))
    try:
        with Shown(Console(stderr=True), world) as shown:
            perform(run(world, target, shown.show, sent), stopped=0)
    finally:
        for line in summary(target, sent) if sent.seconds else ():
            console.print(line)


def _score(data: Path, truth: Path) -> None:
    """Print how the store compares with the truth; exit code 1 when anything differs."""
    from hie.commands.scored import report
    from hie.commands.scored import score as run

    found = perform(run(operating(data, None, None), truth))
    for line in report(found):
        console.print(line, highlight=False)
    if not found.perfect:
        raise typer.Exit(1)


def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A message, document or envelope")],
    feed: Annotated[str, typer.Option(help="The door it would come through, such as wujiang-hl7v2")],
    strict: Annotated[bool, typer.Option("--strict", help="Also 1 for a warning or a field that no map has")] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Leave tree and draft out")] = False,
    data: Terms = None,
    config: ConfigFile = None,
) -> None:
    """试运行 · Run a file through parse, mapping and quality; nothing is stored. Prints tree, findings, unmapped fields
    and draft. Exit code 0: it would be stored; 1: refused; 2: it could not be checked."""
    from hie.commands.check import check_file
    from hie.pipeline.check import report_lines

    report = attempt(check_file, file, feed, operating(data, None, config))
    for line in report_lines(report, tree=not brief, draft=not brief):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if (report.clean if strict else report.storable) else 1)
