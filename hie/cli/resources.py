"""FHIR resources: validate, load, export."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from hie.cli.terminal import ConfigFile, Terms, console, operating, perform

Url = Annotated[str, typer.Option(help="Where the server listens, without /fhir")]


def validate(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="FHIR resources, JSON or XML")],
    profile: Annotated[list[str] | None, typer.Option(help="Canonical URL of a profile; may be repeated")] = None,
    errors_only: Annotated[bool, typer.Option("--errors-only", help="Leave warnings and hints out")] = False,
    data: Terms = None,
    config: ConfigFile = None,
) -> None:
    """校验 · Hold FHIR resources against FHIR R4 and profiles. Exit code 1 when one is not valid."""
    from hie.commands.validate import issue_line, validate_files

    valid = True
    for checked in validate_files(files, profile or (), operating(data, None, config).terminology_path):
        valid = valid and checked.valid
        console.print(f"{'[green]✓[/green]' if checked.valid else '[red]✗[/red]'} [bold]{checked.path}[/bold]")
        for issue in checked.issues:
            if issue.fails or not errors_only:
                console.print(issue_line(issue), markup=False, soft_wrap=True)
    raise typer.Exit(0 if valid else 1)


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

        def advance() -> None:
            bar.update(task, advance=1, description="loading")

        def waits(why: str) -> None:
            bar.update(task, description=f"waiting for the server ({why})")

        result = perform(run(url, files, senders, advance, waits))
    for line in result.refused[:20]:
        console.print("[red]✗[/red]", escape(line))
    waited = f", waited {result.waited} times" if result.waited else ""
    console.print(f"{result.requests} requests, {result.resources} resources, {len(result.refused)} refused{waited}")
    if result.ended:
        left = ", ".join(result.left[:20]) + (", …" if len(result.left) > 20 else "")
        console.print(f"[red]✗[/red] {escape(result.ended)} Not sent, or not whole, {len(result.left)} files:")
        console.print(left, markup=False, soft_wrap=True)
    raise typer.Exit(1 if result.refused or result.ended else 0)


def export(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Where the NDJSON files go")],
    types: Annotated[list[str] | None, typer.Option("--type", help="Only this resource type; may be repeated")] = None,
    url: Url = "http://127.0.0.1:8080",
) -> None:
    """导出 · Save everything, or some types, as NDJSON files."""
    from hie.commands.export import export as run

    with console.status("exporting") as status:
        saved = perform(run(url, folder, types or (), lambda words: status.update(f"exporting: {words}")))
    for name, n in saved.items():
        console.print(f"{n:>9}  {folder / name}", soft_wrap=True)
    console.print(f"{sum(saved.values())} resources in {len(saved)} files")
