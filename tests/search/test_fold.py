"""Text normalised for string search."""

from hie.search.fold import fold, phonetic
from hie.search.text import content_text, narrative_text


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
        "note": [{"text": "Seated"}],
    }
    assert narrative_text(resource) == "blood pressure & pulse"
    assert content_text(resource) == "blood pressure & pulse seated"
