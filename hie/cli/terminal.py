"""What every command of the line shares: the console, its options, and how a situation becomes one clear line."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console

from hie.base.errors import HieError

if TYPE_CHECKING:
    from hie.config import Config

T = TypeVar("T")
PIPED = 500
"""Columns of output that goes to a file or another program: there nothing is cut off or folded."""

console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED, emoji=False)

Data = Annotated[Path | None, typer.Option(help="Directory for the database and the drop folders. Default: data")]
Terms = Annotated[Path | None, typer.Option("--data", help="Directory with terminology.sqlite. Default: data")]
Port = Annotated[int | None, typer.Option(help="Port of the HTTP server. Default: 8080; 0 takes a free one")]
MllpPort = Annotated[int | None, typer.Option("--mllp-port", help="Port of the MLLP server. Default: 2575")]
Host = Annotated[str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1")]
StoreUrl = Annotated[str | None, typer.Option(help="sqlite:///PATH or mongodb://... Default: hie.sqlite in --data")]
Processes = Annotated[int | None, typer.Option(help="Processes that answer HTTP. Default: one a core, at most 4")]
ConfigFile = Annotated[Path | None, typer.Option(help="TOML file with settings; each is also HIE_<NAME>")]


def operating(data: Path | None, store: str | None, config: Path | None) -> "Config":
    """The settings of a command: its options, else the environment, else the file."""
    return settings_of({"data": data, "store": store}, config)


def settings_of(given: dict[str, Any], file: Path | None) -> "Config":
    """The settings of a command whose options are `given`; a variable of the environment that looks like a setting and
    is none is named."""
    from hie.config import load_config, strange_names

    for name in strange_names(os.environ):
        complain(f"{name} is no setting and counts for nothing.")
    return load_config(given, file=file)


def attempt(work: Callable[..., T], *given: Any) -> T:
    """Call a function; a situation becomes one clear line and exit code 2."""
    try:
        return work(*given)
    except (HieError, OSError) as error:
        raise _told(error) from None


def _told(error: HieError | OSError) -> typer.Exit:
    complain(error.message if isinstance(error, HieError) else str(error))
    return typer.Exit(2)


def complain(message: str) -> None:
    """Say on standard error what is wrong, as it is: brackets are no markup, and a line with a place stays one line."""
    Console(stderr=True, emoji=False).print(message, style="red", markup=False, highlight=False, soft_wrap=True)


def perform(work: Coroutine[Any, Any, T], *, stopped: int = 130) -> T:
    """Run a coroutine; a situation becomes one clear line and exit code 2, Ctrl-C the code `stopped`: 0 where that is
    the way to end it."""
    try:
        import uvloop

        return uvloop.run(work)
    except (HieError, OSError) as error:
        raise _told(error) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(stopped) from None
