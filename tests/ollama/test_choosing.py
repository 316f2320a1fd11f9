"""The choice of a model, and of an engine, with a real Ollama that is killed and started."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.ollama.serving import MODEL, RealOllama, serving

from refrain_cache import CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, Settings
from refrain_sidecar.inference import choose
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.errors import InferenceError
from refrain_sidecar.inference.reaching import shunning

OTHER = "other:1b"
THIRD = "third:1b"
# Ten seconds where the machine has the time.
GENEROUS_S = 60.0

Chooser = Callable[..., EngineChooser]


@pytest.fixture(scope="module")
def ollama() -> Iterator[RealOllama]:
    """One of these tests' own, which they may kill, with three models. The third is the newest."""
    with serving() as ollama:
        for name in (OTHER, THIRD):
            time.sleep(0.02)  # of equal moments none would be the last
            ollama.create(name, f"FROM {MODEL}\nPARAMETER seed {len(name)}\n")
        yield ollama


@pytest.fixture
async def chooser_for(ollama: RealOllama, tmp_path: Path) -> AsyncIterator[Chooser]:
    made: list[EngineChooser] = []

    def make(model: str = "auto") -> EngineChooser:
        inference = InferenceSettings(base_url=ollama.base_url, model=model, num_threads=1)
        caching = CacheSettings(cache_dir=tmp_path / "cache")
        made.append(EngineChooser(Settings(inference, caching), num_thread=1))
        return made[-1]

    ollama.start()
    yield make
    for chooser in made:
        await chooser.close()


async def unload(engine: Engine) -> None:
    await engine.client.load(engine.model, {"num_thread": 1}, 0)
    asked = time.monotonic()
    while await engine.client.ps():
        assert time.monotonic() - asked < GENEROUS_S
        await asyncio.sleep(0.05)


async def test_the_loaded_model_is_taken_else_the_last_used_else_the_newest(
    chooser_for: Chooser,
) -> None:
    first = chooser_for()
    engine = await first.engine()
    assert (engine.name, engine.model, first.why) == ("ollama", THIRD, "it was modified last")

    await engine.client.load(OTHER, {"num_thread": 1}, "5m")
    assert await first.engine() is engine
    second = chooser_for()
    assert ((await second.engine()).model, second.why) == (OTHER, "it is loaded")
    await unload(await second.engine())

    third = chooser_for()
    assert ((await third.engine()).model, third.why) == (OTHER, "it was used last")


@pytest.mark.parametrize(
    "name", ["SmolLM2:135m", f"library/{MODEL}", f"registry.ollama.ai/library/{MODEL}"]
)
async def test_a_model_is_named_as_ollama_lets_one_name_it(chooser_for: Chooser, name: str) -> None:
    engine = await chooser_for(name).engine()

    assert (engine.name, engine.model) == ("ollama", MODEL)
    assert await engine.client.show(name)


async def test_a_model_created_anew_is_noticed(ollama: RealOllama, chooser_for: Chooser) -> None:
    chooser = chooser_for(OTHER)
    engine = await chooser.engine()
    assert await chooser.still(engine)
    ollama.create(OTHER, f"FROM {MODEL}\nPARAMETER seed 99\n")

    assert not await chooser.still(engine)
    again = await chooser.engine()
    assert again.digest != engine.digest
    assert await chooser.still(again)


async def test_an_ollama_that_is_killed_is_replaced_and_taken_again(
    ollama: RealOllama, chooser_for: Chooser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "LOOK_FOR_OLLAMA_S", 0.2)
    monkeypatch.setattr(shunning, "FIRST_S", 1.0)
    chooser = chooser_for()
    first = await chooser.engine()
    ollama.kill()
    assert not await chooser.still(first), "it cannot be told"
    with pytest.raises(InferenceError) as caught:
        await first.client.version()
    chooser.gone(first, caught.value)
    assert (await chooser.engine()).name == "embedded"
    assert chooser.why_not("ollama") == caught.value.message

    ollama.start()
    asked = time.monotonic()
    while (engine := await chooser.engine()).name == "embedded":
        assert time.monotonic() - asked < GENEROUS_S
        await asyncio.sleep(0.05)
    assert (engine.name, engine.model, engine.digest) == ("ollama", first.model, first.digest)


async def test_all_its_models_are_offered_with_their_sizes(chooser_for: Chooser) -> None:
    chooser = chooser_for(MODEL)
    engine = await chooser.engine()
    await engine.client.load(MODEL, {"num_thread": 1}, "5m")

    offers = await chooser.ollama.offers()

    assert {offer.tag.name for offer in offers} == {MODEL, OTHER, THIRD}
    assert [offer.tag.name for offer in offers if offer.loaded] == [MODEL]
    assert all(offer.tag.size > 90_000_000 for offer in offers)
    await unload(engine)
