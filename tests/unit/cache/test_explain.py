"""A miss says why."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from refrain_cache import AsyncCache, CacheSettings, Fingerprint, Selection, fingerprint

IDENTITY = {
    "model": "smollm2:135m",
    "digest": "sha256:aaa",
    "prompt": "stage1/3:bbb",
    "engine_version": "0.33",
    "options": {"temperature": 0.3, "seed": 7},
}


def asked(content: Any = "grateful", **changes: Any) -> Fingerprint:
    identity = {**IDENTITY, **changes}
    return fingerprint("stage1_enrichment", content, params={"phase": "night"}, identity=identity)


async def stored(cache: AsyncCache, fp: Fingerprint) -> None:
    async def compute() -> str:
        return "answer"

    await cache.get_or_compute(fp, compute)


@pytest.mark.parametrize(
    ("changes", "cause", "ingredients"),
    [
        (
            {"model": "llama3.2:3b", "digest": "sha256:ccc"},
            "the model changed: smollm2:135m → llama3.2:3b",
            ["identity.digest", "identity.model"],
        ),
        (
            {"digest": "sha256:ccc"},
            "the model changed: sha256:aaa → sha256:ccc",
            ["identity.digest"],
        ),
        (
            {"prompt": "stage1/4:ddd"},
            "the prompt changed: stage1/3:bbb → stage1/4:ddd",
            ["identity.prompt"],
        ),
        (
            {"options": {"temperature": 0.7, "seed": 7}},
            "an option changed: temperature 0.3 → 0.7",
            ["identity.options.temperature"],
        ),
        (
            {"options": {"temperature": 0.3}},
            "an option changed: seed 7 → none",
            ["identity.options.seed"],
        ),
        (
            {"engine_version": "0.34"},
            "the engine changed: 0.33 → 0.34",
            ["identity.engine_version"],
        ),
    ],
)
async def test_what_changed_since_the_same_question_is_named(
    cache: AsyncCache, changes: dict[str, Any], cause: str, ingredients: list[str]
) -> None:
    await stored(cache, asked())
    explained = await cache.explain(asked(**changes))
    assert explained.cause == cause
    assert cause in explained.summary
    assert not explained.would_hit
    assert explained.nearest == asked().key
    assert [d.ingredient for d in explained.differences] == ingredients

    async def compute() -> str:
        return "another"

    outcome = await cache.get_or_compute(asked(**changes), compute)
    assert outcome.reason == cause
    assert (await cache.explain_last_miss()).cause == cause


async def test_the_nearest_of_several_relatives_is_compared(cache: AsyncCache) -> None:
    await stored(cache, asked(model="far", digest="sha256:zzz", prompt="old"))
    await stored(cache, asked())
    await stored(cache, asked(prompt="older", digest="sha256:yyy"))
    explained = await cache.explain(asked(options={"temperature": 0.4, "seed": 7}))
    assert explained.nearest == asked().key


async def test_a_question_never_asked_shows_how_its_nearest_relative_differs(
    cache: AsyncCache,
) -> None:
    empty = await cache.explain(asked("new"))
    assert (empty.cause, empty.nearest, empty.differences) == ("never seen", None, ())
    await stored(cache, asked("old"))
    explained = await cache.explain(asked("new"))
    assert explained.cause == "never seen"
    assert [d.ingredient for d in explained.differences] == ["content"]
    assert "old" not in repr(explained)


async def test_stored_expired_purged_and_evicted_are_told_apart(
    cache: AsyncCache, clock: Any, settings: CacheSettings
) -> None:
    await stored(cache, asked())
    assert (await cache.explain(asked())).cause == "stored"
    assert (await cache.explain(asked())).would_hit
    clock.at += 3_000_000
    expired = await cache.explain(asked())
    assert (expired.cause, expired.would_hit) == ("expired", False)
    assert "4 days ago" in expired.summary
    await cache.clear_expired()
    assert (await cache.explain(asked())).cause == "expired"
    await stored(cache, asked())
    await cache.purge(Selection(kind="stage1_enrichment"))
    assert (await cache.explain(asked())).cause == "purged"
    await cache.close()
    async with AsyncCache(attrs.evolve(settings, max_entries=1), clock=clock) as small:
        await stored(small, asked())
        await stored(small, asked("another"))
        await small._tiers.settle(10)
        assert (await small.explain(asked())).cause == "evicted"


async def test_explaining_by_the_beginning_of_a_key(cache: AsyncCache) -> None:
    await stored(cache, asked())
    found = await cache.explain_key(asked().key[:9].upper())
    assert (found.key, found.cause, found.would_hit) == (asked().key, "stored", True)
    await cache.purge(Selection(everything=True))
    assert (await cache.explain_key(asked().key[:9])).cause == "purged"
    assert (await cache.explain_key("0" * 9)).cause == "never seen"
    with pytest.raises(ValueError, match="hex"):
        await cache.explain_key("not a key")


async def test_the_last_miss_outlives_the_process(
    cache: AsyncCache, settings: CacheSettings
) -> None:
    assert (await cache.explain_last_miss()).cause == "no miss yet"
    await stored(cache, asked())
    await stored(cache, asked(prompt="new"))
    here = await cache.explain_last_miss()
    await cache.close()
    async with AsyncCache(settings) as another:
        assert await another.explain_last_miss() == here
