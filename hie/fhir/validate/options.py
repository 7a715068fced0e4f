"""How strict a validation is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one validation.

    `base_only`: the rules of the base definitions alone, as on the write path: no profiles, no judgement on extensions,
    codings or links. `unknown_extensions`: severity for an extension whose definition is not known. `example_urls`:
    whether `example.org` and its like are fine. `html_in_text`: severity for text that looks like HTML.
    `resolve_references`: relative references must lead to a
    resource of the same Bundle or Parameters. `check_contained`: contained
    resources are judged too.
    """

    base_only: bool = False
    unknown_extensions: str = "warning"
    example_urls: bool = True
    html_in_text: str = "warning"
    markdown_html: str = "warning"
    resolve_references: bool = False
    check_contained: bool = True


BASE = Options(base_only=True)
"""What the write path asks for."""
