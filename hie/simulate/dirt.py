"""Dirt: how much of the traffic is wrong, by kind."""

from dataclasses import dataclass, fields

from hie.base.errors import Category, HieError

FAULTS = ("missing", "code", "value", "form", "address")
"""Kinds of things that are wrong in an item itself."""


@dataclass(frozen=True, slots=True)
class Dirt:
    """Shares from 0 to 1.

    Of all items: `missing` fields, wrong `code`s, impossible or contradicting `value`s, bytes out of `form` (charset,
    cut off, wrong count), wrong `address` (unknown sender or type, test traffic, an envelope that says something else),
    `duplicate`s. An item that a kind cannot happen to gets one of the other kinds. Of the items that can change places:
    `late` ones. Of what hospitals have on file: `number`s, a national id mistyped or masked. Of people: `lookalike`s.
    """

    missing: float = 0.0
    code: float = 0.0
    value: float = 0.0
    form: float = 0.0
    address: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    number: float = 0.0
    lookalike: float = 0.025

    @property
    def spoilt(self) -> float:
        """The share of items that are wrong in themselves."""
        return self.missing + self.code + self.value + self.form + self.address


CLEAN = Dirt()
"""Nothing is wrong but that some people look like others."""


def even(share: float) -> Dirt:
    """About that share of items with something wrong, of every kind."""
    each = share * 0.85 / len(FAULTS)
    return Dirt(each, each, each, each, each, duplicate=share * 0.15, late=share, number=share / 4)


def dirt(text: str) -> Dirt:
    """Read `0.1`, or shares by kind such as `missing=0.05,late=0.1`. Raises INVALID."""
    text = text.strip()
    if "=" not in text:
        return even(_share(text))
    known = {field.name for field in fields(Dirt)}
    found: dict[str, float] = {}
    for part in text.split(","):
        kind, equals, share = (piece.strip() for piece in part.partition("="))
        if kind not in known:
            raise HieError(Category.INVALID, f"{kind!r} is no kind of dirt: {', '.join(sorted(known))}.")
        if not equals:
            raise HieError(Category.INVALID, f"{kind!r} needs a share, such as {kind}=0.05.")
        if kind in found:
            raise HieError(Category.INVALID, f"{kind!r} stands twice.")
        found[kind] = _share(share)
    result = Dirt(**found)
    if result.spoilt + result.duplicate > 1 or result.lookalike > 0.5:
        raise HieError(Category.INVALID, "More is wrong than there is: shares add up to 1, look-alikes to 0.5.")
    return result


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise HieError(Category.INVALID, f"{text!r} is no share from 0 to 1.")
    return share
