"""Ollama comes and goes, and the embedded engine answers meanwhile.

The part of Ollama is played by `refrain models serve`, which speaks its API with the real model.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from attrs import evolve
from tests.ports import free_port

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.inference import choose
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.errors import EngineUnreachable, InferenceError
from refrain_sidecar.inference.reaching import shunning, to_ollama

Switch = Callable[[bool], None]

# Ten seconds where the machine has the time.
GENEROUS_S = 60.0


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked for every few seconds, and left alone as long, is so for a moment."""
    monkeypatch.setattr(choose, "LOOK_FOR_OLLAMA_S", 0.2)
    monkeypatch.setattr(shunning, "FIRST_S", 1.0)
    # One that runs is found, however busy the machine is.
    monkeypatch.setattr(to_ollama, "LOOK_LONGEST_S", 60.0)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def ollama(port: int, tmp_path: Path) -> Iterator[Switch]:
    """Starts what plays Ollama, and kills it."""
    running: list[subprocess.Popen[str]] = []

    def switch(on: bool) -> None:
        if on:
            command = [sys.executable, "-m", "refrain_sidecar.cli", "models", "serve"]
            running.append(
                subprocess.Popen(
                    [*command, "--port", str(port)],
                    cwd=tmp_path,
                    stdout=subprocess.PIPE,
                    encoding="utf-8",
                )
            )
            assert running[-1].stdout is not None
            assert running[-1].stdout.readline().startswith("Serving")
        while running and not on:
            running[-1].kill()
            running.pop().communicate()

    yield switch
    switch(False)


@pytest.fixture
async def chooser(embedded_settings: Settings, port: int) -> AsyncIterator[EngineChooser]:
    inference = evolve(
        embedded_settings.inference, engine="auto", base_url=f"http://127.0.0.1:{port}"
    )
    chooser = EngineChooser(evolve(embedded_settings, inference=inference), num_thread=1)
    yield chooser
    await chooser.close()


def at_once(chooser: EngineChooser) -> Engine:
    """The engine, which must be given without any wait."""
    with pytest.raises(StopIteration) as given:
        chooser.engine().send(None)
    engine = given.value.value
    assert isinstance(engine, Engine)
    return engine


async def taken_up(chooser: EngineChooser) -> None:
    began = time.monotonic()
    while at_once(chooser).name == "embedded":
        assert time.monotonic() - began < GENEROUS_S
        await asyncio.sleep(0.05)


async def failure(engine: Engine) -> InferenceError:
    with pytest.raises(EngineUnreachable) as caught:
        await engine.client.version()
    return caught.value


async def test_an_ollama_that_comes_up_is_taken_and_nobody_waits_for_it(
    chooser: EngineChooser, ollama: Switch
) -> None:
    assert (await chooser.engine()).name == "embedded"
    assert "`ollama serve`" in (chooser.why_not("ollama") or "")
    assert chooser.why_not("embedded") is None
    ollama(True)

    await taken_up(chooser)

    assert chooser.why_not("ollama") is None
    assert chooser.why_not("embedded") == "Ollama answers, and is asked first"


async def test_an_ollama_that_dies_is_replaced_at_once_and_taken_again_later(
    chooser: EngineChooser, ollama: Switch
) -> None:
    ollama(True)
    first = await chooser.engine()
    assert first.name == "ollama"
    ollama(False)
    error = await failure(first)

    chooser.gone(first, error)
    second = await chooser.engine()
    assert second.name == "embedded"
    assert (await second.client.version()).version == second.version
    assert chooser.why_not("ollama") == error.message

    ollama(True)
    await taken_up(chooser)


async def test_one_that_can_be_looked_at_but_not_asked_is_not_taken_at_every_request(
    chooser: EngineChooser, ollama: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "LOOK_FOR_OLLAMA_S", 0.0)
    monkeypatch.setattr(shunning, "FIRST_S", GENEROUS_S)
    ollama(True)
    chooser.gone(await chooser.engine(), EngineUnreachable("It closes every connection."))

    for _ in range(20):
        assert (await chooser.engine()).name == "embedded"
        await asyncio.sleep(0.02)


async def test_an_embedded_engine_that_dies_gives_way_to_an_ollama(
    chooser: EngineChooser, ollama: Switch
) -> None:
    ollama(True)
    chooser.gone(await chooser.engine(), EngineUnreachable("It closed the connection."))
    second = await chooser.engine()
    assert second.name == "embedded"

    chooser.gone(second, EngineUnreachable("It closed the connection."))
    assert (await chooser.engine()).name == "ollama"


async def test_the_embedded_engine_is_still_what_it_was(chooser: EngineChooser) -> None:
    assert await chooser.still(await chooser.engine())
