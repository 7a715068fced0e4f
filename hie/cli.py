"""The command line: `hie demo | serve | verify | replay | quarantine | adapters | check | simulate | ...`."""

import asyncio
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from hie.base.errors import HieError
from hie.commands.terminology import terminology

app = typer.Typer(
    name="hie",
    help="健康信息交换 · An open FHIR R4 health-information-exchange server.\n\n"
    "Start with `hie demo`: it feeds the three-region samples in and shows where to look.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
quarantine = typer.Typer(help="隔离区 · What is kept for a decision.", no_args_is_help=True)
app.add_typer(quarantine, name="quarantine")
adapters = typer.Typer(help="适配器 · The regions that are installed, and what their maps cover.", no_args_is_help=True)
app.add_typer(adapters, name="adapters")
app.add_typer(terminology, name="terminology")
console = Console()

Data = Annotated[Path | None, typer.Option(help="Directory for the database and the drop folders. Default: data")]
Port = Annotated[int | None, typer.Option(help="Port of the HTTP server. Default: 8080; 0 takes a free one")]
MllpPort = Annotated[int | None, typer.Option("--mllp-port", help="Port of the MLLP server. Default: 2575")]
Host = Annotated[str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1")]
StoreUrl = Annotated[str | None, typer.Option(help="sqlite:///PATH or mongodb://... Default: hie.sqlite in --data")]
ConfigFile = Annotated[Path | None, typer.Option(help="TOML file with settings; each is also HIE_<NAME>")]


@app.command()
def serve(
    host: Host = None,
    port: Port = None,
    data: Data = None,
    store: StoreUrl = None,
    mllp_port: MllpPort = None,
    config: ConfigFile = None,
) -> None:
    """启动服务 · Serve feeds, FHIR and the record browser until stopped."""
    from hie.commands.serve import Running, set_up_logging
    from hie.commands.serve import serve as run
    from hie.config import load_config

    settings = load_config(
        {"host": host, "port": port, "data": data, "store": store, "mllp_port": mllp_port}, file=config
    )
    set_up_logging(settings.log_level)

    def announce(started: Running) -> None:
        mllp = started.exchange.mllp
        console.print(f"健康信息交换 ready: {started.url}  ·  FHIR {started.url}/fhir  ·  浏览 {started.url}/browse")
        port = mllp.port if mllp else "off"
        console.print(f"MLLP {settings.host}:{port}  ·  drop {settings.data}/drop  ·  Ctrl-C stops")

    _run(run(settings, announce))


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Exit after the summary instead of serving on")] = False,
    host: Host = None,
    port: Port = None,
    data: Annotated[Path | None, typer.Option(help="Keep the data here. Default: a new temporary directory")] = None,
    mllp_port: MllpPort = None,
) -> None:
    """演示 · Start the exchange, feed it the three-region samples, show where to look."""
    from hie.commands.demo import run_demo

    given = {"host": host, "port": port, "mllp_port": mllp_port}
    if data is not None:
        _run(run_demo({**given, "data": data}, console, once=once))
        return
    with tempfile.TemporaryDirectory(prefix="hie-demo-") as folder:
        _run(run_demo({**given, "data": folder}, console, once=once))


@app.command()
def verify(data: Data = None, store: StoreUrl = None, config: ConfigFile = None) -> None:
    """核对 · Check the ledger equation, every stored hash and every body. Exit code 1 when anything is wrong."""
    from hie.commands.operate import verify_now

    result = _run(verify_now(_operating(data, store, config)))
    for problem in result["problems"]:
        console.print(f"[red]✗[/red] {problem}")
    mark = "[green]✓ sound[/green]" if result["sound"] else "[red]✗ not sound[/red]"
    console.print(f"{mark}: {result['items']} raw items, {result['resources']} resources. Ledger: {result['ledger']}")
    raise typer.Exit(0 if result["sound"] else 1)


@app.command()
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
    found = _run(run(source, target, told, verify_only=verify_only, batch=batch))
    table = Table("part", "source", "target", "SHA-256", "")
    for one in found:
        mark = "[green]✓[/green]" if one.same else "[red]✗[/red]"
        table.add_row(one.part, str(one.source.count), str(one.target.count), one.target.digest[:16], mark)
    console.print(table)
    same = all(one.same for one in found)
    console.print("[green]✓ 一致 · the same[/green]" if same else "[red]✗ 不一致 · not the same[/red]")
    raise typer.Exit(0 if same else 1)


@app.command()
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
    result = _run(call(_operating(data, store, config), "POST", "/admin/replay", params))
    console.print("  ".join(f"{name}: {n}" for name, n in result.items()) or "nothing to replay")


@quarantine.command("list")
def quarantine_list(
    feed: Annotated[str | None, typer.Option(help="Only this feed")] = None,
    cause: Annotated[str | None, typer.Option(help="Only this finding code")] = None,
    data: Data = None,
    store: StoreUrl = None,
    config: ConfigFile = None,
) -> None:
    """What lies in quarantine, grouped by cause."""
    from rich.table import Table

    from hie.commands.operate import call

    rows = _run(call(_operating(data, store, config), "GET", "/admin/quarantine", {"feed": feed, "cause": cause}))
    table = Table("item", "part", "feed", "label", "cause")
    for column in table.columns:
        column.no_wrap = True
    for row in sorted(rows, key=lambda r: (r["cause"], r["received"])):
        table.add_row(row["item"][:13], str(row["part"]), row["feed"], row["label"], row["cause"])
    console.print(table if rows else "隔离区为空 · Nothing lies in quarantine.")


@quarantine.command("show")
def quarantine_show(item: str, data: Data = None, store: StoreUrl = None, config: ConfigFile = None) -> None:
    """One raw item: state, parts and findings; never its content."""
    from hie.commands.operate import call

    console.print_json(data=_run(call(_operating(data, store, config), "GET", f"/admin/quarantine/{item}", {})))


@quarantine.command("groups")
def quarantine_groups(
    feed: Annotated[str | None, typer.Option(help="Only this feed")] = None,
    cause: Annotated[str | None, typer.Option(help="Only this finding code")] = None,
    data: Data = None,
    store: StoreUrl = None,
    config: ConfigFile = None,
) -> None:
    """隔离分组 · How many wait for one reason, and since when."""
    from rich.table import Table

    from hie.commands.quarantine import age, groups

    found = _run(groups(_operating(data, store, config), {"feed": feed, "cause": cause}))
    table = Table("n", "feed", "label", "cause", "where", "maps", "oldest")
    for column in table.columns:
        column.no_wrap = column.header in ("n", "cause", "maps")
    for one in found:
        why = (one["rule"] or one["cause"], ", ".join(one["paths"][:3]), one["maps"], age(one["oldest"]))
        table.add_row(str(one["count"]), one["feed"], one["label"], *why)
    console.print(table if found else "隔离区为空 · Nothing lies in quarantine.")


@quarantine.command("rehearse")
def quarantine_rehearse(
    item: str,
    release: Annotated[bool, typer.Option("--release", help="In spite of its quarantine findings")] = False,
    draft: Annotated[bool, typer.Option("--draft", help="Print the draft as well, texts as shapes")] = False,
    data: Data = None,
    store: StoreUrl = None,
    config: ConfigFile = None,
) -> None:
    """演练 · What would become of an item now, with the maps as they are; nothing is stored."""
    from hie.commands.operate import call

    path = f"/admin/quarantine/{item}/rehearse"
    found = _run(call(_operating(data, store, config), "POST", path, {"release": release}))
    for part in found["parts"] if not draft else ():
        part.pop("draft")
    console.print_json(data=found)


Label = Annotated[str | None, typer.Option(help="With --feed or --cause: only this message type or table")]
Maps = Annotated[str | None, typer.Option(help="Only what was processed with this version of the maps")]


@quarantine.command("release")
def quarantine_release(
    item: Annotated[str | None, typer.Argument(help="Raw item id, or the beginning of one")] = None,
    part: Annotated[int | None, typer.Option(help="Only this part")] = None,
    feed: Annotated[str | None, typer.Option(help="Everything that waits on this feed")] = None,
    cause: Annotated[str | None, typer.Option(help="Everything that waits for this finding code")] = None,
    label: Label = None,
    maps: Maps = None,
    data: Data = None,
    store: StoreUrl = None,
    config: ConfigFile = None,
) -> None:
    """放行 · Process an item, one part or a group in spite of its quarantine findings."""
    from hie.commands.operate import call
    from hie.commands.quarantine import act

    operating = _operating(data, store, config)
    if item is None:
        wanted = {"feed": feed, "cause": cause, "label": label, "maps": maps}
        _print_states(_run(act(operating, "release", wanted)))
        return
    path = f"/admin/quarantine/{item}/release"
    console.print(_run(call(operating, "POST", path, {"part": part}))["state"])


@quarantine.command("discard")
def quarantine_discard(
    reason: Annotated[str, typer.Option(help="Why it will never be processed; kept in the audit")],
    item: Annotated[str | None, typer.Argument(help="Raw item id, or the beginning of one")] = None,
    part: Annotated[int | None, typer.Option(help="Only this part")] = None,
    feed: Annotated[str | None, typer.Option(help="Everything that waits on this feed")] = None,
    cause: Annotated[str | None, typer.Option(help="Everything that waits for this finding code")] = None,
    label: Label = None,
    maps: Maps = None,
    data: Data = None,
    store: StoreUrl = None,
    config: ConfigFile = None,
) -> None:
    """丢弃 · Decide that an item, one part or a group will never be processed. The bytes stay."""
    from hie.commands.operate import call
    from hie.commands.quarantine import act

    operating = _operating(data, store, config)
    if item is None:
        wanted = {"feed": feed, "cause": cause, "label": label, "maps": maps}
        _print_states(_run(act(operating, "discard", wanted, reason)))
        return
    path = f"/admin/quarantine/{item}/discard"
    console.print(_run(call(operating, "POST", path, {"part": part}, {"reason": reason}))["state"])


def _print_states(ended: dict[str, int]) -> None:
    """How many items ended in which state."""
    console.print("  ".join(f"{state}: {n}" for state, n in ended.items()) or "没有符合条件的项 · Nothing waits so.")


@adapters.command("list")
def adapters_list() -> None:
    """Regions, feeds, doors and registered organisations."""
    from rich.table import Table

    from hie.app import load_adapters

    table = Table("region", "title", "feed", "dialect", "doors", "organisations", "API")
    for adapter in load_adapters():
        for feed in adapter.feeds:
            doors = [f"POST /feeds/{door}" for door in feed.doors]
            doors += ["MLLP"] if feed.mllp else []
            doors += [f"drop/{feed.id}/incoming"] if feed.drop else []
            table.add_row(
                adapter.region,
                adapter.title,
                feed.id,
                feed.dialect,
                "\n".join(doors),
                str(len(adapter.organisations)),
                str(adapter.api_version),
            )
    console.print(table)


@adapters.command("show")
def adapters_show(region: Annotated[str, typer.Argument(help="Region or feed")]) -> None:
    """What each map of a region reads, and what it ignores on purpose."""
    from rich.table import Table

    from hie.commands.adapters import shown

    for row in _call(shown, region):
        table = Table("source", "", title=f"{row.feed} {row.type}  {row.file}  {row.clause}")
        for path in row.paths:
            table.add_row(path, "read")
        for path in row.ignored:
            table.add_row(path, "[dim]ignored[/dim]")
        console.print(table)


@adapters.command("coverage")
def adapters_coverage(
    region: Annotated[str, typer.Argument(help="Region or feed")],
    folder: Annotated[Path | None, typer.Argument(exists=True, file_okay=False, help="Default: its samples")] = None,
    data: Annotated[Path | None, typer.Option(help="From real traffic: what this data directory has stored")] = None,
    most: Annotated[int, typer.Option(min=1, help="With --data: the youngest so many items of each feed")] = 1000,
) -> None:
    """Which source fields of real items are used, ignored on purpose or mentioned by nobody, per record type."""
    from rich.table import Table

    from hie.commands.adapters import covered, covered_by_traffic, feeds_of
    from hie.commands.operate import call

    config = _operating(data, None, None)
    types = _call(covered, region, folder) if data is None else _run(covered_by_traffic(config, region, most))
    table = Table("type", "records", "used", "ignored", "share", "unknown fields")
    for kind, one in types.items():
        unknown = ", ".join(f"{path} ×{n}" for path, n in sorted(one.unknown.items()))
        table.add_row(kind, str(one.records), str(len(one.used)), str(len(one.ignored)), f"{one.share:.1%}", unknown)
    console.print(table)
    if data is not None:
        rows = _run(call(config, "GET", "/admin/coverage", {"days": 366}))["unmapped"]
        feeds = _call(feeds_of, region)
        for row in rows:
            if row["feed"] in feeds:
                sender = row["organisation"] or "-"
                console.print(f"没有映射 no map: {row['day']} {sender} {row['type']} ×{row['parts']}", markup=False)


@adapters.command("diff")
def adapters_diff(
    region: Annotated[str, typer.Argument(help="Region or feed")],
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Samples or real items")],
    against: Annotated[Path, typer.Option(exists=True, file_okay=False, help="A changed copy of mappings/")],
) -> None:
    """What a change of the maps does to a folder of items. Exit code 1: something changes."""
    from hie.commands.adapters import differences

    changed = _call(differences, region, folder, against)
    for part in changed:
        console.print(f"[bold]{part.file}[/bold] part {part.part} {part.label}")
        for mark, colour, lines in (("-", "red", part.lost), ("+", "green", part.gained)):
            for line in lines:
                console.print(f"  {mark} {line}", style=colour, markup=False, highlight=False)
    console.print(f"{len(changed)} parts change")
    raise typer.Exit(1 if changed else 0)


@adapters.command("lint")
def adapters_lint(region: Annotated[str | None, typer.Argument(help="Region or feed. Default: all")] = None) -> None:
    """Hold every target against the FHIR definitions and every code map against its code systems."""
    from hie.commands.adapters import linted

    problems = _call(linted, region)
    for problem in problems:
        console.print(str(problem), markup=False, highlight=False, soft_wrap=True)
    console.print(f"[red]{len(problems)} problems[/red]" if problems else "[green]✓ nothing to say[/green]")
    raise typer.Exit(1 if problems else 0)


@adapters.command("new")
def adapters_new(
    region: Annotated[str, typer.Argument(help="Region code, such as kunshan")],
    kind: Annotated[str, typer.Option("--from", help="What it sends: hl7v2, cda or xml")],
    into: Annotated[Path, typer.Option(file_okay=False, help="Folder in which the package is made")] = Path(),
) -> None:
    """Make a working package for a further region: maps, samples, golden files, tests."""
    from hie.commands.skeleton import new_adapter

    folder = _call(new_adapter, region, kind, into)
    console.print(f"[green]✓[/green] {folder}", soft_wrap=True)
    steps = ("pip install pytest", "pip install --no-deps --editable .", "pytest")
    console.print(f"next: cd {folder.name} && {' && '.join(steps)}", soft_wrap=True)


@app.command()
def simulate(
    patients: Annotated[int, typer.Option(min=1, help="People to invent")] = 100,
    days: Annotated[int, typer.Option(min=1, help="Days over which they are first seen")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed gives the same traffic, byte for byte")] = 1,
    rate: Annotated[float, typer.Option(min=0, help="Items per second at most; 0: as fast as they are taken")] = 0,
    dirt: Annotated[
        str, typer.Option(help="Share of items with something wrong, such as 0.1; or by kind: missing=0.05,late=0.1")
    ] = "0",
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day")] = datetime(2025, 1, 6),
    out: Annotated[Path | None, typer.Option(help="Write one file per item here")] = None,
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
    with Shown(Console(stderr=True)) as shown:
        _run(run(World(seed, patients, start, days, read_dirt(dirt)), target, shown.show, sent))
    for line in summary(target, sent):
        console.print(line)


def _score(data: Path, truth: Path) -> None:
    """Print how the store compares with the truth; exit code 1 when anything differs."""
    from hie.commands.scored import report
    from hie.commands.scored import score as run

    found = _run(run(_operating(data, None, None), truth))
    for line in report(found):
        console.print(line, highlight=False)
    if not found.perfect:
        raise typer.Exit(1)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A message, document or envelope")],
    feed: Annotated[str, typer.Option(help="The door it would come through, such as wujiang-hl7v2")],
    strict: Annotated[bool, typer.Option("--strict", help="Also 1 for a warning or a field that no map has")] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Leave tree and draft out")] = False,
) -> None:
    """试运行 · Run a file through parse, mapping and quality; nothing is stored. Prints tree, findings, unmapped fields
    and draft. Exit code 0: it would be stored; 1: refused; 2: it could not be checked."""
    from hie.commands.check import check_file
    from hie.pipeline.check import report_lines

    report = _call(check_file, file, feed)
    for line in report_lines(report, tree=not brief, draft=not brief):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if (report.clean if strict else report.storable) else 1)


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="FHIR resources, JSON or XML")],
    profile: Annotated[list[str] | None, typer.Option(help="Canonical URL of a profile; may be repeated")] = None,
    errors_only: Annotated[bool, typer.Option("--errors-only", help="Leave warnings and hints out")] = False,
    data: Data = None,
    config: ConfigFile = None,
) -> None:
    """校验 · Hold FHIR resources against FHIR R4 and profiles. Exit code 1 when one is not valid."""
    from hie.commands.validate import issue_line, validate_files

    valid = True
    for checked in validate_files(files, profile or (), _operating(data, None, config).terminology_path):
        valid = valid and checked.valid
        console.print(f"{'[green]✓[/green]' if checked.valid else '[red]✗[/red]'} [bold]{checked.path}[/bold]")
        for issue in checked.issues:
            if issue.fails or not errors_only:
                console.print(issue_line(issue), markup=False, soft_wrap=True)
    raise typer.Exit(0 if valid else 1)


Url = Annotated[str, typer.Option(help="Where the server listens")]


@app.command()
def load(
    files: Annotated[list[Path], typer.Argument(exists=True, help="FHIR JSON or NDJSON files, also .gz and .bz2")],
    url: Url = "http://127.0.0.1:8080",
    senders: Annotated[int, typer.Option(min=1, max=64, help="Requests at the same time")] = 4,
) -> None:
    """装载 · Send FHIR Bundles and resources to a running server. Exit code 1 when any was refused."""
    from rich.progress import Progress

    from hie.commands.load import load as run

    with Progress(console=console) as bar:
        task = bar.add_task("loading", total=len(files))
        result = _run(run(url, files, senders, lambda: bar.advance(task)))
    for line in result.refused[:20]:
        console.print(f"[red]✗[/red] {line}")
    console.print(f"{result.requests} requests, {result.resources} resources, {len(result.refused)} refused")
    raise typer.Exit(1 if result.refused else 0)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Where the NDJSON files go")],
    types: Annotated[list[str] | None, typer.Option("--type", help="Only this resource type; may be repeated")] = None,
    url: Url = "http://127.0.0.1:8080",
) -> None:
    """导出 · Save everything, or some types, as NDJSON files."""
    from hie.commands.export import export as run

    with console.status("exporting") as status:
        saved = _run(run(url, folder, types or (), lambda words: status.update(f"exporting: {words}")))
    for name, n in saved.items():
        console.print(f"{n:>9}  {folder / name}", soft_wrap=True)
    console.print(f"{sum(saved.values())} resources in {len(saved)} files")


def _operating(data: Path | None, store: str | None, config: Path | None) -> Any:
    from hie.config import load_config

    return load_config({"data": data, "store": store}, file=config)


def _call(work: Any, *given: Any) -> Any:
    """Call a function; a situation becomes one clear line and exit code 2."""
    try:
        return work(*given)
    except HieError as error:
        Console(stderr=True).print(error.message, style="red", markup=False)
        raise typer.Exit(2) from None


def _run(work: Any) -> Any:
    """Run a coroutine; a situation becomes one clear line and exit code 2."""
    try:
        import uvloop

        return uvloop.run(work)
    except HieError as error:
        Console(stderr=True).print(f"[red]{error.message}[/red]")
        raise typer.Exit(2) from None
    except OSError as error:
        Console(stderr=True).print(f"[red]{error}[/red]")
        raise typer.Exit(2) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(0) from None


def main() -> None:
    """Entry point of the `hie` command."""
    try:
        app()
    except HieError as error:
        Console(stderr=True).print(f"[red]{error.message}[/red]")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
