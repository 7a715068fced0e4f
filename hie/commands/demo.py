"""`hie demo`: starts an exchange, shows progress and summary, prints the URLs, and serves on."""

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from hie.commands.samples import Sample, Summary, samples, send_all, summarise
from hie.commands.serve import Running, running, set_up_logging
from hie.config import load_config

REGIONS = {"wujiang": "吴江", "jiashan": "嘉善", "qingpu": "青浦"}
"""Region code -> its name, for the summary."""


COLUMNS = (
    "接收 received",
    "接受 accepted",
    "警告 warned",
    "隔离 quarantined",
    "拒绝 rejected",
    "资源 resources",
    "关联 persons linked",
)


async def run_demo(given: dict[str, Any], console: Console, *, once: bool) -> None:
    """Run the demo; `given` are settings from the command line."""
    config = load_config({**given, "drop_poll_seconds": 0.1, "processes": 1})
    set_up_logging("WARNING")
    async with running(config) as started:
        console.print(f"健康信息交换演示 · three regions, one person's history · {started.url}")
        await _feed(started, console)
        summary = await summarise(started.exchange)
        stop = started.told_to_stop()
        show(summary, started, console)
        if not once:
            await stop.wait()


async def _feed(started: Running, console: Console) -> None:
    columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=len(samples(started.exchange)))

        def progress(sample: Sample) -> None:
            region = REGIONS.get(sample.runtime.region, sample.runtime.region)
            bar.update(task, advance=1, description=f"{region} {sample.transport:4} {sample.path.name}")

        await send_all(started.exchange, started.url, progress)


def show(summary: Summary, started: Running, console: Console) -> None:
    """Print the summary and where to look."""
    table = Table(*COLUMNS)
    counts = summary.dispositions
    table.add_row(
        str(summary.received),
        str(counts.get("accepted", 0)),
        str(counts.get("accepted-with-warnings", 0)),
        str(counts.get("quarantined", 0)),
        str(counts.get("rejected", 0)),
        str(summary.resources),
        f"{summary.persons} ({summary.linked} 份档案 records)",
    )
    console.print(table)
    if summary.best is not None:
        regions = " ".join(REGIONS.get(region, region) for region in summary.regions)
        console.print(f"一人多地 one person, {len(summary.regions)} regions ({regions}):")
        console.print(f"  浏览 record   {started.url}/browse/record/{summary.best}", soft_wrap=True)
        console.print(f"  FHIR          {started.url}/fhir/Patient/{summary.best}/$everything", soft_wrap=True)
    console.print(f"  查找 search   {started.url}/browse/")
    console.print(f"  质量 quality  {started.url}/quality/")
    console.print(f"  MLLP          {started.exchange.mllp}")
