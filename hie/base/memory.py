"""Garbage collection in processes that only serve."""

import gc

YOUNG = 200_000
"""Objects made and not freed before the young ones are looked through. Many Bundles and messages are in work at once;
with a tenth of this a bulk load spent 15 % of the writer's CPU on looking through what was still in use."""


def settle_memory() -> None:
    """Keep what the start has made out of garbage collection, and collect less often from now on.

    A full collection over compiled tables and definitions stops everything for a tenth of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 50, 100)
