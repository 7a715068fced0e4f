"""The digest: alerts, problems, medication, indicators."""

from dataclasses import replace
from decimal import Decimal

import pytest

from hie.browse.digest import Digest, digest, series_of
from hie.browse.medicine import dose_text
from hie.browse.source import Source
from hie.browse.timeline import timeline
from hie.browse.trend import FACTORS, all_series, draw
from hie.browse.words import catalogues
from tests.browse import seed
from tests.browse.conftest import Frail, filled, source_of

WORDS = catalogues()

GU = seed.uid("golden", "gu")


async def digest_of(source: Source, patient: str = GU) -> Digest:
    """The digest of one person."""
    chart = await source.chart(patient)
    return digest(chart, timeline(chart), seed.NOW)


async def test_one_failing_type_leaves_the_others(source: Source, store: Frail) -> None:
    store.broken |= {"Condition", "MedicationRequest"}
    found = await digest_of(source)
    assert found.failed == {"Condition", "MedicationRequest"}
    assert (found.problems, found.drugs) == ((), ())
    assert found.criticals
    assert found.stays


async def test_a_critical_value_names_what_came_later(source: Source) -> None:
    (critical,) = (await digest_of(source)).criticals
    assert (critical.result.name, critical.result.value, critical.result.flag.arrow) == ("钾", "6.9", "↑↑")
    assert critical.later is not None
    assert (critical.later.value, critical.later.place.region) == ("4.2", "qingpu")


@pytest.mark.parametrize(("unit", "repeats"), [("mmol/L", True), ("mmol/24h", False)])
async def test_a_result_of_the_same_name_in_another_unit_is_no_repeat_of_a_critical_one(
    unit: str, repeats: bool
) -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    rows = [who]
    for report, at, sent, flag in (("R1", "2026-04-01", "mmol/L", "HH"), ("R2", "2026-04-02", unit, "N")):
        quantity = {"value": Decimal("6.9"), "unit": sent}
        one = seed.observation(who, seed.WJYY, report, "X1", "甲物质", at, flag=flag, valueQuantity=quantity)
        rows += [one, seed.lab(who, seed.WJYY, report, "生化", at, [one])]
    (critical,) = (await digest_of(source_of(await filled(rows)), who["id"])).criticals
    assert (critical.later is not None) is repeats


async def test_problems_are_merged_by_code(source: Source) -> None:
    found = (await digest_of(source)).problems
    assert [(p.text, p.count, sorted((x.region for x in p.places), reverse=True)) for p in found] == [
        ("高血压病3级", 2, ["wujiang", "qingpu"]),
        ("2型糖尿病", 1, ["qingpu"]),
        ("支气管炎", 1, ["jiashan"]),
        ("肺炎", 1, ["wujiang"]),
    ]


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
async def test_a_visit_that_did_not_take_place_is_no_stay_and_its_diagnosis_says_so(status: str) -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    stays = [
        seed.encounter(who, seed.WJYY, key, "IMP", f"2026-03-0{day}", status=stated)
        for key, day, stated in (("V1", 1, "finished"), ("V2", 2, status), ("V3", 3, status))
    ]
    named = (("C1", "肺炎", 0), ("C2", "肺炎", 1), ("C3", "高血压", 2))
    conditions = [seed.condition(who, seed.WJYY, key, text, "", stays[stay]) for key, text, stay in named]
    found = await digest_of(source_of(await filled([who, *stays, *conditions])), who["id"])
    assert [stay.id for stay in found.stays] == [stays[0]["id"]]
    assert {p.text: (p.count, p.unvisited) for p in found.problems} == {"肺炎": (1, False), "高血压": (0, True)}


@pytest.mark.parametrize(
    ("days", "newest"), [((1, 2, 3), ("高血压病3级", True)), ((2, 1, 3), ("高血压", False))], ids=["rising", "falling"]
)
async def test_problems_are_merged_by_code_and_system_whatever_their_words(
    days: tuple[int, ...], newest: tuple[str, bool]
) -> None:
    """The newest gives the words and how certain they are."""
    who = seed.patient(seed.WJYY, "P", "某人")
    coded = [("C1", "高血压", "I10.x00", "a"), ("C2", "高血压病3级", "I10.x00", "a"), ("C3", "痛风", "I10.x00", "b")]
    rows = [
        seed.condition(who, seed.WJYY, key, text, "", None, recordedDate=f"2026-01-0{day}")
        | {"code": {"coding": [{"system": f"urn:{system}", "code": code}], "text": text}}
        | {"verificationStatus": seed.state("provisional" if key == "C2" else "confirmed")}
        for day, (key, text, code, system) in zip(days, coded, strict=True)
    ]
    rows += [seed.condition(who, seed.WJYY, f"T{n}", "头痛", "", None, recordedDate="2025-01-01") for n in range(2)]
    source = source_of(await filled([who, *rows]))
    problems = (await digest_of(source, who["id"])).problems
    assert [(p.text, p.provisional, p.count, len(p.places)) for p in problems] == [
        ("痛风", False, 1, 1),
        (*newest, 2, 1),
        ("头痛", False, 2, 1),
    ]


@pytest.mark.parametrize(("at", "count"), [("2025-04-09", 1), ("2025-04-07", 0)])
async def test_a_critical_value_is_an_alert_for_its_days(at: str, count: int) -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    high = seed.observation(who, seed.WJYY, "R1", "K", "钾", at, flag="HH", valueString="6.9")
    source = source_of(await filled([who, high, seed.lab(who, seed.WJYY, "R1", "生化", at, [high])]))
    assert len((await digest_of(source, who["id"])).criticals) == count


async def test_medicines_taken_in_the_past_name_every_place_that_prescribed_them() -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    rows = [
        seed.made(
            place,
            "MedicationRequest",
            "M",
            status="active",
            medicationCodeableConcept={"text": "阿莫西林"},
            authoredOn=f"2025-0{n}-01",
            subject=seed.ref(who),
        )
        for n, place in enumerate((seed.WJYY, seed.JSYY), 1)
    ]
    source = source_of(await filled([*seed.organizations(), who, *rows]))
    [drug] = (await digest_of(source, who["id"])).past_drugs
    assert (drug.at[:10], [p.region for p in drug.places]) == ("2025-02-01", ["wujiang", "jiashan"])


@pytest.mark.parametrize(
    ("loinc", "grams", "factor"),
    [
        ("14682-9", "113.12", 10_000),
        ("14749-6", "180.16", 10),
        ("14647-2", "386.65", 10),
        ("14646-4", "386.65", 10),
        ("22748-8", "386.65", 10),
        ("14927-8", "885.4", 10),
        ("14933-6", "168.11", 10_000),
    ],
)
def test_factors_are_those_of_the_molar_masses(loinc: str, grams: str, factor: int) -> None:
    [found] = [value for (of, _, _), value in FACTORS.items() if of == loinc]
    assert abs(found * Decimal(grams) / factor - 1) < Decimal("0.001")


async def test_medication_is_current_while_its_days_last(source: Source) -> None:
    found = await digest_of(source)
    assert [(d.text, dose_text(d.dose, WORDS["zh"]), d.until) for d in found.drugs] == [
        ("硝苯地平控释片", "30mg 1次/日 口服", "2026-04-30")
    ]
    assert [dose_text(d.dose, WORDS["en"]) for d in found.drugs] == ["30mg 1×/day 口服"]
    assert [d.text for d in found.past_drugs] == ["阿奇霉素片"]


async def test_a_trend_converts_only_by_the_table_and_keeps_the_original(source: Source) -> None:
    found = await digest_of(source)
    series = next(s for s in found.indicators if s.name == "肌酐")
    assert [(p.result.value, p.result.unit, str(p.y)) for p in series.points] == [
        ("96.0", "umol/L", "96.0"),
        ("1.02", "mg/dL", "90.168"),
        ("88.0", "μmol/L", "88.0"),
    ]
    assert [m.result.place.region for m in draw(series).marks] == ["wujiang", "jiashan", "qingpu"]


async def test_a_band_is_in_the_unit_of_the_axis_and_goes_around_a_lone_value() -> None:
    """No CRP at all is the same number in every unit; its range is not."""
    who = seed.patient(seed.WJYY, "P", "某人")
    values = [("6", "mg/L", "5"), ("0", "mg/dL", "0.5")]
    rows = [
        seed.observation(
            who,
            seed.WJYY,
            f"R{n}",
            "CRP",
            "C反应蛋白",
            f"2026-01-0{n}",
            loinc="1988-5",
            high=high,
            valueQuantity=seed.quantity(value, unit, unit),
        )
        for n, (value, unit, high) in enumerate(values, 1)
    ]
    reports = [seed.lab(who, seed.WJYY, f"R{n}", "CRP", f"2026-01-0{n}", [row]) for n, row in enumerate(rows, 1)]
    chart = await source_of(await filled([who, *rows, *reports])).chart(who["id"])
    [series] = digest(chart, timeline(chart), seed.NOW).indicators
    assert [(str(p.y), p.converted) for p in series.points] == [("6", False), ("0", True)]
    assert len(draw(series).bands) == 1
    alone = draw(replace(series, points=series.points[:1]))
    [mark], [(x, _, width, _)] = alone.marks, alone.bands
    assert mark.x == x + width / 2
    assert width > alone.width * 0.8


async def test_a_comparator_or_a_strange_unit_is_listed_not_drawn() -> None:
    who = seed.patient(seed.WJYY, "P", "某人")
    rows = [
        seed.observation(
            who,
            seed.WJYY,
            "R1",
            "CRP",
            "C反应蛋白",
            "2026-01-01",
            loinc="1988-5",
            valueQuantity=seed.quantity("5", "mg/L", "mg/L"),
        ),
        seed.observation(
            who,
            seed.WJYY,
            "R2",
            "CRP",
            "C反应蛋白",
            "2026-01-02",
            loinc="1988-5",
            valueQuantity=seed.quantity("0.5", "mg/L", "mg/L", "<"),
        ),
        seed.observation(
            who,
            seed.WJYY,
            "R3",
            "CRP",
            "C反应蛋白",
            "2026-01-03",
            loinc="1988-5",
            valueQuantity=seed.quantity("7", "AU"),
        ),
    ]
    reports = [seed.lab(who, seed.WJYY, f"R{n}", "CRP", f"2026-01-0{n}", [row]) for n, row in enumerate(rows, 1)]
    store = await filled([who, *rows, *reports])
    chart = await source_of(store).chart(who["id"])
    events = timeline(chart)
    series = all_series(r for e in events for r in e.results)
    assert series == {}
    one = digest(chart, events, seed.NOW).indicators[0]
    assert ([p.result.value for p in one.drawn], [p.result.value for p in one.undrawn]) == (["5"], ["<0.5", "7"])


async def test_regions_say_what_they_gave(source: Source) -> None:
    found = (await digest_of(source)).regions
    assert [(r.region, r.count, r.newest) for r in found] == [
        ("wujiang", 3, "2026-01-19"),
        ("jiashan", 5, "2026-03-02"),
        ("qingpu", 3, "2026-04-02"),
    ]


async def test_a_critical_result_counts_with_or_without_a_report_but_not_when_cancelled() -> None:
    who = seed.patient(seed.WJYY, "P", "某人")

    def potassium(number: str, value: str, status: str = "final") -> seed.Resource:
        found = seed.observation(
            who, seed.WJYY, number, "K", "钾", "2026-03-01T08:00:00+08:00", loinc="2823-3", flag="HH", status=status
        )
        return found | {"valueQuantity": seed.quantity(value, "mmol/L", "mmol/L")}

    alone, member, ended = potassium("A", "6.1"), potassium("B", "6.2"), potassium("C", "6.3", "cancelled")
    unread = potassium("D", "6.4")
    panel = seed.observation(who, seed.WJYY, "B", "P", "电解质", "2026-03-01", hasMember=[seed.ref(member)])
    at = "2026-03-01T08:00:00+08:00"
    reports = [
        seed.lab(who, seed.WJYY, "B", "电解质", at, [panel, ended]),
        seed.lab(who, seed.WJYY, "D", "电解质", at, [unread], status="cancelled"),
    ]
    everything = [who, alone, panel, member, ended, unread, *reports]
    chart = await source_of(await filled(seed.organizations(), everything)).chart(who["id"])
    events = timeline(chart)
    found = digest(chart, events, seed.NOW)
    assert {(c.result.value, c.opens) for c in found.criticals} == {
        ("6.1", f"Observation/{alone['id']}"),
        ("6.2", f"DiagnosticReport/{reports[0]['id']}"),
    }
    assert sorted(p.result.value for p in found.indicators[0].points) == ["6.1", "6.2"]
    assert sorted([r.value for r in e.results] for e in events if e.title == "电解质") == [[], ["6.2"]]


LOCAL = "https://hie.example.org/fhir/CodeSystem/"


def _uncoded(number: str, at: str, unit: str, specimen: str, codes: list[tuple[str, str]]) -> list[seed.Resource]:
    """A result named 葡萄糖 in a report over one specimen, and all that it needs."""
    who = seed.patient(seed.WJYY, "P", "某人")
    sample = seed.made(seed.WJYY, "Specimen", number, type={"text": specimen}, subject=seed.ref(who))
    coding = [{"system": f"{LOCAL}{system}", "code": code} for system, code in codes]
    one = seed.observation(who, seed.WJYY, number, "X", "葡萄糖", at, valueQuantity=seed.quantity("5.1", unit, unit))
    one["code"] = {"text": "葡萄糖", "coding": coding} if coding else {"text": "葡萄糖"}
    return [who, sample, one, seed.lab(who, seed.WJYY, number, "生化", at, [one], specimen=[seed.ref(sample)])]


@pytest.mark.parametrize(
    ("first", "second", "series"),
    [
        (("mmol/L", "血清", []), ("mmol/L", "血清", []), 1),
        (("mmol/L", "血清", []), ("mmol/L", "尿液", []), 2),
        (("mmol/L", "血清", []), ("mmol/24h", "血清", []), 2),
        (("mmol/L", "血清", [("a", "1")]), ("mmol/L", "血清", [("b", "1")]), 2),
        (("mmol/L", "血清", [("a", "1")]), ("mg/dL", "血清", [("a", "1")]), 1),
        (("mmol/L", "血清", [("a", "葡萄糖")]), ("mmol/L", "尿液", [("a", "葡萄糖")]), 2),
    ],
    ids=["name, unit and specimen", "another specimen", "another unit", "codes of two laboratories", "one code",
         "a code that is the name"],
)  # fmt: skip
async def test_results_without_loinc_share_a_trend_only_when_they_are_of_one_analyte(
    first: tuple[str, str, list[tuple[str, str]]], second: tuple[str, str, list[tuple[str, str]]], series: int
) -> None:
    rows = [*_uncoded("R1", "2026-04-01", *first), *_uncoded("R2", "2026-04-02", *second)]
    chart = await source_of(await filled(rows)).chart(rows[0]["id"])
    found = list(series_of(chart).values())
    assert len(found) == series
    names = {one.name for one in found}
    assert names == ({"葡萄糖"} if series == 1 else {f"葡萄糖 ({specimen})" for specimen in (first[1], second[1])})
