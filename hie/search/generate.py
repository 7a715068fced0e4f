"""Routes to Python source: one straight-line function per resource type.

The routes of all parameters are merged into one tree, so every JSON member is fetched once, however many parameters
need it. Names and literals enter the source through `repr` only; JSON keys come from the definitions.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hie.search import emit
from hie.search.entries import Entries
from hie.search.route import Equals, Item, Key, Refers, Route, Step
from hie.search.values import date_range

LISTS = Entries._fields
Systems = str | Mapping[str, str]


@dataclass(frozen=True)
class Leaf:
    """Entries to make at the end of a route: parameter code and type, data type of the value, and for a code the
    system that its required binding implies (or a map code -> system)."""

    code: str
    kind: str
    type: str
    system: Systems = ""
    usage: str = "normal"


@dataclass(frozen=True)
class Part:
    """One component of a composite: equal keys mean equal entries; `from_root` starts at the resource."""

    key: str
    tree: "Tree"
    from_root: bool


@dataclass(frozen=True)
class Composite:
    """A composite parameter at the end of its route."""

    code: str
    parts: tuple[Part, ...]


@dataclass
class Tree:
    """Routes merged by common steps."""

    branches: dict[Step, "Tree"] = field(default_factory=dict)
    leaves: list[Leaf] = field(default_factory=list)
    composites: list[Composite] = field(default_factory=list)

    def at(self, steps: Iterable[Step]) -> "Tree":
        """The subtree at the end of `steps`, made when it is not there."""
        tree = self
        for step in steps:
            tree = tree.branches.setdefault(step, Tree())
        return tree

    def add(self, route: Route, leaf: Leaf) -> None:
        """Put a leaf at the end of a route, once."""
        leaves = self.at(route.steps).leaves
        if leaf not in leaves:
            leaves.append(leaf)


class Source:
    """The function being written: lines with indentation, and the constants they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self._count = 0

    def line(self, depth: int, text: str) -> None:
        """Add one line."""
        self.lines.append("    " * depth + text)

    def name(self, stem: str) -> str:
        """A fresh variable name."""
        self._count += 1
        return f"{stem}{self._count}"

    def constant(self, value: Any) -> str:
        """The name under which the function sees `value`."""
        name = f"f_{value.__name__}" if callable(value) else self.name("K")
        self.constants[name] = value
        return str(name)


# -- leaves ------------------------------------------------------------------------------------------------------


def _emitter(leaf: Leaf) -> Callable[..., None] | None:
    if leaf.usage == "phonetic" and leaf.type == "HumanName":
        return emit.phonetic_name
    return emit.EMITTERS.get((leaf.kind, leaf.type))


def _write_token(source: Source, depth: int, leaf: Leaf, value: str, out: str) -> None:
    if isinstance(leaf.system, str):
        system = repr(leaf.system)
    else:
        system = f"{source.constant(dict(leaf.system))}.get({value}, '')"
    source.line(depth, f"{out}.append(({leaf.code!r}, {system}, {value}, ''))")


def _write_leaf(source: Source, depth: int, leaf: Leaf, value: str, out: str) -> None:
    emitter = _emitter(leaf)
    if emitter is None:
        return
    if emitter is emit.token_plain:
        _write_token(source, depth, leaf, value, out)
    elif emitter is emit.uri_plain:
        source.line(depth, f"{out}.append(({leaf.code!r}, {value}))")
    elif emitter is emit.date_plain:
        found = source.name("d")
        source.line(depth, f"{found} = {source.constant(date_range)}({value})")
        source.line(depth, f"if {found}: {out}.append(({leaf.code!r}, {found}[0], {found}[1]))")
    else:
        source.line(depth, f"{source.constant(emitter)}({out}, {leaf.code!r}, {value})")


def _write_references(source: Source, depth: int, tree: Tree, value: str, outs: Mapping[str, str]) -> bool:
    """Entries of a Reference element and of its `resolve() is T` filters from one reading of the text."""
    plain = [leaf for leaf in tree.leaves if leaf.type == "Reference" and leaf.kind == "reference"]
    typed = {step: below for step, below in tree.branches.items() if isinstance(step, Refers)}
    if not plain and not typed:
        return False
    parts, out = source.name("p"), outs["reference"]
    source.line(depth, f"{parts} = {source.constant(emit.reference_parts)}({value})")
    source.line(depth, f"if {parts} is not None:")
    for leaf in plain:
        source.line(depth + 1, f"{out}.append(({leaf.code!r}, *{parts}))")
    for step, below in typed.items():
        source.line(depth + 1, f"if {parts}[0] == {step.target!r}:")
        for leaf in below.leaves:
            source.line(depth + 2, f"{out}.append(({leaf.code!r}, *{parts}))")
        write_tree(source, depth + 2, Tree(below.branches), value, outs)
        source.line(depth + 2, "pass")
    return True


# -- branches ----------------------------------------------------------------------------------------------------


def write_tree(source: Source, depth: int, tree: Tree, value: str, outs: Mapping[str, str]) -> None:
    """Lines that emit everything below `value`, which is a JSON value that is present."""
    referred = _write_references(source, depth, tree, value, outs)
    for leaf in tree.leaves:
        if not (referred and leaf.type == "Reference" and leaf.kind == "reference"):
            _write_leaf(source, depth, leaf, value, outs[leaf.kind])
        if leaf.type == "Identifier" and leaf.kind == "token" and "of_type" in outs:
            source.line(
                depth,
                f"if 'type' in {value}: {source.constant(emit.of_type)}({outs['of_type']}, {leaf.code!r}, {value})",
            )
    if tree.composites:
        _write_composites(source, depth, tree.composites, value)
    for step, below in tree.branches.items():
        if not isinstance(step, Refers):
            _write_step(source, depth, step, below, value, outs)


def _write_step(source: Source, depth: int, step: Step, tree: Tree, value: str, outs: Mapping[str, str]) -> None:
    if isinstance(step, Equals):
        source.line(depth, f"if {value}.get({step.name!r}) == {step.value!r}:")
        write_tree(source, depth + 1, tree, value, outs)
        source.line(depth + 1, "pass")
        return
    below = source.name("v")
    if isinstance(step, Item):
        source.line(depth, f"{below} = ({value}.get({step.name!r}) or ())[{step.index}:{step.index + 1}]")
        source.line(depth, f"if {below}:")
        source.line(depth + 1, f"{below} = {below}[0]")
        write_tree(source, depth + 1, tree, below, outs)
        return
    assert isinstance(step, Key)
    source.line(depth, f"{below} = {value}.get({step.name!r})")
    source.line(depth, f"if {below} is not None:")
    if step.is_list:
        item = source.name("v")
        source.line(depth + 1, f"for {item} in {below}:")
        source.line(depth + 2, f"if {item} is not None:")
        write_tree(source, depth + 3, tree, item, outs)
        source.line(depth + 3, "pass")
    else:
        write_tree(source, depth + 1, tree, below, outs)
        source.line(depth + 1, "pass")


# -- composites --------------------------------------------------------------------------------------------------


class _Everything(dict[str, str]):
    """Every kind of entry into one list: a component fills a list of its own."""

    def __missing__(self, key: str) -> str:
        return self["*"]


def _write_part(source: Source, depth: int, part: Part, value: str) -> str:
    name = source.name("c")
    source.line(depth, f"{name} = []")
    write_tree(source, depth, part.tree, "r" if part.from_root else value, _Everything({"*": name}))
    return name


def _write_composites(source: Source, depth: int, composites: list[Composite], value: str) -> None:
    """Products of component entries; the last components (values) first, because most resources lack most of them."""
    last: dict[str, str] = {}
    for composite in composites:
        part = composite.parts[-1]
        if part.key not in last:
            last[part.key] = _write_part(source, depth, part, value)
    source.line(depth, f"if {' or '.join(last.values())}:")
    first: dict[str, str] = {}
    for composite in composites:
        for part in composite.parts[:-1]:
            if part.key not in first:
                first[part.key] = _write_part(source, depth + 1, part, value)
    for composite in composites:
        names = [*(first[part.key] for part in composite.parts[:-1]), last[composite.parts[-1].key]]
        items = [source.name("e") for _ in names]
        loops = " ".join(f"for {item} in {name}" for item, name in zip(items, names, strict=True))
        source.line(depth + 1, f"composite += [({composite.code!r}, ({', '.join(items)},)) {loops}]")


# -- the function ------------------------------------------------------------------------------------------------


def write_function(
    tree: Tree,
    general: Iterable[tuple[Callable[..., None], str]],
    members: Mapping[str, frozenset[str]],
    own: str | None,
) -> tuple[str, dict[str, Any]]:
    """Source of `extract(r)` and its constants.

    `general` holds writers for what the tree cannot express, each with the list it fills; `members` maps reference
    parameters to the compartment types they put the resource into; `own` names the type when it is itself a
    compartment.
    """
    source = Source()
    source.constants.update({"Entries": Entries, "MEMBERS": dict(members)})
    source.line(0, "def extract(r):")
    for name in LISTS:
        source.line(1, f"{name} = []")
    write_tree(source, 1, tree, "r", {**{name: name for name in LISTS}, "special": "near"})
    for writer, kind in general:
        name = source.name("general")
        source.constants[name] = writer
        source.line(1, f"{name}(r, {kind})")
    if own is not None:
        source.line(1, f"if 'id' in r: compartments.append(({own!r}, r['id']))")
    if members:
        source.line(1, "for entry in reference:")
        source.line(2, "types = MEMBERS.get(entry[0])")
        source.line(2, "if types is not None and entry[2] and entry[1] in types:")
        source.line(3, "compartments.append((entry[1], entry[2]))")
        source.line(1, "compartments = list(dict.fromkeys(compartments))")
    source.line(1, f"return Entries({', '.join(LISTS)})")
    return "\n".join(source.lines), source.constants
