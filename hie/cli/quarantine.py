"""`hie quarantine ...`: what is kept for a decision."""

from typing import TYPE_CHECKING, Annotated

import typer

from hie.cli.terminal import ConfigFile, Data, StoreUrl, attempt, console, operating, perform

if TYPE_CHECKING:
    from hie.config import Config

quarantine = typer.Typer(help="隔离区 · What is kept for a decision.", no_args_is_help=True)


OneItem = Annotated[str, typer.Argument(help="Raw item id, or the beginning of one")]
Item = Annotated[str | None, typer.Argument(help="Raw item id, or the beginning of one")]
Part = Annotated[int | None, typer.Option(help="Of the item: only this part, by its number")]
OnFeed = Annotated[str | None, typer.Option(help="Without an item: only what waits on this feed")]
ForCause = Annotated[str | None, typer.Option(help="Without an item: only what waits for this finding code")]
Label = Annotated[str | None, typer.Option(help="Without an item: only this message type, document type or table")]
Maps = Annotated[str | None, typer.Option(help="Without an item: only what this version of the maps processed")]


@quarantine.command("list")
def quarantine_list(
    feed: Annotated[str | None, typer.Option(help="Only this feed")] = None,
    cause: Annotated[str | None, typer.Option(help="Only this finding code")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only orphans that wait for more than 7 days")] = False,
    data: Data = None,
    store: StoreUrl = None,
    config: ConfigFile = None,
) -> None:
    """隔离清单 · What lies in quarantine, by cause, the oldest first."""
    from rich.table import Table

    from hie.commands.operate import call

    wanted = {"feed": feed, "cause": cause, "overdue": overdue}
    rows = perform(call(operating(data, store, config), "GET", "/admin/quarantine", wanted))
    table = Table("item", "part", "feed", "label", "cause")
    for column in table.columns:
        column.no_wrap = True
    for row in sorted(rows, key=lambda r: (r["cause"], r["received"])):
        table.add_row(row["item"][:13], str(row["part"]), row["feed"], row["label"], row["cause"])
    console.print(table if rows else _nothing(feed or cause or overdue))


def _nothing(chosen: str | bool | None) -> str:
    """What an empty list is: of all that is held, or only of what was `chosen`."""
    return "没有符合条件的 · Nothing like that is held." if chosen else "隔离区为空 · Nothing lies in quarantine."


@quarantine.command("show")
def quarantine_show(item: OneItem, data: Data = None, store: StoreUrl = None, config: ConfigFile = None) -> None:
    """查看 · One raw item, held or not: what became of it and of each part, its findings; never its content."""
    from hie.commands.operate import call
    from hie.commands.quarantine import address

    settings, path = operating(data, store, config), attempt(address, item)
    console.print_json(data=perform(call(settings, "GET", path, {})))


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

    found = perform(groups(operating(data, store, config), {"feed": feed, "cause": cause}))
    table = Table("n", "feed", "label", "cause", "where", "maps", "oldest")
    for column in table.columns:
        column.no_wrap = column.header in ("n", "cause", "maps")
    for one in found:
        why = (one["rule"] or one["cause"], ", ".join(one["paths"][:3]), one["maps"], age(one["oldest"]))
        table.add_row(str(one["count"]), one["feed"], one["label"], *why)
    console.print(table if found else _nothing(feed or cause))


@quarantine.command("rehearse")
def quarantine_rehearse(
    item: OneItem,
    release: Annotated[bool, typer.Option("--release", help="In spite of its quarantine findings")] = False,
    edited: Annotated[bool, typer.Option("--edited", help="By the tables on disk, before they are in force")] = False,
    draft: Annotated[bool, typer.Option("--draft", help="Print the draft as well, texts as shapes")] = False,
    data: Data = None,
    store: StoreUrl = None,
    config: ConfigFile = None,
) -> None:
    """演练 · What would become of an item now, with the maps as they are (--edited: as on disk); nothing is stored."""
    from hie.commands.operate import call
    from hie.commands.quarantine import address

    path = f"{attempt(address, item)}/rehearse"
    found = perform(call(operating(data, store, config), "POST", path, {"release": release, "edited": edited}))
    for part in found["parts"] if not draft else ():
        part.pop("draft")
    console.print_json(data=found)


@quarantine.command("release")
def quarantine_release(
    item: Item = None,
    part: Part = None,
    feed: OnFeed = None,
    cause: ForCause = None,
    label: Label = None,
    maps: Maps = None,
    data: Data = None,
    store: StoreUrl = None,
    config: ConfigFile = None,
) -> None:
    """放行 · Process an item, one part or a group in spite of its quarantine findings.

    A group is all that --feed, --cause, --label and --maps name together, as `hie quarantine groups` shows them.
    """
    wanted = {"feed": feed, "cause": cause, "label": label, "maps": maps}
    _decide(operating(data, store, config), "release", item, part, wanted)


@quarantine.command("discard")
def quarantine_discard(
    reason: Annotated[str, typer.Option(help="Why it will never be processed; kept in the audit")],
    item: Item = None,
    part: Part = None,
    feed: OnFeed = None,
    cause: ForCause = None,
    label: Label = None,
    maps: Maps = None,
    data: Data = None,
    store: StoreUrl = None,
    config: ConfigFile = None,
) -> None:
    """丢弃 · Decide that an item, one part or a group will never be processed. The bytes stay.

    A group is all that --feed, --cause, --label and --maps name together, as `hie quarantine groups` shows them.
    """
    wanted = {"feed": feed, "cause": cause, "label": label, "maps": maps}
    _decide(operating(data, store, config), "discard", item, part, wanted, reason)


def _decide(
    settings: "Config",
    action: str,
    item: str | None,
    part: int | None,
    wanted: dict[str, str | None],
    reason: str | None = None,
) -> None:
    """Release or discard an item, or without one the groups that are wanted; prints what became of them."""
    from hie.commands.quarantine import decide

    ended = perform(decide(settings, action, item, part, wanted, reason))
    if item is not None:
        console.print(*ended)
        return
    console.print("  ".join(f"{state}: {n}" for state, n in ended.items()) or "没有符合条件的项 · Nothing waits so.")
