"""What a model gives a word beyond what it gives it on texts that say nothing."""

import math

import pytest

from refrain_sidecar.enrichment.stage1.evidence import baseline, evidence, from_top

WORDS = ("happy", "uplifted", "sad")


def test_a_word_the_model_always_likes_is_no_evidence() -> None:
    usual = {"happy": -1.0, "uplifted": -9.0, "sad": -5.0}
    found = {"happy": -1.0, "uplifted": -9.0, "sad": -2.0}
    weighed = evidence(found, usual)
    assert max(weighed, key=lambda word: weighed[word]) == "sad"
    assert weighed["happy"] == weighed["uplifted"]
    assert math.isclose(sum(weighed.values()), 0, abs_tol=1e-12)


def test_the_baseline_is_the_mean_of_what_was_observed() -> None:
    assert baseline([{"happy": -1.0}, {"happy": -4.0}]) == {"happy": -2.5}


def test_a_token_counts_for_each_word_it_begins() -> None:
    found = from_top([(" Upl", -2.0), (" sad", -3.0), (" the", -1.0)], WORDS)
    assert found == {"happy": -3.0, "uplifted": -2.0, "sad": -3.0}


def test_a_token_too_short_to_tell_words_apart_counts_for_none() -> None:
    assert from_top([(" h", -0.1), (" sa", -0.2)], WORDS) is None


@pytest.mark.parametrize("top", [[], [(" the", -1.0), (" a", -2.0)]])
def test_a_list_without_any_word_tells_nothing(top: list[tuple[str, float]]) -> None:
    assert from_top(top, WORDS) is None
