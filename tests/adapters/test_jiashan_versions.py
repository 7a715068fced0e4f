"""New, corrected, replacing and withdrawn documents, in any order of arrival (Jiashan interface §5)."""

from itertools import permutations

import pytest

from tests.adapters.jiashan_exchange import JSYY, Exchange, changed, codes, draft

ID = "e7463759fb4e51f1f418225cc6ebd521"
NEW_ID = "f7463759fb4e51f1f418225cc6ebd521"
VERSION = "<versionNumber></versionNumber>"
TIME = '<effectiveTime value="20260302111500"/>'
DOCUMENT = "2.16.156.10011.1.1"
KNOWN_AS = {"type": "DocumentReference", "identifier": {"system": f"urn:oid:{DOCUMENT}", "value": ID}}

FIRST = changed("02")
FEWER = changed(
    "02",
    (TIME, '<effectiveTime value="20260302121500"/>'),
    (VERSION, "<versionNumber>1</versionNumber>"),
    ("乙肝表面抗原", "乙肝表面抗体"),
)
REPLACING = changed(
    "02",
    (ID, NEW_ID),
    (TIME, '<effectiveTime value="20260302131500"/>'),
    (VERSION, "<versionNumber>1</versionNumber>"),
    ("<parentDocument>\n<id></id>", f"<parentDocument>\n<id> {ID} </id>"),
    ("11.2000", "6.9000"),
    ("乙肝表面抗原", "丙肝抗体"),
)
AGAIN = changed("02", (TIME, '<effectiveTime value="20260302121500"/>'), ("11.2000", "11.3000"))
WITHDRAWN = changed(
    "02", (TIME, '<effectiveTime value="20260302141500"/>'), (VERSION, "<versionNumber>-1</versionNumber>")
)


async def sent(*bodies: bytes) -> Exchange:
    exchange = Exchange()
    for body in bodies:
        await exchange.send(body)
    return exchange


async def results(exchange: Exchange) -> dict[str, str]:
    return {o["code"]["text"]: o["status"] for o in await exchange.all("Observation")}


@pytest.mark.parametrize("order", list(permutations([FIRST, FEWER])))
async def test_results_that_a_correction_does_not_restate_are_in_error(order: tuple[bytes, ...]) -> None:
    exchange = await sent(*order)
    assert await results(exchange) == {
        "白细胞计数": "corrected",
        "血红蛋白": "corrected",
        "乙肝表面抗原": "entered-in-error",
        "乙肝表面抗体": "corrected",
    }
    (report,) = await exchange.all("DiagnosticReport")
    assert (report["status"], len(report["result"])) == ("corrected", 3)


@pytest.mark.parametrize("order", list(permutations([FIRST, REPLACING])))
async def test_a_replacement_under_a_new_id(order: tuple[bytes, ...]) -> None:
    exchange = await sent(*order)
    old = await exchange.read("DocumentReference", DOCUMENT, ID)
    new = await exchange.read("DocumentReference", DOCUMENT, NEW_ID)
    assert old is not None
    assert new is not None
    assert (old["status"], new["status"]) == ("superseded", "current")
    assert new["relatesTo"] == [
        {"code": "replaces", "target": {"reference": f"DocumentReference/{old['id']}", **KNOWN_AS}}
    ]
    assert await results(exchange) == {
        "白细胞计数": "corrected",
        "血红蛋白": "corrected",
        "乙肝表面抗原": "entered-in-error",
        "丙肝抗体": "corrected",
    }
    (report,) = await exchange.all("DiagnosticReport")
    assert report["status"] == "corrected"


CONCLUSION = ('<value xsi:type="ST">白细胞偏高</value>'.encode(), b"<value/>")
_LATER = (b"20260302131500", b"20260302141500")
_RENUMBERED = (b'extension="JY810002"', b'extension="JY810099"')
_BACK = (b"<versionNumber>1<", b"<versionNumber>-1<")


@pytest.mark.parametrize("later", [FEWER, REPLACING], ids=["same id", "replacement"])
async def test_a_conclusion_that_a_new_version_does_not_state_stays(later: bytes) -> None:
    """What is absent states nothing (common §8), and a replacement does what a correction does (§5)."""
    for order in permutations([FIRST, later.replace(*CONCLUSION)]):
        (report,) = await (await sent(*order)).all("DiagnosticReport")
        assert (report["status"], report["conclusion"]) == ("corrected", "白细胞偏高")


@pytest.mark.parametrize(
    "last",
    [REPLACING.replace(*_LATER).replace(*_RENUMBERED), REPLACING.replace(*_LATER).replace(*_BACK)],
    ids=["renumbered", "withdrawn"],
)
async def test_a_replaced_document_does_not_come_back_with_its_report(last: bytes) -> None:
    for order in permutations([FIRST, REPLACING, last]):
        exchange = await sent(*order)
        report = await exchange.read("DiagnosticReport", "2.16.156.10011.1.33", "JY810002")
        assert report is not None
        assert report["status"] == "entered-in-error"


@pytest.mark.parametrize(("type_code", "relation"), [("APND", "appends"), ("XFRM", "transforms")])
async def test_what_adds_to_a_document_does_not_replace_it(type_code: str, relation: str) -> None:
    adding = REPLACING.replace(b'typeCode="RPLC"', f'typeCode="{type_code}"'.encode()).replace(b"JY810002", b"JY810009")
    exchange = await sent(FIRST, adding)
    old = await exchange.read("DocumentReference", DOCUMENT, ID)
    new = await exchange.read("DocumentReference", DOCUMENT, NEW_ID)
    assert old is not None
    assert new is not None
    assert (old["status"], new["status"]) == ("current", "current")
    target = {"reference": f"DocumentReference/{old['id']}", **KNOWN_AS}
    assert new["relatesTo"] == [{"code": relation, "target": target}]
    assert "entered-in-error" not in (await results(exchange)).values()


async def test_a_parent_that_is_not_known_is_not_made() -> None:
    exchange = Exchange()
    assert await exchange.status(REPLACING) == ("accepted", [])
    (reference,) = await exchange.all("DocumentReference")
    assert reference["relatesTo"] == [{"code": "replaces", "target": KNOWN_AS}]


@pytest.mark.parametrize("version", ["-1", "2"])
@pytest.mark.parametrize("turned", [False, True])
async def test_nor_is_it_made_by_what_becomes_of_the_document_that_names_it(version: str, turned: bool) -> None:
    later = changed(
        "02", (ID, NEW_ID), (TIME, TIME.replace("1115", "1415")), (VERSION, f"<versionNumber>{version}</versionNumber>")
    )
    exchange = await sent(*((later, REPLACING) if turned else (REPLACING, later)))
    (reference,) = await exchange.all("DocumentReference")
    assert reference["masterIdentifier"]["value"] == NEW_ID


@pytest.mark.parametrize("order", list(permutations([FIRST, REPLACING, WITHDRAWN])))
async def test_withdrawing_a_replaced_document_leaves_the_new_one(order: tuple[bytes, ...]) -> None:
    exchange = await sent(*order)
    old = await exchange.read("DocumentReference", DOCUMENT, ID)
    new = await exchange.read("DocumentReference", DOCUMENT, NEW_ID)
    assert old is not None
    assert new is not None
    assert (old["status"], new["status"]) == ("entered-in-error", "current")
    (report,) = await exchange.all("DiagnosticReport")
    assert report["status"] == "corrected"
    assert (await results(exchange))["丙肝抗体"] == "corrected"


LEFT = changed("07")
LEFT_AGAIN = changed(
    "07",
    ('<effectiveTime value="20260320160000"/>', '<effectiveTime value="20260320170000"/>'),
    (VERSION, "<versionNumber>1</versionNumber>"),
)
LEFT_WITHDRAWN = changed(
    "07",
    ('<effectiveTime value="20260320160000"/>', '<effectiveTime value="20260320180000"/>'),
    (VERSION, "<versionNumber>-1</versionNumber>"),
)
LEFT_AFTER_ALL = changed(
    "07",
    ('<effectiveTime value="20260320160000"/>', '<effectiveTime value="20260320190000"/>'),
    (VERSION, "<versionNumber>1</versionNumber>"),
)


@pytest.mark.parametrize("order", list(permutations([LEFT, LEFT_AGAIN, LEFT_WITHDRAWN])))
async def test_a_visit_does_not_list_the_diagnoses_of_a_withdrawn_summary(order: tuple[bytes, ...]) -> None:
    exchange = await sent(*order)
    (visit,) = await exchange.all("Encounter")
    assert visit["status"] == "finished"
    assert "diagnosis" not in visit
    conditions = await exchange.all("Condition")
    assert {c["verificationStatus"]["coding"][0]["code"] for c in conditions} == {"entered-in-error"}
    assert len(conditions) == 3


async def test_another_institution_withdraws_its_own_document_of_the_same_id() -> None:
    elsewhere = WITHDRAWN.replace(JSYY.encode(), b"12330421MBHE020261")
    exchange = await sent(FIRST, elsewhere)
    states = {d["masterIdentifier"]["value"] + d["status"] for d in await exchange.all("DocumentReference")}
    assert states == {ID + "current", ID + "entered-in-error"}
    assert set((await results(exchange)).values()) == {"final"}


async def test_a_withdrawn_summary_that_nobody_knows_lists_no_diagnosis() -> None:
    (visit,) = await (await sent(LEFT_WITHDRAWN)).all("Encounter")
    assert "diagnosis" not in visit


@pytest.mark.parametrize("order", list(permutations([LEFT, LEFT_WITHDRAWN, LEFT_AFTER_ALL])))
async def test_a_visit_lists_the_diagnoses_of_a_summary_that_is_stated_again(order: tuple[bytes, ...]) -> None:
    exchange = await sent(*order)
    (visit,) = await exchange.all("Encounter")
    assert len(visit["diagnosis"]) == 3
    assert all("verificationStatus" not in condition for condition in await exchange.all("Condition"))


@pytest.mark.parametrize("order", list(permutations([FIRST, FEWER, WITHDRAWN])))
async def test_withdrawal_wins_in_any_order(order: tuple[bytes, ...]) -> None:
    exchange = await sent(*order)
    for type in ("DocumentReference", "Composition", "DiagnosticReport", "Observation"):
        assert {r["status"] for r in await exchange.all(type)} == {"entered-in-error"}
    assert [p.get("active") for p in await exchange.all("Patient")] == [None]


async def test_the_same_id_again_without_version() -> None:
    """As corrected: report and results, whatever differs (§5)."""
    exchange = await sent(FIRST)
    assert await exchange.status(AGAIN) == ("accepted-with-warnings", ["control-id-reused"])
    (report,) = await exchange.all("DiagnosticReport")
    assert report["status"] == "corrected"
    assert await results(exchange) == dict.fromkeys(("白细胞计数", "血红蛋白", "乙肝表面抗原"), "corrected")
    (composition,) = await exchange.all("Composition")
    assert composition["status"] == "amended"


@pytest.mark.parametrize("bodies", list(permutations([FIRST, AGAIN, WITHDRAWN])))
async def test_what_is_said_again_is_withdrawn_with_the_rest(bodies: tuple[bytes, ...]) -> None:
    exchange = await sent(*bodies)
    found = await exchange.all("DiagnosticReport", "Composition", "Observation", "DocumentReference")
    assert {one["status"] for one in found} == {"entered-in-error"}


LATE = changed("02", (TIME, '<effectiveTime value="20260302151500"/>'))


@pytest.mark.parametrize("bodies", [*permutations([FIRST, WITHDRAWN, LATE]), *permutations([WITHDRAWN, LATE])])
async def test_a_document_younger_than_its_withdrawal_is_as_corrected(bodies: tuple[bytes, ...]) -> None:
    """The same id, other bytes, a younger time (§5): it was final again, as if it had never been withdrawn."""
    exchange = await sent(*bodies)
    found = await exchange.all("DiagnosticReport", "Observation")
    assert {one["status"] for one in found} == {"corrected"}
    assert [one["status"] for one in await exchange.all("Composition")] == ["amended"]
    assert [one["status"] for one in await exchange.all("DocumentReference")] == ["current"]


@pytest.mark.parametrize("turned", [1, -1])
async def test_another_document_that_says_the_same_of_the_report_corrects_nothing(turned: int) -> None:
    other = changed("02", (ID, NEW_ID), (TIME, '<effectiveTime value="20260302121500"/>'))
    exchange = await sent(*(FIRST, other)[::turned])
    (report,) = await exchange.all("DiagnosticReport")
    assert (report["status"], report["issued"]) == ("final", "2026-03-02T12:15:00+08:00")
    assert set((await results(exchange)).values()) == {"final"}


async def test_another_document_about_the_report_corrects_what_differs_only() -> None:
    other = changed("02", (ID, NEW_ID), (TIME, '<effectiveTime value="20260302121500"/>'), ("11.2000", "8.0000"))
    exchange = await sent(FIRST, other)
    assert await results(exchange) == {"白细胞计数": "corrected", "血红蛋白": "final", "乙肝表面抗原": "final"}


async def test_an_older_version_changes_nothing_but_the_history() -> None:
    exchange = await sent(FEWER)
    before = await exchange.all("DiagnosticReport", "Observation")
    status, findings = await exchange.status(FIRST)
    assert (status, "stale-update" in findings) == ("accepted-with-warnings", True)
    after = {r["id"]: r for r in await exchange.all("DiagnosticReport", "Observation")}
    for resource in before:
        found = after[resource["id"]]
        assert {k: v for k, v in found.items() if k != "meta"} == {k: v for k, v in resource.items() if k != "meta"}


async def test_two_documents_about_one_report() -> None:
    other = changed("02", (ID, NEW_ID), (TIME, '<effectiveTime value="20260302121500"/>'), ("11.2000", "8.0000"))
    exchange = await sent(other, FIRST)
    assert {d["status"] for d in await exchange.all("DocumentReference")} == {"current"}
    (report,) = await exchange.all("DiagnosticReport")
    assert report["issued"] == "2026-03-02T12:15:00+08:00"


@pytest.mark.parametrize("version", ["abc", "1.0", "-2", "٢", "9" * 65, "9" * 5000])
def test_another_version_number_is_new(version: str) -> None:
    found = draft(changed("02", (VERSION, f"<versionNumber>{version}</versionNumber>")))
    assert codes(found)[:2] == ["code-unmapped", "code-unknown"]
    report = found.contributions[-1]
    assert report.slots["status"] == "final"


@pytest.mark.parametrize("version", ["", "0", " 0\n"])
def test_new_documents(version: str) -> None:
    found = draft(changed("02", (VERSION, f"<versionNumber>{version}</versionNumber>")))
    assert codes(found) == ["code-unmapped"]
    assert found.message_id == f"{JSYY}|{ID}"
    assert all(not c.withdraw for c in found.contributions)


def test_empty_related_document_and_set_id_mean_nothing() -> None:
    reference = next(c for c in draft(FIRST).contributions if c.target.type == "DocumentReference")
    assert "relatesTo[]" not in reference.slots
    assert "identifier[]#set" not in reference.slots


def test_set_id_is_a_local_identifier() -> None:
    found = draft(changed("02", ("<setId/>", "<setId>S-1</setId>")))
    reference = next(c for c in found.contributions if c.target.type == "DocumentReference")
    assert reference.slots["identifier[]#set"] == [{"system": f"https://hie.example.org/id/{JSYY}/set", "value": "S-1"}]


REPORT = "2.16.156.10011.1.33"
RENUMBERED = ('extension="JY810002"', 'extension="JY810099"')


@pytest.mark.parametrize(
    "later",
    [
        changed("04", RENUMBERED),
        changed("02", RENUMBERED, (TIME, '<effectiveTime value="20260302151500"/>')),
        REPLACING.replace(RENUMBERED[0].encode(), RENUMBERED[1].encode()),
    ],
    ids=["same id", "no version", "replacement"],
)
@pytest.mark.parametrize("turned", [False, True])
async def test_a_report_that_a_correction_states_under_another_number_is_in_error(later: bytes, turned: bool) -> None:
    """Results of the older version that are not in the new one are in error, and so is their report (§5)."""
    exchange = await sent(*([later, FIRST] if turned else [FIRST, later]))
    old = await exchange.read("DiagnosticReport", REPORT, "JY810002")
    new = await exchange.read("DiagnosticReport", REPORT, "JY810099")
    assert old is not None
    assert new is not None
    assert (old["status"], old.get("result")) == ("entered-in-error", None)
    assert new["status"] in ("final", "corrected")
    assert len(new["result"]) == 3
    statuses = {(o["identifier"][0]["value"][:8], o["status"]) for o in await exchange.all("Observation")}
    assert statuses == {("JY810002", "entered-in-error"), ("JY810099", new["status"])}


RECIPE = changed("06")
RECIPE_ID = "3bb230a8beae9873fa3923d3bb0ceb8f"
_SECTION = RECIPE.decode().partition('<component>\n<section>\n<code code="29548-5"')[2].partition("</component>")[0]
WITHOUT_DIAGNOSIS = (f'<component>\n<section>\n<code code="29548-5"{_SECTION}</component>\n', "")
LATER = ('<effectiveTime value="20260302103000"/>', '<effectiveTime value="20260302153000"/>')
CORRECTED = changed("06", LATER, (VERSION, "<versionNumber>1</versionNumber>"), WITHOUT_DIAGNOSIS)
NEW_RECIPE = changed(
    "06",
    LATER,
    (VERSION, "<versionNumber>1</versionNumber>"),
    (RECIPE_ID, "4" + RECIPE_ID[1:]),
    ("<parentDocument>\n<id></id>", f"<parentDocument>\n<id>{RECIPE_ID}</id>"),
    WITHOUT_DIAGNOSIS,
)
SILENT = changed("06", LATER, WITHOUT_DIAGNOSIS)


@pytest.mark.parametrize("later", [CORRECTED, NEW_RECIPE, SILENT], ids=["same id", "replacement", "no version"])
@pytest.mark.parametrize("turned", [False, True])
async def test_an_entry_that_a_correction_does_not_restate_is_in_error(later: bytes, turned: bool) -> None:
    exchange = await sent(*([later, RECIPE] if turned else [RECIPE, later]))
    (condition,) = await exchange.all("Condition")
    assert condition["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert {one["status"] for one in await exchange.all("MedicationRequest")} == {"active"}


async def test_an_entry_that_a_correction_restates_stays() -> None:
    later = changed("06", LATER, (VERSION, "<versionNumber>1</versionNumber>"), ("J40.x00", "J20.900"))
    exchange = await sent(RECIPE, later)
    (condition,) = await exchange.all("Condition")
    assert condition["code"]["coding"][0]["code"] == "J20.900"
    assert "verificationStatus" not in condition or condition["verificationStatus"]["coding"][0]["code"] == "confirmed"


NATIONAL_ID = '<id root="2.16.156.10011.1.3" extension="320598196804175127"/>'


def of_the_visit(letter: str, time: str, name: str) -> bytes:
    """A document of the visit that names nobody but by the visit."""
    return changed(
        "02", (ID, letter * 32), (TIME, f'<effectiveTime value="{time}"/>'), (NATIONAL_ID, ""), ("顾晓嵐", name)
    )


@pytest.mark.parametrize(
    "order",
    list(
        permutations(
            [FIRST, of_the_visit("b", "20260302121500", "顾岚"), of_the_visit("c", "20260302131500", "")],
        )
    ),
)
async def test_every_document_of_a_visit_states_the_patient_of_the_visit(order: tuple[bytes, ...]) -> None:
    (patient,) = await (await sent(*order)).all("Patient")
    assert [one["text"] for one in patient["name"]] == ["顾岚"]
