"""What a part states beside its resources: aliases, merges, claims and verbatim documents."""

from typing import Any

from hie.base.draft import Alias, Claim, Merge
from hie.mapping.block import BlockCompiler
from hie.mapping.run import Run, Step
from hie.mapping.schema import VALUE_KEYS
from hie.mapping.toml import Table


def compile_alias(blocks: BlockCompiler, table: Table) -> Step | None:
    """`[[alias]]`: another key under which the resource `of` is known; nobody is by a key of the kinds `together`."""
    if not blocks.compiler.applies(table.data):
        return None
    when = blocks.compiler.switch(table.data.get("when", True), table, "when")
    of = blocks.keys.known(table, "of")
    make = blocks.keys.key(table.data, "Patient", table, of, None)
    together = frozenset(table.data.get("together", ()))

    def step(node: Any, run: Run) -> None:
        target = run.keys.get(of)
        other = make(node, run) if target is not None and when(node, run.context) else None
        if target is not None and other is not None and other != target:
            run.aliases.append(Alias(other, target, run.order, together=target.kind in together))

    return step


def compile_merge(blocks: BlockCompiler, table: Table) -> Step | None:
    """`[[merge]]`: the patient `prior` becomes part of the patient `target`."""
    if not blocks.compiler.applies(table.data):
        return None
    when = blocks.compiler.switch(table.data.get("when", True), table, "when")
    names = blocks.keys.known(table, "target"), blocks.keys.known(table, "prior")

    def step(node: Any, run: Run) -> None:
        target, prior = (run.keys.get(name) for name in names)
        if target is not None and prior is not None and when(node, run.context):
            run.merges.append(Merge(prior, target, run.order, run.places.get(names[1], "")))

    return step


def compile_claim(blocks: BlockCompiler, table: Table) -> Step | None:
    """`[[claim]]`: what is said in passing about a resource.

    `equals` are fixed values, or what `source` gives; `differs` are fixed values.
    """
    if not blocks.compiler.applies(table.data):
        return None
    when = blocks.compiler.switch(table.data.get("when", True), table, "when")
    about, data = blocks.keys.known(table, "about"), table.data
    reading = {name: data[name] for name in VALUE_KEYS if name in data}
    read = blocks.compiler.value(reading, table, "source") if reading else None
    element, code = str(data.get("element")), str(data.get("finding"))
    fixed, differs = tuple(data.get("equals", ())), tuple(data.get("differs", ()))
    subject = bool(data.get("subject"))

    def step(node: Any, run: Run) -> None:
        key = run.keys.get(about)
        if key is None or not when(node, run.context):
            return
        said = tuple(str(value) for value in read(node, run.context)) if read else ()
        equals = said or fixed
        if equals or differs:
            run.claims.append(Claim(key, element, code, run.context.path, equals, differs, subject))

    return step


def compile_binary(blocks: BlockCompiler, table: Table) -> Step | None:
    """`[[binary]]`: the bytes of the part, kept verbatim under a key that other blocks can refer to."""
    if not blocks.compiler.applies(table.data):
        return None
    when = blocks.compiler.switch(table.data.get("when", True), table, "when")
    name, content_type = str(table.get("name")), str(table.get("content_type"))
    make = blocks.keys.key(table.data, "Binary", table, name, None)
    blocks.keys.names.add(name)

    def step(node: Any, run: Run) -> None:
        run.keys[name] = key = make(node, run) if when(node, run.context) else None
        if key is not None:
            run.binaries.append((key, content_type, run.body))

    return step
