"""Which name of a concept suits a language (BCP-47; RFC 4647 §3.4 lookup, and from general to special)."""

from collections.abc import Sequence

from hie.terminology.concept import Concept


def wanted_languages(text: str | None) -> tuple[str, ...]:
    """The tags of a displayLanguage or an Accept-Language header, best first: `zh-CN,en;q=0.5` -> (zh-CN, en)."""
    ranked = []
    for place, part in enumerate((text or "").split(",")):
        tag, _, rest = part.strip().partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest else 1.0
        except ValueError:
            weight = 0.0
        if tag and tag != "*" and weight > 0:
            ranked.append((-weight, place, tag))
    return tuple(tag for _, _, tag in sorted(ranked))


def matches(tag: str, wanted: str) -> bool:
    """Whether a text in language `tag` serves a reader of `wanted`: equal, or one begins the other at a hyphen."""
    tag, wanted = tag.lower(), wanted.lower()
    return bool(tag) and (tag == wanted or tag.startswith(wanted + "-") or wanted.startswith(tag + "-"))


def display_in(concept: Concept, base: str, wanted: Sequence[str]) -> tuple[str, str]:
    """The name to show and its language; `base` is the language of the display itself.

    The display stands when no name is in a wanted language.
    """
    for tag in wanted:
        if matches(base, tag):
            return concept.display, base
        found = [row for row in concept.designations if matches(row.language, tag)]
        if found:
            best = next((row for row in found if row.language.lower() == tag.lower()), found[0])
            return best.value, best.language
    return concept.display, base


def same_name(given: str, name: str) -> bool:
    """Whether two names are alike but for case and blanks."""
    return "".join(given.lower().split()) == "".join(name.lower().split())
