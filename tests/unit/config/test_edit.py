"""One value changes; the rest of the file stays as its owner wrote it."""

import json

import pytest

from refrain_sidecar.config.edit import with_value

OWNED = '{\n  "inference": { "num_threads": "auto",   "seed": 3 },\n\n  "caching": {}\n}\n'


def test_a_value_that_is_there_is_replaced_in_its_place() -> None:
    edited = with_value(OWNED, "inference", "num_threads", 6)
    assert edited == OWNED.replace('"auto"', "6")


@pytest.mark.parametrize(
    ("text", "before"),
    [
        (OWNED, {"inference": {"num_threads": "auto", "seed": 3}, "caching": {}}),
        ('{"inference": {}}', {"inference": {}}),
        ('{"caching": {"enabled": true}}', {"caching": {"enabled": True}}),
        ("{}", {}),
        # To Python a line ends there; to JSON it does not.
        (
            '{"$schema": "a\u2028b",\n "inference": {"seed": 3}}',
            {"$schema": "a\u2028b", "inference": {"seed": 3}},
        ),
    ],
)
def test_a_missing_value_is_added_and_nothing_is_lost(text: str, before: dict) -> None:
    edited = json.loads(with_value(text, "inference", "temperature", 0.5))
    assert edited["inference"].pop("temperature") == 0.5
    assert {k: v for k, v in edited.items() if v} == {k: v for k, v in before.items() if v}


@pytest.mark.parametrize("text", ["", "[]", '{"a": '])
def test_what_is_no_configuration_is_not_edited(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - two kinds of error, one base
        with_value(text, "inference", "seed", 1)
