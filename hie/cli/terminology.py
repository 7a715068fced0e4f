"""`hie terminology load | names | list | remove`: the large code systems of a server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hie.cli.terminal import ConfigFile, Terms, attempt, console, operating

terminology = typer.Typer(help="术语 · Large code systems: load, name, list, remove.", no_args_is_help=True)

Url = Annotated[str, typer.Option("--system", help="Canonical URL of the code system, as in Coding.system")]
Format = Annotated[str, typer.Option("--format", help="csv, icd10 (hierarchy from the codes) or loinc (Loinc.csv)")]
Column = Annotated[
    list[str] | None,
    typer.Option("--column", help="code=…, display=…, definition=…, parent=…, inactive=…: columns with another name"),
]


@terminology.command("load")
def load(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV, UTF-8 or GB18030")],
    system: Url,
    format: Format = "csv",
    version: Annotated[str, typer.Option(help="Its version: another one is kept beside it. Default: none")] = "",
    name: Annotated[str, typer.Option(help="Name of the code system. Default: from the file name")] = "",
    title: Annotated[str, typer.Option(help="Title of the code system. Default: none")] = "",
    language: Annotated[str, typer.Option(help="Language of the display column (BCP-47)")] = "zh-CN",
    value_set: Annotated[str, typer.Option(help="URL of the value set of all its codes. Default: none")] = "",
    column: Column = None,
    data: Terms = None,
    config: ConfigFile = None,
) -> None:
    """装载编码体系 · Stream a code list into the server's terminology file; a running server serves it at once.

    The same file again changes nothing; an interrupted load leaves nothing behind.
    """
    from hie.terminology.loading import Source
    from hie.terminology.loading import load as run

    source = Source(file, system, format, version, name or _name(file), title, language, value_set, _columns(column))
    with _bars("reading", "hierarchy", "index") as show:
        report = attempt(run, _file(data, config), source, datetime.now(UTC), show)
    if report.unchanged:
        console.print(f"没有变化 · loaded before, nothing changed: {report.concepts} codes")
        return
    console.print(f"[green]✓[/green] {report.concepts} codes of {system}")
    notes = {
        "codes that stood twice, the first counts": report.repeated,
        "rows without a code": report.without_code,
        "parents that are not in the file": report.orphans,
    }
    for text, count in notes.items():
        if count:
            console.print(f"[yellow]{count} {text}[/yellow]")


@contextmanager
def _bars(*phases: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar for each phase; all are full at the end, those of phases that were not needed too."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:10}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        tasks = {phase: bar.add_task(phase, total=None) for phase in phases}

        def show(phase: str, done: int, total: int | None) -> None:
            bar.update(tasks[phase], completed=done, total=total)

        yield show
        for task in tasks.values():
            bar.update(task, total=1, completed=1)


@terminology.command("names")
def names(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV with code and display")],
    system: Url,
    language: Annotated[str, typer.Option(help="Language of the names (BCP-47)")] = "zh-CN",
    format: Format = "csv",
    version: Annotated[str, typer.Option(help="Version of the code system. Default: the one loaded last")] = "",
    column: Column = None,
    data: Terms = None,
    config: ConfigFile = None,
) -> None:
    """其他语言名称 · Give a loaded code system names in another language, such as the Chinese variant of LOINC."""
    from hie.terminology.loading import Source
    from hie.terminology.naming import add_names

    source = Source(file, system, format, version, language=language, columns=_columns(column))
    with console.status("naming") as status:

        def show(phase: str, at: int, total: int) -> None:
            status.update(f"naming: {at * 100 // max(total, 1)}%")

        done = attempt(add_names, _file(data, config), source, show)
    console.print(f"[green]✓[/green] {done.concepts} codes of {system} named in {language}")
    if done.unknown:
        console.print(f"[yellow]{done.unknown} codes that the code system does not have[/yellow]")


@terminology.command("list")
def list_systems(data: Terms = None, config: ConfigFile = None) -> None:
    """已装载的编码体系 · What is loaded."""
    from rich.table import Table

    from hie.terminology.codefile import CodeFile

    table = Table("system", "version", "name", "codes", "hierarchy", "format", "file", "loaded")
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    stored = attempt(CodeFile(_file(data, config)).systems)
    for one in stored:
        info = one.info
        shape = "是 yes" if info.hierarchical else ""
        table.add_row(
            info.url, info.version, info.name, str(info.count), shape, one.source_format, one.source_file, one.loaded
        )
    console.print(table if stored else "没有装载的编码体系 · Nothing is loaded.")


@terminology.command("remove")
def remove(
    system: Annotated[str, typer.Argument(help="Canonical URL of the code system")],
    version: Annotated[str | None, typer.Option(help="Only this version. Default: all")] = None,
    data: Terms = None,
    config: ConfigFile = None,
) -> None:
    """移除编码体系 · Take a code system away. Exit code 1 when it is not there."""
    from hie.terminology.loading import remove as run

    removed = attempt(run, _file(data, config), system, version)
    console.print(f"{removed} removed" if removed else f"{system} 没有装载 · is not loaded; see: hie terminology list")
    raise typer.Exit(0 if removed else 1)


def _file(data: Path | None, config: Path | None) -> Path:
    return operating(data, None, config).terminology_path


def _columns(given: list[str] | None) -> tuple[tuple[str, str], ...]:
    """`--column code=YPBM` as pairs."""
    return tuple((what, name) for what, _, name in (one.partition("=") for one in given or ()))


def _name(file: Path) -> str:
    words = "".join(char if char.isalnum() else " " for char in file.stem).split()
    return "".join(word[:1].upper() + word[1:] for word in words) or "CodeSystem"
