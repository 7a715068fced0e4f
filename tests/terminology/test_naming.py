"""Names from a file for a loaded code system."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hie.base.errors import Category, HieError
from hie.fhir.definitions import official
from hie.terminology.codefile import CodeFile
from hie.terminology.concept import Designation, Property, Selection
from hie.terminology.library import Library
from hie.terminology.loading import Source, load
from hie.terminology.naming import Named, add_names
from hie.terminology.service import Terminology

LOINC = "http://loinc.org"
TABLE = "LOINC_NUM,COMPONENT,LONG_COMMON_NAME\n718-7,Hemoglobin,Hemoglobin in Blood\n789-8,Erythrocytes,Red cells\n"


def write(path: Path, *rows: str) -> Path:
    path.write_text("LOINC_NUM,COMPONENT,LONG_COMMON_NAME,LinguisticVariantDisplayName\n" + "\n".join(rows) + "\n")
    return path


def test_names_are_shown_found_and_replaced(tmp_path: Path) -> None:
    file, table = tmp_path / "t.sqlite", tmp_path / "Loinc.csv"
    table.write_text(TABLE)
    load(file, Source(table, LOINC, "loinc", language="en"), datetime(2026, 1, 18, tzinfo=UTC))
    answers = Terminology(Library(official(), loaded=CodeFile(file)))
    assert answers.display(LOINC, "718-7") == "Hemoglobin in Blood"
    chinese = write(tmp_path / "zh.csv", "718-7,血红蛋白,血液血红蛋白,", "1-1,x,y,z")
    source = Source(chinese, LOINC, "loinc", language="zh-CN")
    assert add_names(file, source) == Named(1, 1)
    assert answers.display(LOINC, "718-7") == "血液血红蛋白"
    assert answers.display(LOINC, "718-7", "en") == "Hemoglobin in Blood"
    system = answers.library.system(LOINC)
    assert [concept.code for concept in system.select(Selection(words=("xuehongdanbai",)))] == ["718-7"]
    write(chinese, "718-7,血红蛋白,血液血红蛋白,血红蛋白浓度")
    assert add_names(file, source) == Named(1, 0)
    found = system.get("718-7")
    assert found is not None
    assert found.designations == (Designation("血红蛋白浓度", "zh-CN"),)
    assert found.properties == (Property("COMPONENT", "String", "Hemoglobin"),)


def test_names_need_the_code_system(tmp_path: Path) -> None:
    with pytest.raises(HieError, match="load it before its names") as caught:
        add_names(tmp_path / "t.sqlite", Source(write(tmp_path / "zh.csv"), LOINC, "loinc"))
    assert caught.value.category is Category.NOT_FOUND
