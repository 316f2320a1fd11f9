"""The proxy as an editor begins it: asked, told of, shared by two windows, ended."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest_lsp
from pytest_lsp import ClientServerConfig, LanguageClient
from tests.lsp.conftest import SIDECAR
from tests.lsp.test_server import NO_ENGINE, as_json, ask, initialize, until, write_config
from tests.ports import free_port
from tests.serve.upstreams import MODEL, hand_made

from refrain_sidecar import protocol
from refrain_sidecar.inference.models import installed

QUESTION = {
    "model": "smollm2:135m",
    "messages": [{"role": "user", "content": "Name a colour."}],
    "options": {"temperature": 0, "num_predict": 8},
}

SEEDED = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "hi"}],
    "options": {"seed": 1},
}


def serving_on(port: int, policy: str = "auto") -> dict[str, Any]:
    return {
        "inference": {"engine": "embedded", "num_threads": 1},
        "serve": {"port": port, "upstream": "embedded", "policy": policy},
    }


async def asked(url: str, question: dict[str, Any] = QUESTION) -> httpx.Response:
    """What a program gets that knows nothing of Refrain."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        return await client.post(f"{url}/api/chat", json=question)


async def kept(client: LanguageClient) -> None:
    """Wait for an answer to be stored: before that, who asks the same joins the first."""
    async with asyncio.timeout(60):
        while (await ask(client, protocol.STATS))["entries"] != 1:  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(0.01)


@pytest_lsp.fixture(config=ClientServerConfig(server_command=SIDECAR))
async def client(lsp_client: LanguageClient) -> AsyncIterator[None]:
    yield
    await lsp_client.shutdown_session()


@pytest_lsp.fixture(config=ClientServerConfig(server_command=SIDECAR))
async def window(lsp_client: LanguageClient) -> AsyncIterator[None]:
    yield
    await lsp_client.shutdown_session()


async def test_what_is_asked_twice_is_replayed_and_the_editor_is_told(
    client: LanguageClient, tmp_path: Path
) -> None:
    assert installed() is not None, "The model is missing: run `make models`."
    told: list[Any] = []
    client.feature(protocol.SERVE_CHANGED)(lambda state: told.append(as_json(state)))
    port = free_port()
    write_config(tmp_path, serving_on(port))
    await initialize(client, tmp_path)
    assert not (await ask(client, protocol.SERVE))["running"]

    state = await ask(client, protocol.SERVE, {"action": "start"})
    assert (state["running"], state["reachable"], state["shared"]) == (True, True, False)
    assert (state["url"], state["engine"]) == (f"http://127.0.0.1:{port}", "embedded")
    assert await ask(client, protocol.SERVE, {"action": "start"}) == state
    first = await asked(state["url"])
    assert first.is_success
    await kept(client)
    second = await asked(state["url"])
    assert first.content == second.content
    assert "hit" in second.headers["Cache-Status"]
    await until(lambda: told and (told[-1]["hits"], told[-1]["misses"]) == (1, 1))
    assert told[-1]["savedMs"] > 0
    assert (await ask(client, protocol.STATS))["hitRate"] == 0.5

    assert not (await ask(client, protocol.SERVE, {"action": "stop"}))["running"]
    await until(lambda: not told[-1]["running"])
    with socket.create_server(("127.0.0.1", port)):
        pass


async def test_a_changed_configuration_is_served_under(
    client: LanguageClient, tmp_path: Path
) -> None:
    assert installed() is not None, "The model is missing: run `make models`."
    told: list[Any] = []
    client.feature(protocol.SERVE_CHANGED)(lambda state: told.append(as_json(state)))
    before, after = free_port(), free_port()
    path = write_config(tmp_path, serving_on(before))
    await initialize(client, tmp_path)
    state = await ask(client, protocol.SERVE, {"action": "start"})
    await asked(state["url"])
    await kept(client)

    config = json.loads(path.read_text()) | serving_on(after, policy="only")
    path.write_text(json.dumps(config))
    await until(lambda: told and told[-1]["url"] == f"http://127.0.0.1:{after}")
    state = await ask(client, protocol.SERVE)
    assert (state["running"], state["policy"]) == (True, "only")
    assert "hit" in (await asked(state["url"])).headers["Cache-Status"]
    with socket.create_server(("127.0.0.1", before)):
        pass


async def test_a_change_that_does_not_concern_it_cuts_no_stream(
    client: LanguageClient, tmp_path: Path
) -> None:
    async with hand_made(lines=60, pause=0.1) as upstream:
        config = {**NO_ENGINE, "serve": {"port": 0, "upstream": upstream.url}}
        path = write_config(tmp_path, config)
        await initialize(client, tmp_path)
        state = await ask(client, protocol.SERVE, {"action": "start"})
        streaming = asyncio.ensure_future(asked(state["url"], SEEDED))
        await until(lambda: upstream.open)
        inference = {**NO_ENGINE["inference"], "num_threads": 3}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"inference": inference}))
        async with asyncio.timeout(60):
            while (await ask(client, protocol.CPU_THREADS))["configured"] != 3:
                pass
        assert upstream.open
        assert (await streaming).content == upstream.whole
        assert len(upstream.asked) == 1
        assert (await ask(client, protocol.SERVE))["url"] == state["url"]


async def test_enriching_and_serving_share_one_embedded_engine(
    client: LanguageClient, tmp_path: Path
) -> None:
    assert installed() is not None, "The model is missing: run `make models`."
    path = write_config(tmp_path, serving_on(free_port()))
    await initialize(client, tmp_path)

    def engines() -> list[int]:
        inside = "refrain_sidecar.inference.embedded"
        children = psutil.Process().children(recursive=True)
        return [child.pid for child in children if inside in _command(child)]

    state = await ask(client, protocol.SERVE, {"action": "start"})
    await ask(client, protocol.ENRICH, {"text": "I am glad."})
    (first,) = engines()
    # A new configuration has an engine of its own; the proxy goes over to it.
    config = json.loads(path.read_text())
    config["inference"]["num_ctx"] = 1024
    path.write_text(json.dumps(config))
    await until(lambda: len(engines()) == 1 and first not in engines())
    assert (await asked(state["url"])).is_success
    await ask(client, protocol.ENRICH, {"text": "I am sad."})
    assert len(engines()) == 1


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it ended meanwhile
        return []


async def test_two_windows_share_one_and_the_second_goes_on_after_the_first(
    client: LanguageClient, window: LanguageClient, tmp_path: Path
) -> None:
    assert installed() is not None, "The model is missing: run `make models`."
    port = free_port()
    write_config(tmp_path, serving_on(port))
    told: list[Any] = []
    window.feature(protocol.SERVE_CHANGED)(lambda state: told.append(as_json(state)))
    await initialize(client, tmp_path)
    await initialize(window, tmp_path)
    first = await ask(client, protocol.SERVE, {"action": "start"})
    second = await ask(window, protocol.SERVE, {"action": "start"})
    assert (first["shared"], second["shared"]) == (False, True)
    assert first["url"] == second["url"]
    made = await asked(first["url"])
    await kept(client)

    await ask(client, protocol.SERVE, {"action": "stop"})
    await until(lambda: told and told[-1]["running"] and not told[-1]["shared"])
    again = await asked(second["url"])
    assert "hit" in again.headers["Cache-Status"]
    assert again.content == made.content


async def test_a_port_that_is_taken_is_told_and_can_be_given_up(
    client: LanguageClient, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write_config(tmp_path, serving_on(port))
        await initialize(client, tmp_path)
        state = await ask(client, protocol.SERVE, {"action": "start"})
        assert not state["running"]
        assert str(port) in state["error"]
    assert (await ask(client, protocol.SERVE, {"action": "start"}))["running"]
