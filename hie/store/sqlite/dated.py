"""Resources of a code in the order of their date, for pages of a dense code sorted by date.

`dated` has, for each concept of the parameter `code`, the least and the greatest start of the parameter `date` (the
clinical parameters that most record types share). Both are read off the rows of a resource, never off its content, so
`dated` says the same as `token` and `date` whatever the parameters are defined to be.
"""

from collections.abc import Sequence

from hie.search.plan import Clause, Kind, Match, SortKey
from hie.store.sqlite.arms import pairs
from hie.store.sqlite.conditions import NEVER, Sql
from hie.store.sqlite.index import CODE, DATE
from hie.store.sqlite.probing import Probing, Scope

Pair = tuple[int, int]
"""The numbers of a parameter and a concept."""


def dated_pairs(clause: Clause, key: SortKey, scope: Scope, compiler: Probing) -> list[Pair] | None:
    """Where `dated` lists what meets the clause in the order of the key; None when it does not."""
    if not (isinstance(clause, Match) and (clause.param, clause.kind) == (CODE, Kind.TOKEN)):
        return None
    if (key.param, key.kind) != (DATE, Kind.DATE) or len(scope) != 1:
        return None
    found: list[Pair] = []
    for table, params, condition in compiler.rows(clause, scope):
        some = [] if condition is NEVER else pairs(table, params, condition)
        if some is None or len(params.values) != 1 or params.values[0] != compiler.params(scope, CODE)[0]:
            return None
        found += some
    return found or None


def dated_select(found: Sequence[Pair], beyond: Sql) -> Sql:
    """SELECT of (resource, value) of these pairs, each once."""
    one = f"SELECT resource, low AS value FROM dated WHERE param = ? AND concept = ? AND {beyond.text}"
    return Sql(" UNION ".join([one] * len(found)), tuple(v for pair in found for v in (*pair, *beyond.values)))
