"""Garbage collection in processes that read tables and then serve."""

import gc

YOUNG = 200_000
"""Objects made and not freed before the young ones are looked through. Many Bundles and messages are in work at once;
with a tenth of this a bulk load spent 15 % of the writer's CPU on looking through what was still in use."""


def collect_seldom() -> None:
    """Collect less often from now on. What a start reads is all kept: collecting meanwhile doubled the time in which
    field maps are compiled (0.4 s of CPU, 0.2 without)."""
    gc.set_threshold(YOUNG, 50, 100)


def settle_memory() -> None:
    """Keep what the start has made out of garbage collection, and collect less often from now on.

    A full collection over compiled tables and definitions stops everything for a tenth of a second.
    """
    gc.collect()
    gc.freeze()
    collect_seldom()
