"""Code maps as ConceptMaps: valid, complete, and translating as the maps do."""

from hie.base.data import data_path
from hie.fhir.definitions import official
from hie.fhir.validate import Validator
from hie.mapping.codefile import load_codes, read_table
from hie.mapping.conceptmaps import concept_map, concept_maps
from hie.terminology.conceptmap import Wanted, forwards

HEAD = "source_system,code,display,target_system,target_code,target_display,equivalence,note\n"


def test_every_shipped_map_that_translates_is_valid_fhir() -> None:
    maps = concept_maps(load_codes(data_path("mappings", "codes")).values())
    validator = Validator(official())
    assert len(maps) > 20
    assert [(row["id"], issue.diagnostics) for row in maps for issue in validator.write_issues(row)] == []
    assert {"gender", "lab-item", "marital-status"} <= {row["id"] for row in maps}


def test_rows_become_elements_by_pair_of_systems() -> None:
    text = "# table: t\n# kind: closed\n# system: urn:s\n# target: urn:t\n# unknown: U\n# unknown-display: Unknown\n"
    text += HEAD + ",1,One|Eins,,a,A,wider,why\n,2,Two,,,,,\nurn:other,3,,,b,,,\n"
    table, problems = read_table("t.csv", text)
    assert problems == []
    assert concept_map(table)["group"] == [  # type: ignore[index]
        {
            "source": "urn:s",
            "target": "urn:t",
            "element": [
                {"code": "1", "display": "One",
                 "target": [{"code": "a", "display": "A", "equivalence": "wider", "comment": "Eins; why"}]},
                {"code": "2", "display": "Two", "target": [{"equivalence": "unmatched"}]},
            ],
            "unmapped": {"mode": "fixed", "code": "U", "display": "Unknown"},
        },
        {"source": "urn:other", "target": "urn:t",
         "element": [{"code": "3", "target": [{"code": "b", "equivalence": "equivalent"}]}]},
    ]  # fmt: skip


def test_a_table_that_only_names_codes_is_no_concept_map() -> None:
    table, _ = read_table("t.csv", "# table: t\n# kind: closed\n# system: urn:s\n" + HEAD + ",1,One,,,,,\n")
    assert concept_map(table) is None


def test_every_row_translates_as_the_code_map_does() -> None:
    def no_map(url: str) -> dict[str, object]:
        raise AssertionError(url)

    checked = 0
    for table in load_codes(data_path("mappings", "codes")).values():
        made = concept_map(table)
        for row in table.rows.values() if made is not None else ():
            assert made is not None
            found = [m for m in forwards(made, Wanted(row.source_system, row.code), no_map) if m.counts]
            expected = (row.target_system, row.target_code, row.equivalence)
            told = {(match.system, match.code, match.equivalence) for match in found}
            assert (expected in told) == bool(row.target_code), (table.name, row.code)
            checked += 1
    assert checked > 200
