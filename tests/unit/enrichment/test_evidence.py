"""What a model's next tokens say of feelings, beyond what it always says."""

import math

import pytest

from refrain_sidecar.enrichment.lexicon import PLACES
from refrain_sidecar.enrichment.stage1.evidence import (
    ORDINARY,
    begins,
    leaning,
    lifts,
    secondaries,
)
from refrain_sidecar.enrichment.wheel import WHEEL


@pytest.mark.parametrize(
    ("token", "word", "said"),
    [
        (" lonely", "lonely", True),
        (" Lone", "lonely", True),
        (" sad", "sad", True),
        (" lon", "lonely", False),
        (" m", "mad", False),
        (" lonelyish", "lonely", False),
        (" over", "overwhelmed", False),
        (" overw", "overwhelmed", True),
        (" ", "sad", False),
        ("", "sad", False),
    ],
)
def test_a_token_says_a_word_or_enough_of_its_beginning(token: str, word: str, said: bool) -> None:
    assert begins(token, word) is said


def test_the_leaning_is_the_mean_of_each_beginning_over_the_ordinary_texts() -> None:
    first = [{" happy": -1.0, " sad": -3.0}, {" very": -2.0}]
    second = [{" happy": -2.0, " low": -7.0}, {" very": -4.0}]
    # A token out of sight has what the least likely one in sight had: " sad" -7, " low" -3.
    assert leaning([first, second]) == (
        {" happy": -1.5, " low": -5.0, " sad": -5.0},
        {" very": -3.0},
    )


def test_ordinary_texts_are_each_another() -> None:
    assert len(set(ORDINARY)) == len(ORDINARY) == 2 * len(WHEEL.primaries)


def test_what_a_model_always_says_speaks_for_nothing() -> None:
    usual = [{" happy": -1.0, " lonely": -6.0}]
    found = secondaries([{" happy": -1.0, " lonely": -2.0}], usual)
    assert {name: strength for name, strength in found.items() if strength} == {"lonely": 4.0}
    assert lifts([{" happy": -1.0, " lonely": -2.0}], usual)["lonely"] == 4.0
    assert lifts([{" happy": -1.0, " lonely": -2.0}], usual)["happy"] == 0.0


def test_a_token_never_seen_on_ordinary_texts_counts_from_the_least_seen() -> None:
    found = secondaries([{" lonely": -2.0}], [{" the": -1.0, " of": -8.0}])
    assert found["lonely"] == 6.0


def test_less_said_than_usual_is_no_evidence_against() -> None:
    found = secondaries([{" lonely": -9.0}], [{" lonely": -1.0}])
    assert set(found.values()) == {0.0}
    assert set(lifts([{" lonely": -9.0}], [{" lonely": -1.0}]).values()) == {0.0}


def test_what_one_beginning_hides_another_shows() -> None:
    usual = [{" lonely": -5.0}, {" lonely": -5.0}]
    heard = [{" lonely": -5.0}, {" lonely": -1.0}]
    assert secondaries(heard, usual)["lonely"] == 4.0
    assert lifts(heard, usual)["lonely"] == 4.0
    both = [{" lonely": -4.0}, {" lonely": -1.0}]
    assert secondaries(both, usual)["lonely"] == 5.0, "evidence adds up"
    assert lifts(both, usual)["lonely"] == 4.0, "a word is lifted as much as its best beginning"


def test_a_beginning_of_several_words_is_shared_between_them() -> None:
    begun = [word for word in PLACES if word.startswith("frus")]
    assert len(begun) > 1, "the lexicon has several forms"
    found = secondaries([{" frus": -1.0}], [{" the": -2.0}])
    whole = sum(sum(PLACES[word].values()) for word in begun) / len(begun)
    assert math.isclose(sum(found.values()), whole)


def test_a_primary_speaks_for_its_whole_ring_alike() -> None:
    found = secondaries([{" sad": -1.0}], [{" the": -4.0}])
    ring = {secondary.name for secondary in WHEEL.rings["sad"]}
    assert {name for name, strength in found.items() if strength} == ring
    assert len({found[name] for name in ring}) == 1


def test_words_of_no_feeling_say_nothing() -> None:
    found = secondaries([{" the": -0.1, " table": -0.2}], [{" of": -9.0}])
    assert set(found.values()) == {0.0}
    assert set(secondaries([{}], [{}]).values()) == {0.0}
