"""`hie check`: a file through parse, mapping and quality, with nothing stored."""

from pathlib import Path

from hie.app import bind_feeds, load_adapters
from hie.base.errors import Category, HieError
from hie.commands.adapters import delivery_of
from hie.config import Config
from hie.pipeline.check import CheckReport, check
from hie.pipeline.prepare import prepare


def check_file(file: Path, door: str, config: Config) -> CheckReport:
    """Check one file by the tables and the loaded code systems that `config` names; raises NOT_FOUND for a door that no
    feed has."""
    feeds = bind_feeds(load_adapters(), config.mappings_path, config.terminology_path)
    runtimes = {d: runtime for runtime in feeds for d in runtime.feed.doors}
    runtime = runtimes.get(door)
    if runtime is None:
        raise HieError(Category.NOT_FOUND, f"There is no feed {door!r}. Choose one of: {', '.join(sorted(runtimes))}.")
    body = file.read_bytes()
    delivery = delivery_of(runtime, door, body)
    return check(runtime, delivery, *prepare(runtime, delivery))
