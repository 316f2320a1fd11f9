"""Choosing an engine when there is none, or one that is not what it was."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.ports import free_port

from refrain_cache import CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, Settings
from refrain_sidecar.inference import choose
from refrain_sidecar.inference.choose import Engine, EngineChooser, Offline
from refrain_sidecar.inference.errors import EngineUnreachable, ModelMissing, NoEngine

from .misbehaving import Answer, Exchange, MisbehavingServer

Chooser = Callable[..., EngineChooser]


@pytest.fixture(autouse=True)
def _nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRAIN_DATA_DIR", str(tmp_path))


@pytest.fixture
async def chooser_for(tmp_path: Path) -> AsyncIterator[Chooser]:
    made: list[EngineChooser] = []

    def make(base_url: str, engine: str = "auto", model: str = "llama3.2:3b") -> EngineChooser:
        inference = InferenceSettings(engine=engine, base_url=base_url, model=model)  # type: ignore[arg-type]
        caching = CacheSettings(cache_dir=tmp_path / "cache")
        made.append(EngineChooser(Settings(inference=inference, caching=caching), num_thread=1))
        return made[-1]

    yield make
    for chooser in made:
        await chooser.close()


@pytest.fixture
def nobody() -> str:
    """An address at which nothing listens."""
    return f"http://127.0.0.1:{free_port()}"


def having(*models: str, digest: str = "d1", embedding: str = "", loaded: str = "") -> Answer:
    """An Ollama whose models write text, but for the one that is `embedding` only."""

    async def answer(exchange: Exchange) -> None:
        if exchange.path == "/api/version":
            await exchange.reply(200, {"version": "0.33.0"})
        elif exchange.path == "/api/ps":
            await exchange.reply(200, {"models": [{"name": loaded}] if loaded else []})
        elif exchange.path == "/api/show":
            only = exchange.json["model"] == embedding
            await exchange.reply(200, {"capabilities": ["embedding" if only else "completion"]})
        else:
            tags = [{"name": m, "model": m, "digest": digest, "size": 1} for m in models]
            await exchange.reply(200, {"models": tags})

    return answer


async def test_neither_engine_says_both_ways_out(chooser_for: Chooser, nobody: str) -> None:
    with pytest.raises(NoEngine) as caught:
        await chooser_for(nobody).engine()

    for words in (nobody, "`ollama serve`", "`ollama pull llama3.2:3b`", "`refrain models fetch`"):
        assert words in caught.value.message


async def test_ollama_without_the_model_says_to_pull_it(
    server: MisbehavingServer, chooser_for: Chooser
) -> None:
    server.answers = [having("gemma3:latest")]

    with pytest.raises(NoEngine) as caught:
        await chooser_for(server.url).engine()

    assert "`ollama pull llama3.2:3b`" in caught.value.message
    assert "`ollama serve`" not in caught.value.message, "it runs already"


async def test_an_ollama_that_accepts_and_says_nothing_is_not_waited_for(
    server: MisbehavingServer, chooser_for: Chooser
) -> None:
    server.answers = [Exchange.hang]

    # Its patience for a first token is 120 s: choosing must not take that.
    with pytest.raises(NoEngine, match=r"did not answer within 1\.5 s"):
        await asyncio.wait_for(chooser_for(server.url).engine(), 60)


async def test_what_is_no_ollama_is_named(server: MisbehavingServer, chooser_for: Chooser) -> None:
    async def web_page(exchange: Exchange) -> None:
        await exchange.reply(200, b"<html>")

    server.answers = [web_page]

    with pytest.raises(NoEngine, match=r"check inference\.base_url"):
        await chooser_for(server.url).engine()


async def test_a_forced_engine_says_what_it_lacks_itself(
    server: MisbehavingServer, chooser_for: Chooser, nobody: str
) -> None:
    server.answers = [having()]

    with pytest.raises(EngineUnreachable, match="`ollama serve`"):
        await chooser_for(nobody, "ollama").engine()
    with pytest.raises(ModelMissing, match="`ollama pull"):
        await chooser_for(server.url, "ollama").engine()
    with pytest.raises(NoEngine, match="`refrain models fetch`"):
        await chooser_for(server.url, "embedded").engine()
    assert {request.path for request in server.requests} == {"/api/version", "/api/tags"}


async def test_the_name_may_leave_out_latest(
    server: MisbehavingServer, chooser_for: Chooser
) -> None:
    server.answers = [having("gemma3:latest")]

    engine = await chooser_for(server.url, model="gemma3").engine()

    assert (engine.name, engine.model, engine.digest) == ("ollama", "gemma3:latest", "d1")
    assert engine.version == "0.33.0"


async def test_no_model_is_named_and_ollama_can_only_embed(
    server: MisbehavingServer, chooser_for: Chooser
) -> None:
    server.answers = [having("nomic-embed-text:latest", embedding="nomic-embed-text:latest")]

    with pytest.raises(NoEngine, match="no model that writes text") as caught:
        await chooser_for(server.url, model="auto").engine()

    assert "`ollama pull llama3.2:3b`" in caught.value.message


async def test_a_loaded_model_that_only_embeds_is_passed_over_and_asked_about_once(
    server: MisbehavingServer, chooser_for: Chooser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "LOOK_AGAIN_S", 0.0)
    embedding = "nomic-embed-text:latest"

    async def answer(exchange: Exchange) -> None:
        if exchange.path != "/api/tags":
            await having(embedding=embedding, loaded=embedding)(exchange)
            return
        models = [
            {"name": name, "digest": name, "modified_at": f"2026-0{month}-01T00:00:00Z"}
            for month, name in enumerate((embedding, "gemma3:4b", "qwen3:4b"), 1)
        ]
        await exchange.reply(200, {"models": models})

    server.answers = [answer]
    chooser = chooser_for(server.url, model="auto")

    engine = await chooser.engine()
    assert (engine.model, chooser.why) == ("qwen3:4b", "it was modified last")
    looks = len(server.requests)
    await _ask_until(chooser, lambda _: len(server.requests) >= 2 * looks)
    asked = [request.json["model"] for request in server.requests if request.path == "/api/show"]
    assert asked == [embedding, "qwen3:4b"]


async def test_a_model_that_cannot_be_shown_is_passed_over(
    server: MisbehavingServer, chooser_for: Chooser
) -> None:
    async def answer(exchange: Exchange) -> None:
        if exchange.path == "/api/show" and exchange.json["model"] == "damaged:1b":
            await exchange.reply(500, {"error": "invalid file magic"})
        else:
            await having("damaged:1b", "gemma3:4b", loaded="damaged:1b")(exchange)

    server.answers = [answer]

    assert (await chooser_for(server.url, model="auto").engine()).model == "gemma3:4b"


async def test_the_model_used_last_is_taken_again_by_the_next_process(
    server: MisbehavingServer, chooser_for: Chooser
) -> None:
    server.answers = [having("gemma3:4b", "qwen3:4b", loaded="qwen3:4b")]
    await chooser_for(server.url, model="auto").engine()
    server.answers = [having("gemma3:4b", "qwen3:4b")]

    async def used_last() -> bool:
        chooser = chooser_for(server.url, model="auto")
        return ((await chooser.engine()).model, chooser.why) == ("qwen3:4b", "it was used last")

    began = time.monotonic()
    while not await used_last():  # it is written down behind the answer
        assert time.monotonic() - began < 60
        await asyncio.sleep(0.01)


async def test_a_model_that_changed_before_its_answer_is_stored_is_noticed(
    server: MisbehavingServer, chooser_for: Chooser
) -> None:
    server.answers = [having("llama3.2:3b", digest="old")]
    chooser = chooser_for(server.url)
    engine = await chooser.engine()
    assert await chooser.still(engine)
    assert await chooser.engine() is engine

    for change in (having("llama3.2:3b", digest="new"), having("gemma3:4b"), Exchange.hang):
        server.answers = [change]
        assert not await asyncio.wait_for(chooser.still(engine), 60)

    server.answers = [having("llama3.2:3b", digest="new")]
    assert (await chooser.engine()).digest == "new", "the old one is forgotten"


async def test_of_those_who_saw_an_engine_go_only_the_first_says_so(
    server: MisbehavingServer, chooser_for: Chooser
) -> None:
    server.answers = [having("llama3.2:3b", digest="old")]
    chooser = chooser_for(server.url)
    old = await chooser.engine()
    error = EngineUnreachable("It closed the connection.")
    chooser.gone(old, error)
    assert chooser.why_not("ollama") == error.message

    server.answers = [having("llama3.2:3b", digest="new")]
    new = await chooser.engine()
    assert new.digest == "new", "there is no other engine"
    chooser.gone(old, error)
    assert await chooser.engine() is new
    assert chooser.why_not("ollama") is None


async def test_those_who_ask_at_once_share_one_choice(
    server: MisbehavingServer, chooser_for: Chooser
) -> None:
    server.answers = [having("llama3.2:3b")]
    chooser = chooser_for(server.url)

    engines = await asyncio.gather(*(chooser.engine() for _ in range(20)))
    engines.append(await chooser.engine())

    assert len(server.requests) == 2
    assert all(engine is engines[0] for engine in engines)


async def test_those_who_ask_at_once_share_one_failure(
    server: MisbehavingServer, chooser_for: Chooser
) -> None:
    server.answers = [having()]
    chooser = chooser_for(server.url)

    failures = await asyncio.gather(*(chooser.engine() for _ in range(20)), return_exceptions=True)

    assert {type(failure) for failure in failures} == {NoEngine}
    assert len(server.requests) == 2


async def test_one_who_gives_up_does_not_spoil_it_for_the_others(
    server: MisbehavingServer, chooser_for: Chooser
) -> None:
    go = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await go.wait()
        await having("llama3.2:3b")(exchange)

    server.answers = [slow]
    chooser = chooser_for(server.url)
    impatient, patient = (asyncio.create_task(chooser.engine()) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    go.set()

    assert (await patient).name == "ollama"
    assert impatient.cancelled()


async def test_a_forgotten_choice_is_made_anew(
    server: MisbehavingServer, chooser_for: Chooser
) -> None:
    good, gone = having("llama3.2:3b"), having()
    server.answers = [good, good, gone, gone, good]
    chooser = chooser_for(server.url)
    await chooser.engine()

    chooser.forget()
    with pytest.raises(NoEngine):
        await chooser.engine()

    assert (await chooser.engine()).name == "ollama"


async def test_a_model_pulled_anew_is_noticed_without_anybody_waiting(
    server: MisbehavingServer,
    chooser_for: Chooser,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(choose, "LOOK_AGAIN_S", 0.0)
    caplog.set_level(logging.INFO)
    old, new = having("llama3.2:3b", digest="old"), having("llama3.2:3b", digest="new")
    server.answers = [old, old, new]
    chooser = chooser_for(server.url)
    assert (await chooser.engine()).digest == "old"

    await _ask_until(chooser, lambda engine: engine.digest == "new")
    assert "old → new" in caplog.text


async def test_an_ollama_that_went_away_is_forgotten_behind_the_scenes(
    server: MisbehavingServer, chooser_for: Chooser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "LOOK_AGAIN_S", 0.0)
    server.answers = [having("llama3.2:3b")]
    chooser = chooser_for(server.url)
    await chooser.engine()
    server.answers = [having()]

    with pytest.raises(NoEngine):
        await _ask_until(chooser, lambda _: False)


async def test_known_to_be_away_it_is_looked_for_without_anybody_waiting(
    server: MisbehavingServer, chooser_for: Chooser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "AWAY_S", 0.0)
    server.answers = [having("llama3.2:3b")]
    chooser = chooser_for(server.url)
    engine = await chooser.engine()
    server.answers = [having()]
    chooser.forget()
    away = await chooser.known()
    assert isinstance(away, Offline)
    assert (away.model, away.digest) == (engine.model, engine.digest)
    assert "`ollama pull llama3.2:3b`" in away.reason

    server.answers = [Exchange.hang]
    again = await chooser.known()
    assert isinstance(again, Offline)
    assert not again.look.done()
    assert chooser.found == away, "nothing new to tell"


async def _ask_until(chooser: EngineChooser, enough: Callable[[Engine], bool]) -> None:
    async with asyncio.timeout(60):
        while True:
            if enough(await chooser.engine()):
                return
            await asyncio.sleep(0)
