"""Tallies as values: what was counted for one feed, sending organisation and day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Cause(NamedTuple):
    """What a finding is counted under: severity, code, the rule that noted it (if one did), its place in the source's
    own terms without indexes (`…` for all places that there was no room to name), and the dimension that it was counted
    against, None when that was not kept: mere information, and counts made before it was."""

    severity: str
    code: str
    rule: str
    path: str
    dimension: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """The counters of one feed, organisation (social credit code, empty when none could be told) and day.

    `items` are deliveries; `checked` are the parts that went through the rules, and envelopes with something wrong;
    `resources` are those that the parts are about, written or not, once for each part; `failed` by dimension how many
    of `checked` have a finding there that is not merely informative; `found` counts findings; `samples` is one part
    (item id, part) for each cause. `types` are parts by type of message, document or row; `unmapped` those of them that
    no map covers; `unknown` source fields, by type and path, that were filled and that no map mentions.
    """

    day: str
    feed: str
    organisation: str
    state: str
    items: int
    checked: int
    resources: int
    failed: Mapping[str, int]
    found: Mapping[Cause, int]
    samples: Mapping[Cause, tuple[str, int]] = field(default_factory=dict)
    types: Mapping[str, int] = field(default_factory=dict)
    unmapped: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[tuple[str, str], int] = field(default_factory=dict)
