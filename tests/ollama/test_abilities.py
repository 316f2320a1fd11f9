"""What is found out about a model of a real Ollama, and that any template is enough."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.ollama.serving import MODEL, RealOllama

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, NetworkingSettings, Settings
from refrain_sidecar.enrichment import AsyncHybridScorer, AsyncPostEnricher
from refrain_sidecar.enrichment.stage2.writing import check_writing
from refrain_sidecar.inference.abilities import Abilities, found_out
from refrain_sidecar.inference.choose import EngineChooser
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.ollama.messages import Message
from refrain_sidecar.inference.ollama.options import frozen_options

TEXT = "My dog died this morning and the house is so quiet."
# A template without roles, that leaves a beginning open.
PLAIN = "{{ .Prompt }}{{ .Response }}"
# One that closes the answer and has no place for instructions, as some have.
CLOSING = "<q>{{ .Prompt }}</q><a>{{ .Response }}</a>"

Make = Callable[[str], str]


@pytest.fixture
def made(ollama: RealOllama) -> Iterator[Make]:
    """Makes a model with a template, and gives its name."""
    names: list[str] = []

    def make(template: str) -> str:
        names.append(f"made:{len(names)}")
        ollama.create(names[-1], f'FROM {MODEL}\nTEMPLATE """{template}"""\n')
        return names[-1]

    yield make
    for name in names:
        ollama.remove(name)


@pytest.fixture
async def client(ollama: RealOllama) -> AsyncIterator[OllamaClient]:
    async with OllamaClient(ollama.base_url, NetworkingSettings()) as client:
        yield client


def settings(ollama: RealOllama, model: str, cache: Path) -> Settings:
    inference = InferenceSettings(
        engine="ollama", base_url=ollama.base_url, model=model, num_threads=1
    )
    return Settings(inference, CacheSettings(cache_dir=cache))


async def of(client: OllamaClient, model: str) -> Abilities:
    return await found_out(client, model, frozen_options(InferenceSettings(), 1), "5m")


async def test_a_model_is_known_by_its_form_and_its_twenty_alternatives(
    client: OllamaClient,
) -> None:
    found = await of(client, MODEL)

    assert found.form is not None
    asked = (
        Message("system", "Name it."),
        Message("user", "One."),
        Message("assistant", "First."),
        Message("user", "Two."),
        Message("assistant", "It is"),
    )
    assert found.form.prompt(asked) == (
        "<|im_start|>system\nName it.<|im_end|>\n<|im_start|>user\nOne.<|im_end|>\n"
        "<|im_start|>assistant\nFirst.<|im_end|>\n<|im_start|>user\nTwo.<|im_end|>\n"
        "<|im_start|>assistant\nIt is"
    )
    assert (found.logprobs, found.scores_words, found.keeps_prompts) == (20, False, False)
    assert (found.thinks, found.sees) == (False, ())
    assert found.family == "llama smollm2 135m"
    assert found.lacks == ()


@pytest.mark.parametrize("template", [PLAIN, CLOSING])
async def test_any_template_is_enough_for_both_stages(
    ollama: RealOllama, client: OllamaClient, made: Make, tmp_path: Path, template: str
) -> None:
    model = made(template)
    found = await of(client, model)
    assert found.form is not None
    assert found.form.prompt([Message("user", "One."), Message("assistant", "It")]).endswith("It")

    own = settings(ollama, model, tmp_path)
    chooser = EngineChooser(own, num_thread=1)
    try:
        async with AsyncCache(own.caching) as cache:
            named = await AsyncHybridScorer(cache, chooser, own).enrich(TEXT)
            written = await AsyncPostEnricher(cache, chooser, own).write(named)
    finally:
        await chooser.close()

    assert named["provenance"]["way"] == "top_logprobs"
    assert named["provenance"]["lacks"] == []
    check_writing(written.value)
