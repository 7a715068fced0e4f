"""No text makes a transform fail, and what a date transform states is always a FHIR date."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from hie.base.moment import read
from hie.mapping.transforms import dates, identifiers, names, texts
from tests.mapping.transforms.notebook import Notebook

FHIR_DATE_TIME = re.compile(
    r"([0-9]{4})(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?(Z|(\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00)))?)?)?"
)

DATED = r"20[0-9]{2}-?[01][0-9]-?[0-2][0-9][ T]?[0-2][0-9]:?[0-5][0-9](:?[0-9]{2})?([+-][0-9]{4})?"


@given(st.one_of(st.text(max_size=40), st.from_regex(DATED, fullmatch=True)))
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
def test_any_text_is_a_fhir_date_or_none(sent: str) -> None:
    for transform in (dates.date, dates.date_time, dates.instant):
        found = transform(sent, Notebook())
        assert found is None or FHIR_DATE_TIME.fullmatch(found)
    moment = read(sent)
    assert moment is None or not moment.is_before(moment)


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_names_and_numbers(sent: str) -> None:
    name = names.human_name(sent, Notebook())
    assert name is None or name["text"].strip()
    for transform in (names.phone, names.address, identifiers.national_id, texts.words, identifiers.number):
        found = transform(sent, Notebook())
        assert found is None or found
