"""The dialect `cda` on documents that tell what is read of them: for coverage, never while items are processed."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from lxml import etree

from hie.mapping.dialect import Coverage, Place, SourcePath
from hie.mapping.dialects.cda import Cda, text_of
from hie.mapping.dialects.cda_looks import looks
from hie.mapping.dialects.cda_places import TEXT, Spot, fixed, places
from hie.mapping.dialects.cda_xpath import NAMESPACES, OBSERVATION, SECTION, expanded
from hie.wire.clinical_document import ENTRIES, read_header
from hie.wire.safexml import copied_as


class ToldCda(Cda):
    """Nodes are elements that note in `read` what is asked of them while `listens`: attributes and texts."""

    def __init__(self) -> None:
        self.read: set[Spot] = set()
        self.listens = False
        self._element = _telling(self)
        self._find = cache(_smart)

    def compile_coverage(
        self, source_paths: frozenset[SourcePath], ignored: frozenset[str]
    ) -> Callable[[Any], Coverage]:
        """Nothing: entries are counted on the document itself."""
        return lambda root: Coverage()

    def telling(self, tree: Any) -> Any:
        """A copy of a document that tells; what was told so far is forgotten."""
        self.listens = False
        self.read.clear()
        return copied_as(tree, self._element)

    def places(self, tree: Any, source_paths: Iterable[SourcePath]) -> Mapping[Spot, Place]:
        """Every attribute and text of a document that says something; of one that the map keeps as a whole those of its
        header."""
        found = places(tree, _named(source_paths))
        if any(SECTION.search(one) for contexts, path in source_paths for one in (*contexts, path)):
            return found
        return {spot: place for spot, place in found.items() if not place.path.startswith("section(")}

    def ignored(self, tree: Any, paths: Iterable[str], source_paths: Iterable[SourcePath]) -> set[Spot]:
        """What is left out on purpose: what `paths` lead to with all that is in it, and what says no more than what an
        element is. Of an entry of which something is read only that is left out which a path names."""
        named = _named(source_paths)
        left = set(fixed(places(tree, named), named))
        entries = {_entry(element) for element, _ in self.read if element.tag != "code"}
        for path in paths:
            for found in self._find(path)(tree):
                if spot := _spot(found):
                    left.add(spot)
                elif found.tag not in ENTRIES or found not in entries:
                    left |= {(one, name) for one in found.iter() for name in (*one.keys(), TEXT)}
        return left

    def tell(self, path: str, node: Any, *, several: bool) -> None:
        """Note what a path reads from a node, wherever it looks; of its values the first only, unless `several`."""
        if path.startswith("document:"):
            self.listens = True
            read_header(node.getroottree().getroot())
            self.listens = False
        if path.startswith("document:") or path == "n()":
            return
        plain = path.removeprefix("node:")
        for look in looks(plain):
            found = self._find(look.path)(node)
            for one in found if look.inner or several else found[:1]:
                self._note(one, inner=look.inner, handed=plain != path)

    def enter(self, context: str, node: Any) -> None:
        """Note what the predicates of a context look at."""
        self.tell(f"node:{context}", node, several=True)

    def _note(self, found: Any, *, inner: bool, handed: bool) -> None:
        if spot := _spot(found):
            self.read.add(spot)
        elif inner:
            self.read.add((found, TEXT))
        elif not handed:
            self.listens = True
            text_of(found)
            self.listens = False

    def bare(self, tree: Any) -> None:
        """Take the entries out of a document, so that what is made of it as a whole can be told apart."""
        for entry in list(tree.iter("entry")):
            entry.getparent().remove(entry)


def _named(source_paths: Iterable[SourcePath]) -> frozenset[str]:
    """The data element codes in paths."""
    paths = (one for contexts, path in source_paths for one in (*contexts, path))
    return frozenset(code.strip() for path in paths for code in OBSERVATION.findall(path))


def _entry(element: Any) -> Any:
    """The entry that an element belongs to, itself if it is one."""
    return element if element.tag in ENTRIES else next(element.iterancestors(*ENTRIES), None)


def _spot(found: Any) -> Spot | None:
    """Where an attribute or text stands that a path found; None for an element."""
    parent = getattr(found, "getparent", None) if isinstance(found, str) else None
    element = parent() if parent is not None else None
    return None if element is None else (element, found.attrname if found.is_attribute else TEXT)


def _smart(path: str) -> Callable[[Any], list[Any]]:
    """What finds the nodes of a location path; text and attributes know where they stand. Nothing for what is none."""
    try:
        find = etree.XPath(expanded(path), namespaces=NAMESPACES)
    except etree.XPathSyntaxError:
        return lambda node: []

    def nodes(node: Any) -> list[Any]:
        found: Any = find(node)
        several = found if isinstance(found, list) else []
        return [one for one in several if etree.iselement(one) or one.getparent() is not None]

    return nodes


def _telling(told: ToldCda) -> type[etree.ElementBase]:
    """The class of elements that note what is asked of them."""

    class Telling(etree.ElementBase):
        def tell(self, *names: Any) -> None:
            """Note attributes, or the text, as read."""
            if told.listens:
                told.read.update((self, name) for name in names)

        @property
        def text(self) -> Any:  # type: ignore[override]
            """The text before the first child."""
            self.tell(TEXT)
            return super().text

        @property
        def attrib(self) -> Any:  # type: ignore[override]
            """All attributes."""
            self.tell(*super().keys())
            return super().attrib

        def get(self, key: Any, default: Any = None) -> Any:
            """One attribute."""
            self.tell(key)
            return super().get(key, default)

        def items(self) -> Any:
            """All attributes."""
            self.tell(*super().keys())
            return super().items()

        def values(self) -> Any:
            """All attributes."""
            self.tell(*super().keys())
            return super().values()

        def itertext(self, *tags: Any, with_tail: bool = True) -> Any:
            """All text within."""
            for one in self.iter():
                told.read.update({(one, TEXT)} if told.listens else ())
            return super().itertext(*tags, with_tail=with_tail)

        def xpath(self, *path: Any, **more: Any) -> Any:
            """What a path finds; attributes and texts among it are read."""
            found: Any = super().xpath(*path, **more)
            spots = [spot for one in found if (spot := _spot(one))] if isinstance(found, list) else ()
            told.read.update(spots if told.listens else ())
            return found

    return Telling
