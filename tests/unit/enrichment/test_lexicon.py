"""The lexicon: words near the wheel, each with the secondaries it speaks for."""

import json
import re
from collections import Counter
from importlib.resources import files

import pytest

from refrain_sidecar.enrichment.lexicon import PLACES
from refrain_sidecar.enrichment.wheel import WHEEL

SECONDARIES = [secondary.name for secondary in WHEEL.secondaries]


@pytest.fixture(scope="module")
def listed() -> list[str]:
    """The file's words as they stand there: a dict would hide one listed twice."""
    text = files("refrain_sidecar.enrichment").joinpath("lexicon.json").read_text("utf-8")
    pairs = dict(json.loads(text, object_pairs_hook=list))["words"]
    return [word for word, _ in pairs]


def test_a_thousand_words_sorted_and_none_twice(listed: list[str]) -> None:
    assert len(listed) >= 1000
    assert listed == sorted(set(listed))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", word) for word in listed)


def test_words_of_the_wheel_are_not_listed_again(listed: list[str]) -> None:
    assert not set(listed) & set(WHEEL.words)
    assert set(PLACES) == set(listed) | set(WHEEL.words)


def test_each_word_speaks_for_one_to_three_secondaries(listed: list[str]) -> None:
    for word in listed:
        assert 1 <= len(PLACES[word]) <= 3, word
        assert set(PLACES[word]) <= set(SECONDARIES), word


def test_strengths_are_shares() -> None:
    for word, strengths in PLACES.items():
        assert all(0 < strength <= 1 for strength in strengths.values()), word
        assert sum(strengths.values()) <= 1 + 1e-9, word


def test_every_secondary_is_spoken_for_by_eight_words_beside_the_wheel(listed: list[str]) -> None:
    heard = Counter(secondary for word in listed for secondary in PLACES[word])
    assert set(heard) == set(SECONDARIES)
    assert min(heard.values()) >= 8


def test_what_models_say_beside_the_wheel_is_there(listed: list[str]) -> None:
    seen = {"upset", "stressed", "grounded", "hurt", "positive", "special", "conflicted", "sick"}
    seen |= {"disconnected", "sentimental", "passionate", "distressed", "unwell", "warm"}
    assert seen <= set(listed)


def test_words_of_the_wheel_speak_for_their_secondary() -> None:
    assert PLACES["grateful"] == {"grateful": 1.0}
    assert PLACES["thankful"] == {"grateful": 1.0}


def test_a_primary_speaks_evenly_for_its_secondaries() -> None:
    happy = PLACES["happy"]
    assert list(happy) == [secondary.name for secondary in WHEEL.rings["happy"]]
    assert set(happy.values()) == {1 / 6}


def test_a_vague_word_says_less_than_a_plain_one() -> None:
    assert sum(PLACES["strange"].values()) < sum(PLACES["good"].values()) <= 0.5
    assert sum(PLACES["good"].values()) < PLACES["gratitude"]["grateful"]


def test_nothing_in_it_can_be_changed() -> None:
    with pytest.raises(TypeError):
        PLACES["upset"]["loving"] = 1.0  # type: ignore[index]
