"""Nobody waits for what is read ahead, and it is read all the same."""

import asyncio

import pytest

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
    return ReadingAhead(Background(), book.open)


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
