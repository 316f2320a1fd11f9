"""The log lines, word for word."""

from typing import Any

import pytest

from refrain_cache import Outcome
from refrain_sidecar.enrichment import log_lines

TEXT = "I'm feeling grateful for my friends and this beautiful day!!"


def made(outcome: Any, reason: str | None = None) -> Outcome[None]:
    return Outcome(None, outcome, None, "k", reason, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (made("hit"), "[CACHE HIT] Stage 1: I'm feeling grateful... (60 chars) → cached"),
        (
            made("miss"),
            "[CACHE MISS] Stage 1: I'm feeling grateful... (60 chars) → generated & cached",
        ),
        (
            made("bypass", "the folder is read-only"),
            "[CACHE BYPASS] Stage 1: I'm feeling grateful... (60 chars) → generated "
            "(the folder is read-only)",
        ),
    ],
)
def test_stage_1(outcome: Outcome[None], line: str) -> None:
    assert log_lines.stage1(outcome, TEXT, redact=False) == line


def test_redacted_no_word_of_the_text_is_shown() -> None:
    line = log_lines.stage1(made("hit"), TEXT, redact=True)
    assert line == "[CACHE HIT] Stage 1: (hidden) (60 chars) → cached"


def test_a_text_cannot_forge_a_second_line() -> None:
    line = log_lines.stage1(made("hit"), "a\n[CACHE HIT]", redact=False)
    assert line == "[CACHE HIT] Stage 1: a [CACHE HIT] (13 chars) → cached"


def test_stage_2() -> None:
    line = log_lines.stage2(made("miss"), "happy", "grateful")
    assert line == "[CACHE MISS] Stage 2: happy/grateful → generated & cached"


def test_a_picture_is_named_with_its_size_unless_redacted() -> None:
    line = log_lines.vision(made("hit"), "morning.png", 11_345, redact=False)
    assert line == "[CACHE HIT] Vision: morning.png (12 KB) → cached"
    line = log_lines.vision(made("miss"), "a\n[CACHE HIT].png", 1, redact=False)
    assert line == "[CACHE MISS] Vision: a [CACHE HIT].png (1 KB) → generated & cached"
    line = log_lines.vision(made("hit"), "morning.png", 11_345, redact=True)
    assert line == "[CACHE HIT] Vision: (hidden) (12 KB) → cached"
