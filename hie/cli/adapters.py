"""`hie adapters ...`: the regions that are installed, and what their maps cover."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from hie.cli.terminal import ConfigFile, Data, StoreUrl, attempt, console, operating, perform

if TYPE_CHECKING:
    from hie.commands.adapters import Covered

adapters = typer.Typer(help="适配器 · The regions that are installed, and what their maps cover.", no_args_is_help=True)


@adapters.command("list")
def adapters_list() -> None:
    """已装地区 · Regions, feeds, doors and registered organisations."""
    from rich.table import Table

    from hie.app import load_adapters

    table = Table("region", "title")
    for name in ("feed", "dialect", "doors", "organisations", "API"):
        table.add_column(name, overflow="fold")
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
def adapters_show(region: Annotated[str, typer.Argument(help="Region or feed")], config: ConfigFile = None) -> None:
    """映射内容 · What each map of a region reads and ignores on purpose, and the quality rules of its package."""
    from rich.table import Table

    from hie.commands.adapters import own_rules, shown

    shared = operating(None, None, config).mappings_path
    for row in attempt(shown, region, shared):
        table = Table("source", "", title=escape(f"{row.feed} {row.type}  {row.file}  {row.clause}"))
        for path in row.paths:
            table.add_row(escape(path), "read")
        for path in row.ignored:
            table.add_row(escape(path), "[dim]ignored[/dim]")
        console.print(table)
    rules = attempt(own_rules, region, shared)
    if rules:
        table = Table("rule", "finding", "about", "must hold", "how", title="quality rules")
        for rule in rules:
            about = " ".join((*rule.types, *rule.records))
            said = (rule.id, f"{rule.finding} {rule.severity}", about, f"{rule.zh} · {rule.en}", rule.how)
            table.add_row(*map(escape, said))
        console.print(table)


@adapters.command("coverage")
def adapters_coverage(
    region: Annotated[str, typer.Argument(help="Region or feed")],
    folder: Annotated[Path | None, typer.Argument(exists=True, file_okay=False, help="Default: its samples")] = None,
    data: Annotated[Path | None, typer.Option(help="From real traffic: what this data directory has stored")] = None,
    most: Annotated[int, typer.Option(min=1, help="With --data: the youngest so many items of each feed")] = 1000,
    config: ConfigFile = None,
) -> None:
    """字段覆盖 · Which source fields of real items are used, ignored or mentioned by nobody, per record type."""
    from hie.commands.adapters import covered, covered_by_traffic, feeds_of
    from hie.commands.operate import call

    settings = operating(data, None, config)
    if data is None:
        found = attempt(covered, region, folder, settings.mappings_path)
    else:
        found = perform(covered_by_traffic(settings, region, most))
    _show_types(found)
    for kind, inner in found.within.items():
        for path, n in sorted(inner.unknown.items()):
            console.print(f"没有人读 never read: {kind} {path} ×{n}", markup=False, highlight=False, soft_wrap=True)
    for kind, one in found.types.items():
        for reason, n in sorted(one.refused.items()):
            console.print(f"拒收 refused: {kind} {reason} ×{n}", markup=False, soft_wrap=True)
    for place in found.never:
        console.print(f"没有值 never filled: {place}", markup=False, highlight=False, soft_wrap=True)
    if found.unseen:
        console.print(f"没有样本 not seen: {', '.join(found.unseen)}", markup=False, soft_wrap=True)
    if data is not None:
        rows = perform(call(settings, "GET", "/admin/coverage", {"days": 366}))["unmapped"]
        feeds = attempt(feeds_of, region)
        for row in rows:
            if row["feed"] in feeds:
                sender = row["organisation"] or "-"
                console.print(f"没有映射 no map: {row['day']} {sender} {row['type']} ×{row['parts']}", markup=False)


def _show_types(found: "Covered") -> None:
    from rich.table import Table

    table = Table()
    for name in (
        "type",
        "records",
        "used",
        "ignored",
        "share",
        "unknown fields",
        *(["within"] if found.within else []),
    ):
        table.add_column(name, overflow="fold")
    for kind, one in found.types.items():
        unknown = ", ".join(f"{path} ×{n}" for path, n in sorted(one.unknown.items()))
        inner = found.within.get(kind)
        table.add_row(
            escape(kind),
            str(one.records),
            str(len(one.used)),
            str(len(one.ignored)),
            f"{one.share:.1%}" if one.used or one.unknown else "-",
            escape(unknown),
            *([f"{len(inner.used)}/{len(inner.ignored)}/{len(inner.unknown)}"] if inner else []),
        )
    console.print(table)


@adapters.command("diff")
def adapters_diff(
    region: Annotated[str, typer.Argument(help="Region or feed")],
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Samples or real items")],
    against: Annotated[Path, typer.Option(exists=True, file_okay=False, help="A changed copy of mappings/")],
    config: ConfigFile = None,
) -> None:
    """改动对比 · What a change of the maps does to a folder of items. Exit code 1: something changes."""
    from hie.commands.adapters_diff import NO_PART, differences

    changes = attempt(differences, region, folder, against, operating(None, None, config).mappings_path)
    changed = 0
    while (part := attempt(lambda: next(changes, None))) is not None:
        changed += 1
        place = f"part {part.part} {part.label}" if part.part != NO_PART else part.label
        console.print(f"[bold]{escape(part.file)}[/bold] {escape(place)}")
        for mark, colour, lines in (("-", "red", part.lost), ("+", "green", part.gained)):
            for line in lines:
                console.print(f"  {mark} {line}", style=colour, markup=False, highlight=False, soft_wrap=True)
    console.print(f"{changed} parts change")
    raise typer.Exit(1 if changed else 0)


@adapters.command("lint")
def adapters_lint(
    region: Annotated[str | None, typer.Argument(help="Region or feed. Default: all")] = None,
    tables: Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="A folder like mappings/")] = None,
    config: ConfigFile = None,
) -> None:
    """检查 · Hold targets against the FHIR definitions, code maps against code systems, paths against HL7.

    What our profiles require and the maps do not state, and fields and elements that HL7 does not have, are said as
    well, as advice. Exit code 1: there are problems.
    """
    from hie.commands.adapters import advised, linted

    shared = operating(None, None, config).mappings_path
    problems = attempt(linted, region, tables, shared)
    for problem in problems:
        console.print(str(problem), markup=False, highlight=False, soft_wrap=True)
    for hint in attempt(advised, region, tables, shared):
        console.print(f"建议 advice: {hint}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"[red]{len(problems)} problems[/red]" if problems else "[green]✓ nothing to say[/green]")
    raise typer.Exit(1 if problems else 0)


@adapters.command("reload")
def adapters_reload(data: Data = None, store: StoreUrl = None, config: ConfigFile = None) -> None:
    """换表 · Let the running server work by the tables as they are on disk, after lint; broken ones change nothing."""
    from hie.commands.adapters import reload

    found = perform(reload(operating(data, store, config)))
    same = found["before"] == found["after"]
    console.print(
        f"{found['after']}: 没有变化 · nothing has changed" if same else f"{found['before']} → {found['after']}"
    )


@adapters.command("new")
def adapters_new(
    region: Annotated[str, typer.Argument(help="Region code, such as kunshan")],
    kind: Annotated[str, typer.Option("--from", help="What it sends: hl7v2, cda, xml or fhir")],
    into: Annotated[Path, typer.Option(file_okay=False, help="Folder in which the package is made")] = Path(),
) -> None:
    """新建适配器 · Make a working package for a further region: maps, samples, golden files, tests."""
    from hie.commands.skeleton import new_adapter

    folder = attempt(new_adapter, region, kind, into)
    console.print(f"[green]✓[/green] {escape(str(folder))}", soft_wrap=True)
    steps = ("pip install pytest", "pip install --no-deps --editable .", "pytest")
    console.print(f"next: cd {folder} && {' && '.join(steps)}", soft_wrap=True, markup=False)
