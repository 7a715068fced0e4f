"""Every predicate by the name that rules use."""

from collections.abc import Mapping

from hie.quality import distinct, person, presence, result, rhythm, shape, source, times
from hie.quality.predicate import Predicate

PREDICATES: Mapping[str, Predicate] = {
    **presence.PREDICATES,
    **shape.PREDICATES,
    **times.PREDICATES,
    **result.PREDICATES,
    **person.PREDICATES,
    **distinct.PREDICATES,
    **source.PREDICATES,
    **rhythm.PREDICATES,
}
"""Name in a rule -> predicate."""
