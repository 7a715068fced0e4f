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


def test_a_default_counts_only_where_nothing_else_states_the_element() -> None:
    assert assemble({"code#default": {"text": "x"}}) == {"code": {"text": "x"}}
    for slots in ({"code": "y", "code#default": "x"}, {"code#default": "x", "code": "y"}):
        assert assemble(slots) == {"code": "y"}
    assert assemble({"code": None, "code#default": "x"}) == {"code": "x"}


def test_numbered_shares_stand_in_the_order_of_their_numbers() -> None:
    assert assemble({"section[]#10": "c", "section[]#2": "b", "section[]#1": "a"}) == {"section": ["a", "b", "c"]}
