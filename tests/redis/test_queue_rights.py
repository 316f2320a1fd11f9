"""The user of least rights that docs/many-machines.md names can do what the queue does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.redis.programs import Kind
from tests.redis.serving import serving
from tests.redis.test_queue_steps import SETTINGS, job, taken_by

from refrain_cache.settings import SharedSettings
from refrain_sidecar.queue.errors import QueueError
from refrain_sidecar.queue.queue import Queue
from refrain_sidecar.queue.server import Server

DOCS = Path(__file__).parents[2] / "docs" / "many-machines.md"
USER = re.compile(r"^user refrain-queue (on >PASSWORD .*)$", re.MULTILINE)


async def test_the_user_of_the_docs_has_the_rights_it_needs(kind: Kind) -> None:
    found = USER.search(DOCS.read_text("utf-8"))
    assert found is not None
    rule = f"refrain-queue {found[1]}".replace("PASSWORD", "secret")
    named = serving(kind, user="refrain-queue", password="secret", options={"user": rule})
    with named as server:
        queue = Queue(Server(SharedSettings(server.url), patient=False), "refrain", SETTINGS)
        assert await queue.submit([job(0), job(1)]) == ["added", "added"]
        place = await queue.latest_news()
        done = await taken_by(queue, "a")
        assert await queue.renew(done)
        assert await queue.finish(done, job(0).id, b"{}")
        buried = await taken_by(queue, "a")
        assert await queue.give_back(buried)
        buried = await taken_by(queue, "b")
        assert await queue.bury(buried, job(1).id, "why")
        assert (await queue.news(place))[1] == [job(0).id, job(1).id]
        assert await queue.results([job(0).id]) == [b"{}"]
        await queue.forget([job(0).id])
        assert await queue.leave(["a", "b"]) == 0
        assert (await queue.state()).dead == 1
        assert await queue.retry([]) == 1
        assert await queue.call_off() == 1
        assert await queue.drop([]) == 0
        await queue.close()

        others = Queue(Server(SharedSettings(server.url), patient=False), "others", SETTINGS)
        with pytest.raises(QueueError, match="does not let us"):
            await others.submit([job()])
        await others.close()
