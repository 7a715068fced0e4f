"""Extensions: known or not, place, modifier, url."""

from typing import Any

import pytest

from hie.base.systems import CORE
from hie.fhir.validate import Options, Validator

BIRTH_PLACE = {"url": f"{CORE}patient-birthPlace", "valueAddress": {"text": "x"}}
ANIMAL = {
    "url": f"{CORE}patient-animal",
    "extension": [{"url": "species", "valueCodeableConcept": {"text": "x"}}],
}


def errors(validator: Validator, resource: dict[str, Any], options: Options | None = None) -> list[str]:
    issues = validator.validate({"resourceType": "Patient", **resource}, options=options)
    return [issue.rule for issue in issues if issue.fails]


def test_a_known_extension_in_its_place(validator: Validator) -> None:
    assert errors(validator, {"extension": [BIRTH_PLACE]}) == []
    assert errors(validator, {"extension": [ANIMAL]}) == []


def test_a_known_extension_in_another_place(validator: Validator) -> None:
    assert errors(validator, {"name": [{"text": "x", "extension": [BIRTH_PLACE]}]}) == ["extension-context"]


def test_the_context_may_be_an_element_of_a_data_type(validator: Validator) -> None:
    prefix = {"url": f"{CORE}humanname-own-prefix", "valueString": "van"}
    assert errors(validator, {"name": [{"family": "x", "_family": {"extension": [prefix]}}]}) == []
    assert errors(validator, {"name": [{"text": "x", "_text": {"extension": [prefix]}}]}) == ["extension-context"]


def test_the_value_keeps_the_definition(validator: Validator) -> None:
    wrong = {"url": f"{CORE}patient-birthPlace", "valueString": "x"}
    assert "type" in errors(validator, {"extension": [wrong]})
    bare = {"url": f"{CORE}patient-animal", "extension": [{"url": "breed", "valueCodeableConcept": {"text": "x"}}]}
    assert errors(validator, {"extension": [bare]}) == ["slice-min"]


def test_an_extension_that_does_not_modify_is_no_modifier(validator: Validator) -> None:
    assert errors(validator, {"modifierExtension": [BIRTH_PLACE]}) == ["extension-modifier"]


def test_an_unknown_modifier_extension_is_an_error(validator: Validator) -> None:
    unknown = {"url": "http://regional.cn/x", "valueCode": "x"}
    assert errors(validator, {"modifierExtension": [unknown]}) == ["extension-unknown"]
    assert errors(validator, {"extension": [unknown]}) == []
    assert errors(validator, {"extension": [unknown]}, Options(unknown_extensions="error")) == ["extension-unknown"]


@pytest.mark.parametrize("url", ["http://example.org/x", f"{CORE}newer-than-r4"])
def test_examples_and_newer_core_extensions_are_no_error(validator: Validator, url: str) -> None:
    extension = {"url": url, "valueCode": "x"}
    assert errors(validator, {"extension": [extension]}, Options(unknown_extensions="error")) == []


def test_only_nested_urls_are_relative(validator: Validator) -> None:
    assert errors(validator, {"extension": [{"url": "species", "valueCode": "x"}]}) == ["extension-url"]


def test_a_profile_is_no_extension(validator: Validator) -> None:
    assert errors(validator, {"extension": [{"url": f"{CORE}bp", "valueCode": "x"}]}) == ["extension-type"]
