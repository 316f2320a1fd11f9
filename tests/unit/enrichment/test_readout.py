"""The readout that comes with the package fits the wheel, the prompt and the pinned model."""

from refrain_sidecar.enrichment.prompts import SCORE_HASH
from refrain_sidecar.enrichment.stage1.readout import fitted, plain
from refrain_sidecar.enrichment.wheel import WHEEL
from refrain_sidecar.inference.models.manifest import manifest


def test_the_pinned_model_has_a_readout_for_todays_prompt_and_words() -> None:
    readout = fitted(manifest().weights.sha256, SCORE_HASH)
    assert readout is not None
    assert set(readout.weights) == set(readout.bias) == set(WHEEL.primaries)
    assert all(set(row) == set(WHEEL.words) for row in readout.weights.values())
    assert readout.baseline is not None
    assert set(readout.baseline) == set(readout.usual) == set(WHEEL.words)
    assert readout.temperature > 0


def test_another_model_or_prompt_has_none() -> None:
    assert fitted("0" * 64, SCORE_HASH) is None
    assert fitted(manifest().weights.sha256, "another prompt") is None


def test_the_plain_readout_weighs_a_primarys_own_words_alike() -> None:
    for primary, row in plain().weights.items():
        assert set(row) == set(WHEEL.words_of(primary))
        assert len(set(row.values())) == 1
