"""`_include` and `_revinclude` of a page (FHIR R4 search §3.1.1.5.3), wave by wave."""

from collections.abc import Sequence

import apsw
import orjson

from hie.base.errors import Category, HieError
from hie.search.plan import Include
from hie.store.sqlite.conditions import Sql, joined, one_of
from hie.store.sqlite.driving import Compiler

MOST_INCLUDED = 5000
"""Included resources of a page at most; more is TOO_LARGE."""


class Including:
    """Follows the references of resources, by number."""

    def __init__(self, connection: apsw.Connection, compiler: Compiler) -> None:
        self._connection = connection
        self._compiler = compiler

    def included(self, includes: Sequence[Include], matches: list[int]) -> list[int]:
        """What is included with these matches, without them."""
        seen = set(matches)
        fresh = matches
        found: list[int] = []
        first = True
        while fresh:
            wave: list[int] = []
            for include in includes:
                if first or include.iterate:
                    wave += [pk for pk in self._follow(include, fresh) if pk not in seen]
                    seen.update(wave)
            fresh = list(dict.fromkeys(wave))
            found += fresh
            first = False
            if len(found) > MOST_INCLUDED:
                raise HieError(Category.TOO_LARGE, f"More than {MOST_INCLUDED} resources to include; ask for less.")
        return found

    def _follow(self, include: Include, pks: Sequence[int]) -> list[int]:
        """Current resources at the other end of the references that `include` names, by number.

        Each end is looked at once, however many references lead to it.
        """
        compiler = self._compiler
        near, far = ("target", "resource") if include.reverse else ("resource", "target")
        here, there = (include.target, include.source) if include.reverse else (include.source, include.target)
        tests, ends = [Sql("1")], [Sql("f.deleted = 0")]
        start = f"json_each(?) j CROSS JOIN reference x ON x.{near} = j.value"
        if here:
            start = f"json_each(?) j CROSS JOIN resource n ON n.pk = j.value CROSS JOIN reference x ON x.{near} = n.pk"
            tests.append(one_of("n.type", compiler.scope((here,))))
        if there:
            ends.append(one_of("f.type", compiler.scope((there,))))
        if include.param:
            sources = compiler.scope((include.source,) if include.source else ())
            tests.append(one_of("x.param", compiler.params(sources, include.param)))
        named, current = joined(tests, "AND"), joined(ends, "AND")
        text = (
            f"SELECT f.pk FROM (SELECT DISTINCT x.{far} AS pk FROM {start} WHERE {named.text}) d "
            f"CROSS JOIN resource f ON f.pk = d.pk WHERE {current.text} ORDER BY 1"
        )
        values = (orjson.dumps(pks).decode(), *named.values, *current.values)
        return [row[0] for row in self._connection.execute(text, values)]
