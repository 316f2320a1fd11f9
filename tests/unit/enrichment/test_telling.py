"""A phrase that the schema's length cut off ends where a phrase may end."""

import pytest

from refrain_sidecar.enrichment.schemas import EVENT_CHARS
from refrain_sidecar.enrichment.stage1.telling import phrase

CUT = "I'm feeling grateful for my friends and this"


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (" my dog\n died  yesterday. ", "my dog died yesterday"),
        (CUT, "I'm feeling grateful for my friends"),
        ("x" * EVENT_CHARS, "x" * (EVENT_CHARS - 1)),
        (
            "My manager took credit for my work again in front of everyone",
            "My manager took credit for my work again",
        ),
    ],
)
def test_phrases(event: str, told: str) -> None:
    assert phrase(event) == told


def test_the_cut_example_is_as_long_as_the_schema_allows() -> None:
    assert len(CUT) == EVENT_CHARS
