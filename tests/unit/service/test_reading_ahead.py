"""Nobody waits for what is read ahead, and it is read all the same."""

import asyncio
from pathlib import Path
from unittest.mock import AsyncMock, patch

import pytest

from refrain_cache import AsyncCache, CacheSettings, fingerprint
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.enrichment.keeping import kept
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.service.background import Background
from refrain_sidecar.service.reading_ahead import ReadingAhead


class Book:
    """Something to read that takes until `end` is set."""

    def __init__(self) -> None:
        self.begun = self.read = 0
        self.end = asyncio.Event()

    async def open(self) -> None:
        self.begun += 1
        await self.end.wait()
        self.read += 1


@pytest.fixture
async def book() -> Book:
    return Book()


@pytest.fixture
async def ahead(book: Book) -> ReadingAhead:
    return ReadingAhead(Background(), book.open, quiet_s=0)


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_it_stops_for_those_who_are_served_and_goes_on_after_the_last(
    ahead: ReadingAhead, book: Book
) -> None:
    ahead.begin()
    await turn()
    with ahead.paused():
        with ahead.paused():
            await turn()
        book.end.set()
        await turn()
        assert (book.begun, book.read) == (1, 0)
    await turn()
    assert (book.begun, book.read) == (2, 1)


async def test_what_has_been_read_is_not_read_again(ahead: ReadingAhead, book: Book) -> None:
    book.end.set()
    ahead.begin()
    await turn()
    with ahead.paused():
        await turn()
    await turn()
    assert (book.begun, book.read) == (1, 1)


async def test_nothing_is_read_before_there_is_something(ahead: ReadingAhead, book: Book) -> None:
    with ahead.paused():
        ahead.begin()
        await turn()
        assert book.begun == 0
    await turn()
    assert book.begun == 1


async def test_somebody_served_first_starts_nothing(ahead: ReadingAhead, book: Book) -> None:
    with ahead.paused():
        await turn()
    await turn()
    assert book.begun == 0


async def test_only_an_answer_the_engine_makes_stops_it(
    ahead: ReadingAhead, book: Book, tmp_path: Path
) -> None:
    chooser = EngineChooser(Settings(), num_thread=1)
    chooser.serving = ahead.paused
    client = OllamaClient("http://127.0.0.1:1", Settings().networking)
    engine = Engine("embedded", "m:1", "d" * 64, "1", client.base_url, client)
    ahead.begin()
    await turn()

    async def ask(cache: AsyncCache) -> tuple[str, int]:
        async def compute(_: Engine) -> str:
            await turn()
            assert book.read == 0, "it went on beside an answer being made"
            return "answer"

        with patch.object(EngineChooser, "known", AsyncMock(return_value=engine)):
            outcome = await kept(
                cache,
                chooser,
                lambda identity: fingerprint("a", "question", identity={"of": identity.digest}),
                compute,
                fresh=False,
                validate=lambda _: None,
                label=lambda _: "",
            )
        await turn()
        return outcome.outcome, book.begun

    async with AsyncCache(CacheSettings(cache_dir=tmp_path)) as cache:
        assert await ask(cache) == ("miss", 2)
        assert await ask(cache) == ("hit", 2)
    await client.close()
