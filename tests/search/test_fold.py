"""Text normalised for string search."""

from hie.search.fold import fold, phonetic
from hie.search.text import content_terms, has_pieces, narrative_terms, pieces, terms


def test_case_width_accents_and_space_are_folded() -> None:
    assert fold("  Ｍüller\u3000 ÅNNA ") == "muller anna"
    assert fold("张  三") == "张 三"
    assert fold("Straße") == "strasse"


def test_soundex_of_latin_words_only() -> None:
    assert phonetic("Robert") == phonetic("Rupert") == "R163"
    assert phonetic("Ashcraft") == "A261"
    assert phonetic("张三") == ""


def test_text_and_content() -> None:
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "text": {"status": "generated", "div": "<div>Blood <b>pressure</b> &amp; pulse</div>"},
        "note": [{"text": "Seated", "time": "2025-01-06"}, {"text": f"{'far ' * 20}away"}],
        "subject": {"reference": "Patient/unseen"},
        "valueInteger": 7,
    }
    narrated = {"blood", "pressure", "pulse"}
    assert narrative_terms(resource) == narrated
    assert content_terms(resource) == narrated | {"seated", "2025", "01", "06", "far", "away"}
    assert narrative_terms({"resourceType": "Observation"}) == set()


def test_terms_are_words_and_pairs_of_ideographs() -> None:
    assert terms("2型糖尿病, type_2 diabetes") == {"2", "型糖", "糖尿", "尿病", "病", "type", "diabetes"}
    assert pieces("糖尿病 diab") == ("糖尿", "尿病", "diab")
    assert pieces("病") == ("病",)
    assert pieces("- _ &") == ()


def test_pieces_begin_terms() -> None:
    there = terms("高血压病史 hypertension 140.5")
    for found in ("血压", "高血压", "史", "高", "hyper", "140", "140.5", "血压 hypertension"):
        assert has_pieces(there, pieces(found)), found
    for missing in ("压血", "tension", "血糖", "40"):
        assert not has_pieces(there, pieces(missing)), missing
