"""What is kept of an engine that ends, or becomes another, while it is asked.

The engine is played by a hand-made server that can be changed at will; where another one has to
take over, by the real embedded engine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from attrs import define, evolve, field

from refrain_cache import AsyncCache, Fingerprint, Outcome, fingerprint
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.enrichment.keeping import OFFLINE, kept
from refrain_sidecar.inference import choose
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.errors import (
    BrokenStream,
    EngineFailed,
    EngineUnreachable,
    InferenceError,
    ModelMissing,
    RequestRefused,
    TimedOut,
)
from refrain_sidecar.inference.last_known import Identity

from .lesser_ollama import Ollama
from .serving import served

Compute = Callable[[Engine], Awaitable[str]]


def asked(known: Identity) -> Fingerprint:
    return fingerprint("kept", "a text", identity={"digest": known.digest})


@define
class Keeping:
    """A cache over an engine, and who was asked for the answer."""

    ollama: Ollama
    cache: AsyncCache
    chooser: EngineChooser
    computed: list[Engine] = field(factory=list)

    async def ask(self, compute: Compute, *, fresh: bool = False) -> Outcome[str]:
        def nothing(_: str) -> None:
            pass

        async def counted(engine: Engine) -> str:
            self.computed.append(engine)
            return await compute(engine)

        return await kept(
            self.cache,
            self.chooser,
            asked,
            counted,
            fresh=fresh,
            validate=nothing,
            label=lambda _: "label",
        )

    async def entries(self) -> int:
        return (await self.cache.entries()).total


async def made_by(engine: Engine) -> str:
    return f"by {engine.name} {engine.digest[:1]}"


@pytest.fixture(params=["ollama"])
async def keeping(
    embedded_settings: Settings, request: pytest.FixtureRequest
) -> AsyncIterator[Keeping]:
    ollama = Ollama()
    async with served(ollama.app()) as url, AsyncCache(embedded_settings.caching) as cache:
        inference = evolve(
            embedded_settings.inference, engine=request.param, base_url=url, model="m:1"
        )
        chooser = EngineChooser(evolve(embedded_settings, inference=inference), 1)
        yield Keeping(ollama, cache, chooser)
        await chooser.close()


async def test_an_answer_is_kept_and_given_again(keeping: Keeping) -> None:
    first, second = await keeping.ask(made_by), await keeping.ask(made_by)
    assert (first.outcome, second.outcome) == ("miss", "hit")
    assert first.value == second.value == "by ollama d"
    assert len(keeping.computed) == 1


@pytest.mark.parametrize("keeping", ["auto"], indirect=True)
@pytest.mark.parametrize(
    "error", [EngineUnreachable("It closed the connection."), EngineFailed("EOF, says its server.")]
)
async def test_an_engine_that_ends_is_replaced_within_the_request(
    keeping: Keeping, error: InferenceError
) -> None:
    async def ends(engine: Engine) -> str:
        if engine.name == "ollama":
            raise error
        return await made_by(engine)

    outcome = await keeping.ask(ends)
    assert [engine.name for engine in keeping.computed] == ["ollama", "embedded"]
    assert outcome.value.startswith("by embedded")
    assert (outcome.outcome, outcome.key) == ("miss", asked(keeping.computed[-1]).key)
    again = await keeping.ask(made_by)
    assert (again.outcome, again.key) == ("hit", outcome.key), "kept under its own name"


@pytest.mark.parametrize(
    "error", [EngineUnreachable("It closed the connection."), BrokenStream("It broke off.")]
)
async def test_one_that_came_back_answers_within_the_request(
    keeping: Keeping, error: InferenceError
) -> None:
    async def fails_once(engine: Engine) -> str:
        if len(keeping.computed) == 1:
            raise error
        return await made_by(engine)

    assert (await keeping.ask(fails_once)).value == "by ollama d"
    assert len(keeping.computed) == 2
    assert await keeping.entries() == 1


@pytest.mark.parametrize("kind", [EngineFailed, EngineUnreachable, BrokenStream, ModelMissing])
async def test_after_three_tries_the_last_ones_error_is_said_and_nothing_kept(
    keeping: Keeping, kind: type[InferenceError]
) -> None:
    async def fails(_: Engine) -> str:
        raise kind(f"Failure {len(keeping.computed)}.")

    with pytest.raises(kind) as caught:
        await keeping.ask(fails)
    assert caught.value.message == "Failure 3."
    assert caught.value.__cause__ is None
    assert await keeping.entries() == 0
    assert (await keeping.ask(made_by)).outcome == "miss"


@pytest.mark.parametrize("error", [TimedOut("It is slow."), RequestRefused("Too long.")])
async def test_what_would_only_happen_again_is_not_tried_again(
    keeping: Keeping, error: InferenceError
) -> None:
    async def fails(_: Engine) -> str:
        raise error

    with pytest.raises(type(error)):
        await keeping.ask(fails)
    assert len(keeping.computed) == 1
    assert await keeping.entries() == 0


async def test_what_was_said_while_the_model_changed_is_asked_again_of_the_new_one(
    keeping: Keeping,
) -> None:
    async def changes(engine: Engine) -> str:
        keeping.ollama.digest = "e" * 64
        return await made_by(engine)

    outcome = await keeping.ask(changes)
    assert [engine.digest[0] for engine in keeping.computed] == ["d", "e"]
    assert (outcome.value, outcome.outcome) == ("by ollama e", "miss")
    (entry,) = (await keeping.cache.entries()).entries
    assert entry.key == outcome.key == asked(keeping.computed[-1]).key, "nothing of the old one"


async def test_a_model_that_never_settles_gives_no_answer(keeping: Keeping) -> None:
    async def changes(engine: Engine) -> str:
        keeping.ollama.digest = f"{len(keeping.computed)}" * 64
        return await made_by(engine)

    with pytest.raises(EngineFailed, match="changed with every try"):
        await keeping.ask(changes)
    assert len(keeping.computed) == 3
    assert await keeping.entries() == 0


async def test_while_the_engine_is_away_what_is_kept_is_given_and_says_so(
    keeping: Keeping, embedded_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "AWAY_S", 0.0)
    inference = evolve(
        embedded_settings.inference, engine="ollama", base_url="http://127.0.0.1:1", model="m:1"
    )
    settings = evolve(embedded_settings, inference=inference)
    chooser = EngineChooser(settings, 1)
    known = Identity("ollama", "m:1", "d" * 64, "0.33.0")
    chooser._last_known.keep(known)
    await keeping.ask(made_by)
    away = Keeping(keeping.ollama, keeping.cache, chooser)
    hit = await away.ask(made_by)
    assert (hit.outcome, hit.reason, hit.value) == ("hit", OFFLINE, "by ollama d")
    with pytest.raises(EngineUnreachable, match="ollama serve"):
        await away.ask(made_by, fresh=True)
    assert away.computed == []
    await chooser.close()


async def test_without_a_cache_an_engine_that_ends_is_replaced_all_the_same(
    keeping: Keeping,
) -> None:
    await keeping.cache.close()

    async def fails_once(engine: Engine) -> str:
        if len(keeping.computed) == 1:
            raise EngineUnreachable("It closed the connection.")
        return await made_by(engine)

    outcome = await keeping.ask(fails_once)
    assert (outcome.value, outcome.outcome) == ("by ollama d", "bypass")
    assert outcome.reason
