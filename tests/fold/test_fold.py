"""The fold gives one result for any order of arrival."""

from itertools import permutations
from typing import Any

import pytest

from hie.base.draft import Contribution, Event, Key, Member
from hie.base.slots import UNIT
from hie.fhir.definitions import official
from hie.fold.finish import Child, finish, organisation_reference
from hie.fold.fold import Folded, fold
from hie.fold.mentions import settled
from hie.fold.placed import ENCOUNTER, SUBJECT
from hie.pipeline.roots import HUNG_ON
from hie.pipeline.touched import RANK

REPORT = Key("jiashan", "ORG", "DiagnosticReport", "report", "R1")
VISIT = Key("wujiang", "ORG", "Encounter", "visit", "V1")


def result(code: str) -> Key:
    return Key("jiashan", "ORG", "Observation", "observation", f"R1:{code}:1")


def member(code: str, value: str, status: str = "final") -> Member:
    return Member(result(code), {"status": status, "value[x]": {"valueString": value}}, listed="result[]")


def folded(key: Key, *contributions: Contribution) -> Folded:
    """Fold in every order and check that the order does not matter."""
    states = [fold(key.reference, order) for order in permutations(contributions)]
    assert all(_view(state) == _view(states[0]) for state in states)
    return states[0]


def _view(state: Folded) -> list[dict[str, Any]]:
    return finish(state, resolve=lambda patient: patient)


def resources(state: Folded, **options: Any) -> dict[str, dict[str, Any]]:
    return {f"{r['resourceType']}/{r['id']}": r for r in finish(state, resolve=lambda patient: patient, **options)}


def test_a_younger_statement_wins_and_absence_clears_nothing() -> None:
    state = folded(
        REPORT,
        Contribution(REPORT, "1", {"status": "final", "conclusion": "old", "issued": "x"}),
        Contribution(REPORT, "2", {"status": "corrected", "conclusion": "new"}),
    )
    assert state.slots == {"status": "corrected", "conclusion": "new", "issued": "x"}


def test_a_younger_deletion_beats_an_older_value() -> None:
    state = folded(
        REPORT, Contribution(REPORT, "1", {"conclusion": "x"}), Contribution(REPORT, "2", {"conclusion": None})
    )
    assert state.slots == {}


def test_a_partial_correction_replaces_its_results_and_keeps_the_others() -> None:
    state = folded(
        REPORT,
        Contribution(REPORT, "1", {"status": "final"}, (member("K", "6.9"), member("CRP", "1"))),
        Contribution(REPORT, "2", {"status": "corrected"}, (member("K", "4.2", "corrected"),)),
    )
    found = resources(state)
    assert found[result("K").reference]["valueString"] == "4.2"
    assert found[result("CRP").reference]["status"] == "final"
    report = found[REPORT.reference]
    assert [r["reference"] for r in report["result"]] == [result("K").reference, result("CRP").reference]


def test_a_complete_new_version_takes_out_what_it_does_not_restate() -> None:
    state = folded(
        REPORT,
        Contribution(
            REPORT, "1", {"status": "final"}, (member("K", "6.9"), member("CRP", "1")), complete=True, source="d"
        ),
        Contribution(REPORT, "2", {"status": "corrected"}, (member("K", "4.2"),), complete=True, source="d"),
    )
    found = resources(state)
    assert found[result("CRP").reference]["status"] == "entered-in-error"
    assert [r["reference"] for r in found[REPORT.reference]["result"]] == [result("K").reference]


def test_withdrawal_takes_back_all_of_one_source_and_nothing_of_another() -> None:
    first = Contribution(REPORT, "1", {"status": "final", "conclusion": "a"}, (member("K", "1"),), source="d1")
    second = Contribution(REPORT, "3", {"status": "final", "conclusion": "b"}, (member("CRP", "2"),), source="d2")
    withdrawal = Contribution(REPORT, "4", source="d1", withdraw=True, exists=False)
    alone = resources(folded(REPORT, first, withdrawal))
    assert alone[REPORT.reference]["status"] == "entered-in-error"
    assert alone[result("K").reference]["status"] == "entered-in-error"
    assert "result" not in alone[REPORT.reference]
    aside = Contribution(REPORT, "2", {"issued": "x"}, source="d3", exists=False)
    assert resources(folded(REPORT, first, aside, withdrawal))[REPORT.reference]["issued"] == "x"
    both = resources(folded(REPORT, first, second, withdrawal))
    assert both[REPORT.reference]["status"] == "final"
    assert both[REPORT.reference]["conclusion"] == "b"
    assert both[result("K").reference]["status"] == "entered-in-error"
    assert both[result("CRP").reference]["status"] == "final"


def test_an_unknown_thing_withdrawn_is_not_revived_by_its_late_arrival() -> None:
    withdrawal = Contribution(REPORT, "4", {"status": "final"}, source="d1", withdraw=True)
    late = Contribution(REPORT, "1", {"status": "final"}, source="d1")
    assert resources(folded(REPORT, withdrawal, late))[REPORT.reference]["status"] == "entered-in-error"


def test_revoke_and_restate() -> None:
    row = Contribution(REPORT, "1", {"status": "final", "conclusion": "a"}, correcting=True)
    revoked = Contribution(REPORT, "2", revoke=True)
    again = Contribution(REPORT, "3", {"status": "final"}, correcting=True)
    assert resources(folded(REPORT, row, revoked))[REPORT.reference]["status"] == "entered-in-error"
    valid = resources(folded(REPORT, row, revoked, again))[REPORT.reference]
    assert valid["status"] == "corrected"
    assert "conclusion" not in valid


def test_what_is_restated_leaves_out_the_members_that_it_does_not_name() -> None:
    row = Contribution(REPORT, "1", {"status": "final"}, (member("K", "6.9"), member("CRP", "1")), correcting=True)
    revoked = Contribution(REPORT, "2", revoke=True)
    again = Contribution(REPORT, "3", {"status": "final"}, (member("K", "4.2"),), correcting=True)
    taken_back = resources(folded(REPORT, row, revoked))
    assert "result" not in taken_back[REPORT.reference], "it refers to no result that is entered in error (§7.6)"
    assert taken_back[result("K").reference]["status"] == "entered-in-error"
    found = resources(folded(REPORT, row, revoked, again))
    assert found[REPORT.reference]["result"] == [{"reference": result("K").reference}]
    assert found[result("CRP").reference]["status"] == "entered-in-error"
    assert found[result("K").reference]["status"] == "final"


def test_what_others_say_about_a_root_outlives_its_revocation() -> None:
    row = Contribution(VISIT, "1", {"status": "finished", "priority": "x"})
    before = Contribution(VISIT, "2", {"diagnosis[]#1": [1]}, exists=False)
    revoked = Contribution(VISIT, "3", revoke=True)
    between = Contribution(VISIT, "4", {"diagnosis[]#2": [2]}, exists=False)
    again = Contribution(VISIT, "5", {"status": "finished"})
    visit = resources(folded(VISIT, row, before, revoked, between, again))[VISIT.reference]
    assert visit["diagnosis"] == [1, 2]
    assert "priority" not in visit


def test_a_default_is_no_correction() -> None:
    row = Contribution(REPORT, "1", {"status": "final", "code": "a"}, correcting=True)
    bare = Contribution(REPORT, "2", {"status": "final", "code#default": "b"}, correcting=True)
    report = resources(folded(REPORT, row, bare))[REPORT.reference]
    assert (report["status"], report["code"]) == ("final", "a")


def test_a_changed_final_row_becomes_corrected_and_an_unchanged_one_does_not() -> None:
    row = Contribution(REPORT, "1", {"status": "final", "conclusion": "a"}, correcting=True)
    same = Contribution(REPORT, "2", {"status": "final", "conclusion": "a"}, correcting=True)
    other = Contribution(REPORT, "3", {"status": "final", "conclusion": "b"}, correcting=True)
    assert folded(REPORT, row, same).slots["status"] == "final"
    assert folded(REPORT, row, same, other).slots["status"] == "corrected"
    early = Contribution(REPORT, "0", {"status": "preliminary", "conclusion": "?"}, correcting=True)
    assert folded(REPORT, early, row).slots["status"] == "final"
    passing = Contribution(REPORT, "0", {"status": "final", "conclusion": "?"}, exists=False)
    assert folded(REPORT, passing, row).slots["status"] == "final"


@pytest.mark.parametrize(
    ("type", "element", "said"),
    [
        ("AllergyIntolerance", "verificationStatus", "entered-in-error"),
        ("Condition", "verificationStatus", "entered-in-error"),
        ("Patient", "active", False),
        ("RelatedPerson", "active", False),
        ("Specimen", "status", "entered-in-error"),
    ],
)
def test_what_was_taken_back_says_so_as_its_type_can(type: str, element: str, said: object) -> None:
    key = Key("qingpu", "ORG", type, "kind", "1")
    row = Contribution(key, "1", {"clinicalStatus": {"coding": [{"code": "active"}]}} if "verif" in element else {})
    found = resources(folded(key, row, Contribution(key, "2", revoke=True)))[key.reference]
    assert (found[element]["coding"][0]["code"] if "verif" in element else found[element]) == said
    assert "clinicalStatus" not in found, "ait-2 and con-5 of R4"
    assert ("status" in found) is (element == "status")


def test_a_later_unit_takes_the_place_of_the_whole_one_before_in_value_and_range() -> None:
    key = result("K")
    coded = {"unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"}
    slots = {
        "value[x]": {"valueQuantity": {"value": 5, **coded}},
        "referenceRange[]": [{"low": {"value": 3, **coded}, "text": "3-5"}],
    }
    later = Contribution(key, "2", {UNIT: {"unit": "自定"}})
    found = resources(folded(key, Contribution(key, "1", slots), later))[key.reference]
    assert found["valueQuantity"] == {"value": 5, "unit": "自定"}
    assert found["referenceRange"] == [{"low": {"value": 3, "unit": "自定"}, "text": "3-5"}]
    listed = Contribution(REPORT, "1", members=(Member(key, {**slots, **later.slots}, listed="result[]"),))
    of_report = resources(folded(REPORT, listed))[key.reference]
    assert of_report["valueQuantity"] == {"value": 5, "unit": "自定"}
    assert UNIT not in of_report, "a member is a result like any other"


def test_members_hang_on_the_visit_of_their_root_or_on_the_visit_that_it_is() -> None:
    condition = Member(Key("jiashan", "ORG", "Condition", "condition", "1"), {})
    of_report = resources(
        folded(REPORT, Contribution(REPORT, "1", members=(member("K", "1"),), encounter="Encounter/e"))
    )
    assert of_report[result("K").reference]["encounter"] == {"reference": "Encounter/e"}
    of_visit = resources(folded(VISIT, Contribution(VISIT, "1", members=(condition,))))
    assert of_visit[condition.key.reference]["encounter"] == {"reference": VISIT.reference}


def test_an_institution_performs_its_reports_and_is_the_author_that_a_document_lacks() -> None:
    named = {"reference": organisation_reference("jiashan", "ORG")}
    for before in ([], [{"display": "某"}], [named]):
        report = resources(folded(REPORT, Contribution(REPORT, "1", {"performer": before})))[REPORT.reference]
        assert report["performer"] == [*(one for one in before if one != named), named]
    for type, author in (("Composition", [named]), ("DocumentReference", None)):
        key = Key("jiashan", "ORG", type, "document", "D1")
        found = resources(folded(key, Contribution(key, "1")))[key.reference]
        assert (found["custodian"], found.get("author")) == (named, author)


def test_only_the_earliest_seed_counts_and_any_statement_beats_it() -> None:
    patient = Key("wujiang", "ORG", "Patient", "k", "1")
    state = folded(
        patient,
        Contribution(patient, "5", {"gender": "male", "birthDate": "1990"}, seed=True),
        Contribution(patient, "3", {"gender": "female", "deceased[x]": {"deceasedBoolean": True}}, seed=True),
        Contribution(patient, "1", {"gender": "unknown"}, tier=1),
    )
    assert state.slots == {"gender": "unknown", "deceased[x]": {"deceasedBoolean": True}}


def test_a_seed_for_what_is_new_only_leaves_what_was_there_as_it_was() -> None:
    patient = Key("wujiang", "ORG", "Patient", "k", "1")
    seed = Contribution(patient, "3", {"gender": "male", "birthDate": "1990"}, seed=True, only_new=True)
    beside = Contribution(patient, "1", {"active": True}, exists=False)
    before, after = (Contribution(patient, order, {"gender": "unknown"}, tier=1) for order in ("2", "4"))
    assert folded(patient, seed, before).slots == {"gender": "unknown"}
    assert folded(patient, seed, after).slots == {"gender": "unknown", "birthDate": "1990"}
    assert folded(patient, seed, beside).slots == {"gender": "male", "birthDate": "1990", "active": True}


def visit(*events: tuple[str, str, Event]) -> dict[str, Any]:
    """Events given as (order, time, event), folded in every order."""
    contributions = [Contribution(VISIT, order, events=(event,), subject="Patient/p") for order, _, event in events]
    return resources(folded(VISIT, *contributions))[VISIT.reference]


def at(code: str, time: str, ward: str | None = None) -> tuple[str, str, Event]:
    return time, time, Event(code, time, {"location": {"display": ward}} if ward else None)


def test_admission_transfer_discharge() -> None:
    encounter = visit(at("admit", "2026-01-01", "A"), at("transfer", "2026-01-03", "B"), at("discharge", "2026-01-05"))
    assert encounter["status"] == "finished"
    assert encounter["period"] == {"start": "2026-01-01", "end": "2026-01-05"}
    assert [(e["location"]["display"], e["status"], e["period"]) for e in encounter["location"]] == [
        ("A", "completed", {"start": "2026-01-01", "end": "2026-01-03"}),
        ("B", "completed", {"start": "2026-01-03", "end": "2026-01-05"}),
    ]
    assert encounter["subject"] == {"reference": "Patient/p"}


def test_cancelled_discharge_reopens_the_visit() -> None:
    encounter = visit(
        at("admit", "2026-01-01", "A"), at("discharge", "2026-01-05"), at("cancel-discharge", "2026-01-06")
    )
    assert encounter["status"] == "in-progress"
    assert encounter["period"] == {"start": "2026-01-01"}
    assert [(one["status"], one["period"]) for one in encounter["location"]] == [("active", {"start": "2026-01-01"})]


def test_a_cancellation_counts_even_when_it_comes_before_what_it_cancels() -> None:
    assert visit(at("cancel", "2026-01-02"), at("admit", "2026-01-01", "A"))["status"] == "cancelled"
    assert visit(at("cancel", "2026-01-02"))["status"] == "cancelled"


def test_a_period_never_runs_backwards() -> None:
    state = fold(
        VISIT.reference,
        [
            Contribution(VISIT, "1", events=(Event("admit", "2026-01-05"),)),
            Contribution(VISIT, "2", events=(Event("discharge", "2026-01-01"),)),
        ],
    )
    encounter = resources(state)[VISIT.reference]
    assert encounter["status"] == "finished"
    assert encounter["period"] == {"start": "2026-01-05"}
    assert [f.code for f in state.findings] == ["time-order"]


def test_a_stay_that_goes_on_again_has_no_end() -> None:
    """Nor where nobody said since when it lasts (Qingpu §4.2)."""
    stated = [{"period.end": "2026-01-05", "status": "finished"}, {"status": "in-progress"}]
    state = fold(VISIT.reference, [Contribution(VISIT, str(n), slots) for n, slots in enumerate(stated)])
    encounter = resources(state)[VISIT.reference]
    assert (encounter["status"], "period" in encounter) == ("in-progress", False)


@pytest.mark.parametrize(
    ("start", "end", "runs"),
    [
        ("2026-01-05", "2026-01-05", "forwards"),
        ("2026-01-05", "2026-01", "forwards"),
        ("2026-01-05T10:00:00+08:00", "2026-01-05", "forwards"),
        ("2026-01-05", "2025", "backwards"),
        ("2026-01-05T16:00:00+08:00", "2026-01-05T10:00:00Z", "forwards"),
        ("2026-01-05T10:00:00+00:00", "2026-01-05T17:00:00+08:00", "backwards"),
    ],
)
def test_a_visit_ends_when_it_began_or_later_whatever_precision_and_offset(start: str, end: str, runs: str) -> None:
    stays = visit(("1", "", Event("admit", start, {"location": {}})), ("2", "", Event("discharge", end)))
    backwards = runs == "backwards"
    assert stays["period"] == ({"start": start} if backwards else {"start": start, "end": end})
    assert stays["location"][0]["period"] == {"start": start, "end": start if backwards else end}


def test_mentions_are_settled_wherever_they_stand() -> None:
    stated = {
        "url": "Binary/unknown",
        "texts": ["Binary/known", 1, None],
        "items": [{"subject": {"reference": "Patient/unknown", "display": "x"}}, {"reference": "Patient/known"}],
    }
    targets = {
        "Binary/unknown": None,
        "Patient/unknown": None,
        "Binary/known": "Binary/1",
        "Patient/known": "Patient/1",
    }
    assert settled(stated, targets) == {
        "url": "Binary/unknown",
        "texts": ["Binary/1", 1, None],
        "items": [{"subject": {"display": "x"}}, {"reference": "Patient/1"}],
    }


def test_a_ward_is_not_left_before_it_was_entered() -> None:
    late = ("2026-01-09", "", Event("discharge", "2026-01-02"))
    encounter = visit(at("admit", "2026-01-01", "A"), at("transfer", "2026-01-03", "B"), late)
    assert [e["period"] for e in encounter["location"]] == [
        {"start": "2026-01-01", "end": "2026-01-03"},
        {"start": "2026-01-03", "end": "2026-01-03"},
    ]


def test_a_child_inherits_from_its_parent_and_is_listed_by_it() -> None:
    row = Key("qingpu", "ORG", "Observation", "jyzblsh", "I1")
    state = fold(row.reference, [Contribution(row, "1", {"status": "final"}, parent=REPORT)])
    parent = {
        "resourceType": "DiagnosticReport",
        "id": REPORT.id,
        "status": "preliminary",
        "effectiveDateTime": "2026-04-02",
        "subject": {"reference": "Patient/p"},
        "encounter": {"reference": "Encounter/e"},
    }
    child = resources(state, parent=parent)[row.reference]
    assert child["status"] == "preliminary"
    assert child["effectiveDateTime"] == "2026-04-02"
    assert child["subject"] == {"reference": "Patient/p"}
    assert child["encounter"] == {"reference": "Encounter/e"}
    assert child["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    report = fold(REPORT.reference, [Contribution(REPORT, "1", {"status": "final"})])
    children = [Child(row.reference, "2", False), Child("Observation/gone", "1", True)]
    assert resources(report, children=children)[REPORT.reference]["result"] == [{"reference": row.reference}]


def test_patient_and_visit_are_placed_in_every_type_that_has_them() -> None:
    """`subject` of a block was dropped without a word for Immunization and others, and merges did not reach them."""
    fhir = official()
    about, visited = {}, set()
    for kind in fhir.resource_types:
        elements = fhir.properties(kind)
        singles = {name for name, one in elements.items() if one.type == "Reference" and not one.is_list}
        named = [n for n in ("patient", "subject", "beneficiary") if n in singles]
        if named and "Patient" in elements[named[0]].element.reference_targets:
            about[kind] = named[0]
            visited |= {kind} if "encounter" in singles else set()
    assert {**about, "Composition": "subject"} == SUBJECT, "that of a Composition may be anything"
    assert visited | {"Composition"} == ENCOUNTER


def test_what_hangs_on_a_root_shows_only_where_it_is_asked_for() -> None:
    children = [Child("Observation/1", "1", False), Child("Condition/1", "2", True)]
    for name in official().resource_types:
        key = Key("qingpu", "ORG", name, "k", "1")
        listed = {"diagnosis[]": [{"condition": {"reference": "Condition/1"}}]} if _lists_conditions(name) else {}
        state = fold(key.reference, [Contribution(key, "1", listed)])
        if not key.reference.startswith(HUNG_ON):
            assert name not in RANK
            assert finish(state, resolve=str, children=children) == finish(state, resolve=str)


def _lists_conditions(name: str) -> bool:
    return any("condition" in official().properties(d.node) for d in official().children(name).get("diagnosis", ()))
