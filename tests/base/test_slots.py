"""Slots become elements."""

from hie.base.slots import assemble


def test_nested_repeating_shared_and_chosen_elements() -> None:
    assert assemble(
        {
            "identifier[]#a": {"value": "1"},
            "identifier[]#b": [{"value": "2"}, {"value": "3"}],
            "period.start": "2026",
            "hospitalization.extension[]#x": {"url": "u"},
            "value[x]": {"valueString": "v"},
            "gone": None,
            "_gender": {"extension": []},
        }
    ) == {
        "identifier": [{"value": "1"}, {"value": "2"}, {"value": "3"}],
        "period": {"start": "2026"},
        "hospitalization": {"extension": [{"url": "u"}]},
        "valueString": "v",
        "_gender": {"extension": []},
    }
