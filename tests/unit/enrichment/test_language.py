"""A warning where the text does not look English, none where it does."""

import json
from pathlib import Path

import pytest

from refrain_sidecar.enrichment.language import language_warning

TUNING = Path(__file__).parents[2] / "bench/data/emotion_tuning.jsonl"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("Ich bin so traurig, weil meine Mutter nicht mehr da ist.", "German"),
        ("Je suis très heureux de vous voir et mon cœur est plein.", "French"),
        ("Hoy estoy muy triste porque el perro no está.", "Spanish"),
        ("Сегодня мне очень грустно.", "Latin script"),
        ("今日はとても幸せです。", "Latin script"),
        ("12345 !!!", "no letters"),
    ],
)
def test_other_languages_are_noticed(text: str, finding: str) -> None:
    warning = language_warning(text)
    assert warning is not None
    assert finding in warning


def test_no_english_sentence_of_the_tuning_set_is_taken_for_another() -> None:
    texts = [json.loads(line)["text"] for line in TUNING.open(encoding="utf-8")]
    assert [text for text in texts if language_warning(text)] == []


@pytest.mark.parametrize(
    "text", ["Die! Die! Die!", "omg", "Café in Köln", "Tea. Rain. Nothing to do."]
)
def test_too_few_words_are_no_finding(text: str) -> None:
    assert language_warning(text) is None
