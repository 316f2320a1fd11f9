"""Which model is taken where none is named."""

from __future__ import annotations

from typing import Any

import pytest

from refrain_sidecar.inference.ollama.messages import ModelTag
from refrain_sidecar.inference.reaching.picking import can_write, in_order

OLD, NEW, NEWEST = (
    ModelTag(name, name, name, 1, at)
    for name, at in (
        ("old:1b", "2026-01-05T10:00:00.123456789+01:00"),
        ("new:1b", "2026-03-05T23:30:00Z"),
        ("newest:latest", "2026-03-06T01:00:00+00:00"),
    )
)
DATELESS = ModelTag("dateless:1b", "dateless:1b", "d", 1, "")


def names(held: str | None = None, loaded: str = "", last: str | None = None) -> list[str]:
    tags = (DATELESS, OLD, NEW, NEWEST)
    return [pick.tag.name for pick in in_order(tags, held=held, loaded=loaded.split(), last=last)]


def test_the_last_modified_is_first_whatever_its_time_zone() -> None:
    assert names() == ["newest:latest", "new:1b", "old:1b", "dateless:1b"]


def test_the_one_used_last_goes_before_it_the_loaded_before_that() -> None:
    assert names(last="OLD:1b")[:2] == ["old:1b", "newest:latest"]
    assert names(loaded="new:1b", last="old:1b")[:3] == ["new:1b", "old:1b", "newest:latest"]
    assert names(loaded="new:1b old:1b", last="old:1b")[:2] == ["old:1b", "new:1b"]


def test_the_one_asked_until_now_stays_though_another_was_loaded() -> None:
    assert names(held="old:1b", loaded="newest", last="new:1b")[0] == "old:1b"
    assert names(held="deleted:1b", loaded="newest")[0] == "newest:latest"


def test_it_is_said_why() -> None:
    picks = in_order((OLD, NEW, NEWEST), held=None, loaded=["new:1b"], last="old:1b")
    assert [(pick.tag.name, pick.why) for pick in picks] == [
        ("new:1b", "it is loaded"),
        ("old:1b", "it was used last"),
        ("newest:latest", "it was modified last"),
    ]


@pytest.mark.parametrize(
    ("shown", "can"),
    [
        ({"capabilities": ["completion", "tools", "thinking"]}, True),
        ({"capabilities": ["embedding"]}, False),
        ({"capabilities": ["image"]}, False),
        ({"capabilities": []}, False),
        ({"capabilities": ["completion"], "remote_host": "https://ollama.com:443"}, False),
        ({"capabilities": ["completion"], "remote_model": "gpt-oss:120b"}, False),
        ({"model_info": {"llama.context_length": 4096}}, True),
        ({"model_info": {"nomic-bert.pooling_type": 1}}, False),
        ({}, True),
    ],
)
def test_only_what_writes_text_on_that_machine_is_taken(shown: dict[str, Any], can: bool) -> None:
    assert can_write(shown) is can
