"""The generated pages say what the code says."""

import pytest

from tools.build_docs import FOLDER, NOTE, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    message = "run: python -m tools.build_docs"
    assert (FOLDER / name).read_text(encoding="utf-8") == NOTE + PAGES[name](), message


def test_no_page_without_a_builder() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)
