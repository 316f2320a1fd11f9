"""The client, the choice and the measurement, against the real model."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest
from attrs import evolve

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import CalibrationFile, candidates, gather
from refrain_sidecar.cpu.calibrate import CalibrationStep, calibrate
from refrain_sidecar.cpu.calibration import machine_name
from refrain_sidecar.inference.choose import EngineChooser
from refrain_sidecar.inference.errors import EngineUnreachable, ModelMissing, RequestRefused
from refrain_sidecar.inference.models.manifest import manifest
from refrain_sidecar.inference.ollama.messages import ChatRequest, GenerateRequest, Message
from refrain_sidecar.inference.ollama.options import frozen_options

MODEL = manifest().weights.model


async def test_the_client_gets_from_the_engine_what_it_offers(embedded_settings: Settings) -> None:
    chooser = EngineChooser(embedded_settings, num_thread=1)
    engine = await chooser.engine()
    client = engine.client
    options = {**frozen_options(embedded_settings.inference, 1), "num_predict": 16}
    try:
        assert (engine.name, engine.model) == ("embedded", MODEL)
        assert engine.digest == manifest().weights.sha256
        assert (await client.version()).max_logprobs > 20
        assert "model_info" in await client.show(MODEL)

        await client.load(MODEL, options, "5m")
        assert [model.name for model in await client.ps()] == [MODEL]

        said = await client.generate(
            GenerateRequest(MODEL, "Say hello.", options=options, top_logprobs=30)
        )
        assert said.text == "".join(token.token for token in said.logprobs)
        assert 1 <= said.tokens <= 16
        for token in said.logprobs:
            assert len(token.top) == 30
            assert sorted(token.top, key=lambda pair: -pair[1]) == list(token.top)

        schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}
        bound = await client.generate(
            GenerateRequest(MODEL, "Pick a number.", options=options, format=schema)
        )
        assert json.loads(bound.text)["n"] in (1, 2)

        turns = (Message("user", "Say hello."),)
        pieces = [
            piece async for piece in client.stream_chat(ChatRequest(MODEL, turns, options=options))
        ]
        assert [piece.finish is None for piece in pieces] == [True] * (len(pieces) - 1) + [False]
        assert len(pieces) > 2, "it comes in pieces"

        with pytest.raises(ModelMissing):
            await client.generate(GenerateRequest("unknown", "hello"))
        with pytest.raises(RequestRefused, match=r"inference\.num_ctx"):
            await client.generate(GenerateRequest(MODEL, "word " * 5000, options=options))
    finally:
        await chooser.close()


async def test_a_killed_engine_is_replaced_and_a_closed_one_is_gone(
    embedded_settings: Settings,
) -> None:
    chooser = EngineChooser(embedded_settings, num_thread=1)
    try:
        engine = await chooser.engine()
        (child,) = _children()
        child.kill()
        child.wait(10)
        with pytest.raises(EngineUnreachable):
            await engine.client.version()

        again = await chooser.engine()
        assert again.digest == engine.digest
        assert (await again.client.version()).version == engine.version
    finally:
        await chooser.close()

    assert _children() == []


async def test_auto_takes_what_answers_at_the_address_before_its_own(
    embedded_settings: Settings, open_url: str
) -> None:
    inference = evolve(embedded_settings.inference, engine="auto", base_url=open_url, model=MODEL)
    chooser = EngineChooser(evolve(embedded_settings, inference=inference), num_thread=1)
    assert (await chooser.engine()).name == "ollama"
    assert _children() == [], "no engine of its own was started"
    await chooser.close()

    other = evolve(inference, model="not-there:1b")
    chooser = EngineChooser(evolve(embedded_settings, inference=other), num_thread=1)
    assert (await chooser.engine()).name == "embedded"
    await chooser.close()


async def test_calibrating_measures_each_count_on_the_real_model_and_keeps_it(
    embedded_settings: Settings, tmp_path: Path
) -> None:
    facts, file, steps = gather(), CalibrationFile(tmp_path), list[CalibrationStep]()

    measured = await calibrate(embedded_settings, facts, steps.append, file)

    counts = candidates(facts)
    assert tuple(measured.tokens_per_s) == counts
    assert all(rate > 0 for rate in measured.tokens_per_s.values())
    assert measured.best in counts
    assert file.kept() == [measured]
    assert (measured.machine, measured.model) == (machine_name(facts), MODEL)
    assert [step.threads for step in steps] == [n for n in counts for _ in range(2)]
    assert [step.done for step in steps if step.tokens_per_s] == list(range(1, len(counts) + 1))
    assert _children() == []


def _children() -> list[psutil.Process]:
    """The engines this process has started."""
    return [
        child
        for child in psutil.Process().children()
        if "refrain_sidecar.inference.embedded" in child.cmdline()
    ]
