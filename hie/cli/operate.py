"""Serve, show, verify, move and replay."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from hie.cli.terminal import (
    ConfigFile,
    Data,
    Host,
    MllpPort,
    Port,
    Processes,
    StoreUrl,
    console,
    operating,
    perform,
    settings_of,
)


def serve(
    host: Host = None,
    port: Port = None,
    data: Data = None,
    store: StoreUrl = None,
    mllp_port: MllpPort = None,
    processes: Processes = None,
    config: ConfigFile = None,
) -> None:
    """启动服务 · Serve feeds, FHIR and the record browser until stopped."""
    from hie.base.children import foresee_children

    settings = settings_of(
        {
            "host": host, "port": port, "data": data, "store": store, "mllp_port": mllp_port, "processes": processes,
        },
        config,
    )  # fmt: skip
    if settings.workers or settings.processes != 1:
        foresee_children()
    from hie.commands.serve import Running, set_up_logging
    from hie.commands.serve import serve as run

    set_up_logging(settings.log_level)

    def announce(started: Running) -> None:
        console.print(f"健康信息交换 ready: {started.url}  ·  FHIR {started.url}/fhir  ·  浏览 {started.url}/browse")
        console.print(f"MLLP {started.exchange.mllp}  ·  drop {settings.data}/drop  ·  Ctrl-C stops")

    perform(run(settings, announce), stopped=0)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Exit after the summary instead of serving on")] = False,
    host: Host = None,
    port: Port = None,
    data: Annotated[Path | None, typer.Option(help="Keep the data here. Default: a new temporary directory")] = None,
    store: StoreUrl = None,
    mllp_port: MllpPort = None,
) -> None:
    """演示 · Start the exchange, feed it the three-region samples, show where to look."""
    from hie.base.children import foresee_children

    foresee_children()
    from hie.commands.demo import run_demo

    given = {"host": host, "port": port, "store": store, "mllp_port": mllp_port}
    if data is not None:
        perform(run_demo({**given, "data": data}, console, once=once), stopped=0)
        return
    with tempfile.TemporaryDirectory(prefix="hie-demo-") as folder:
        perform(run_demo({**given, "data": folder}, console, once=once), stopped=0)


def verify(data: Data = None, store: StoreUrl = None, config: ConfigFile = None) -> None:
    """核对 · Check the ledger equation, every stored hash and every body.

    Exit code 0: sound; 1: something is wrong; 2: it could not be checked.
    """
    from hie.commands.operate import verify_now

    result = perform(verify_now(operating(data, store, config)))
    for problem in result["problems"]:
        console.print("[red]✗[/red]", escape(problem))
    mark = "[green]✓ sound[/green]" if result["sound"] else "[red]✗ not sound[/red]"
    console.print(f"{mark}: {result['items']} raw items, {result['resources']} resources. Ledger: {result['ledger']}")
    raise typer.Exit(0 if result["sound"] else 1)


def migrate(
    source: Annotated[str, typer.Option("--from", help="sqlite:///PATH or mongodb://...; nothing serves it meanwhile")],
    target: Annotated[str, typer.Option("--to", help="sqlite:///PATH or mongodb://...; empty, or begun before")],
    verify_only: Annotated[bool, typer.Option("--verify-only", help="Copy nothing; compare count and hash")] = False,
    batch: Annotated[int, typer.Option(min=1, max=5000, help="Versions or rows in one commit at most")] = 500,
) -> None:
    """迁移 · Copy one store into another, go on after a stop, compare both. Exit code 1 when they differ."""
    from rich.table import Table

    from hie.commands.migrate import Told
    from hie.commands.migrate import migrate as run

    told = Told(console)
    found = perform(run(source, target, told, verify_only=verify_only, batch=batch))
    table = Table("part", "source", "target", "SHA-256", "")
    for one in found:
        mark = "[green]✓[/green]" if one.same else "[red]✗[/red]"
        table.add_row(one.part, str(one.source.count), str(one.target.count), one.target.digest[:16], mark)
    console.print(table)
    same = all(one.same for one in found)
    console.print("[green]✓ 一致 · the same[/green]" if same else "[red]✗ 不一致 · not the same[/red]")
    raise typer.Exit(0 if same else 1)


def replay(
    item: Annotated[str | None, typer.Argument(help="Raw item id, or the beginning of one")] = None,
    feed: Annotated[str | None, typer.Option(help="All items of this feed")] = None,
    state: Annotated[str | None, typer.Option(help="All items in this state: stored, quarantined, rejected")] = None,
    data: Data = None,
    store: StoreUrl = None,
    config: ConfigFile = None,
) -> None:
    """重放 · Run items again from their bytes, after a map was mended."""
    from hie.commands.operate import call

    params = {"item": item, "feed": feed, "state": state}
    result = perform(call(operating(data, store, config), "POST", "/admin/replay", params))
    console.print("  ".join(f"{name}: {n}" for name, n in result.items()) or "nothing to replay")
