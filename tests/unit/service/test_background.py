"""A background task's failure is heard, and closing leaves none running."""

import asyncio
import logging

import pytest

from refrain_sidecar.service.background import Background


async def test_a_failure_is_logged_under_the_tasks_name(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("no luck")

    with caplog.at_level(logging.ERROR, "refrain"):
        await asyncio.wait([Background().start(fail(), "trying")])
        await asyncio.sleep(0)
    assert caplog.messages == ["trying failed: no luck"]


async def test_closing_cancels_what_still_runs() -> None:
    background, started = Background(), asyncio.Event()

    async def wait() -> None:
        started.set()
        await asyncio.Event().wait()

    task = background.start(wait(), "waiting")
    await started.wait()
    await background.close()
    assert task.cancelled()
