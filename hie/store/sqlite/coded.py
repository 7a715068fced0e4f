"""Resources of a patient by code: for the question a chart is asked most, `patient=&code=`.

`coded` has, for each target of the parameter `patient`, the concepts of the parameter `code`. Both are read off the
rows of a resource, never off its content, so `coded` says the same as `reference` and `token` whatever the parameters
are defined to be.
"""

from collections.abc import Sequence

from hie.search.clause import And, Clause, Kind
from hie.store.sqlite.arms import MOST_ARMS, Arm, equal_pairs
from hie.store.sqlite.conditions import Sql
from hie.store.sqlite.index import CODE, PATIENT
from hie.store.sqlite.probing import Probing, Scope

_LISTED = "SELECT resource FROM coded WHERE param = ? AND target = ? AND concept = ?"


def coded_arms(clauses: Sequence[Clause], scope: Scope, compiler: Probing) -> tuple[And, list[Arm]] | None:
    """A patient and a code among the clauses, and the arms that list what meets both; None without."""
    patient = code = None
    for clause in clauses:
        if patient is None and (found := equal_pairs(clause, PATIENT, Kind.REFERENCE, scope, compiler)):
            patient = clause, found
        elif code is None and (found := equal_pairs(clause, CODE, Kind.TOKEN, scope, compiler)):
            code = clause, found
    if patient is None or code is None or len(patient[1]) * len(code[1]) > MOST_ARMS:
        return None
    arms = [Arm(Sql(_LISTED, (*one, concept)), True) for one in patient[1] for _, concept in code[1]]
    return And((patient[0], code[0])), arms
