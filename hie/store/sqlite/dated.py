"""Resources of a code in the order of their date, for pages of a dense code sorted by date.

`dated` has, for each concept of the parameter `code`, the least and the greatest start of the parameter `date` (the
clinical parameters that most record types share). Both are read off the rows of a resource, never off its content, so
`dated` says the same as `token` and `date` whatever the parameters are defined to be.
"""

from collections.abc import Sequence

from hie.search.clause import Clause, Kind
from hie.search.plan import SortKey
from hie.store.sqlite.arms import equal_pairs
from hie.store.sqlite.conditions import Sql
from hie.store.sqlite.index import CODE, DATE
from hie.store.sqlite.probing import Probing, Scope

Pair = tuple[int, int]
"""The numbers of a parameter and a concept."""


def dated_pairs(clause: Clause, key: SortKey, scope: Scope, compiler: Probing) -> list[Pair] | None:
    """Where `dated` lists what meets the clause in the order of the key; None when it does not."""
    if (key.param, key.kind) != (DATE, Kind.DATE):
        return None
    return equal_pairs(clause, CODE, Kind.TOKEN, scope, compiler)


def dated_select(found: Sequence[Pair], beyond: Sql) -> Sql:
    """SELECT of (resource, value) of these pairs, each once."""
    one = f"SELECT resource, low AS value FROM dated WHERE param = ? AND concept = ? AND {beyond.text}"
    return Sql(" UNION ".join([one] * len(found)), tuple(v for pair in found for v in (*pair, *beyond.values)))
