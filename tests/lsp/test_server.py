"""The sidecar as an editor meets it: requests, notifications, diagnostics, cancelling, leaving."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_lsp
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities
from tests.lsp.conftest import SIDECAR
from tests.lsp.framing import Frames

from refrain_sidecar import protocol
from refrain_sidecar.inference.models import installed

OWN_CACHE = {"caching": {"cache_dir": "./cache"}}
NO_ENGINE: dict[str, Any] = {"inference": {"engine": "ollama", "base_url": "http://127.0.0.1:1"}}
# One thread: beside other work on a machine of two cores, two would wait for each other.
EMBEDDED: dict[str, Any] = {"inference": {"engine": "embedded", "num_threads": 1}}


def as_json(value: Any) -> Any:
    """What pytest-lsp's client makes of an untyped result, as plain JSON again."""
    if hasattr(value, "_asdict"):
        return {key: as_json(item) for key, item in value._asdict().items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value


async def ask(client: LanguageClient, method: str, params: Any = None) -> Any:
    return as_json(await client.protocol.send_request_async(method, params or {}))


async def until(condition: Callable[[], Any]) -> None:
    """Wait for what the sidecar will have told the client; fails after a minute."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the client offers no event for it
            await asyncio.sleep(0.01)


def write_config(folder: Path, config: dict[str, Any]) -> Path:
    path = folder / "config" / "perf_config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(config | OWN_CACHE), encoding="utf-8")
    return path


async def initialize(client: LanguageClient, folder: Path, **options: Any) -> None:
    await client.initialize_session(
        types.InitializeParams(
            capabilities=client_capabilities("visual-studio-code"),
            workspace_folders=[types.WorkspaceFolder(uri=folder.as_uri(), name="workspace")],
            initialization_options=options or None,
        )
    )


@pytest_lsp.fixture(config=ClientServerConfig(server_command=SIDECAR))
async def client(lsp_client: LanguageClient) -> AsyncIterator[None]:
    yield
    await lsp_client.shutdown_session()


def test_what_other_editors_see(tmp_path: Path) -> None:
    write_config(tmp_path, NO_ENGINE)
    sidecar = subprocess.Popen(
        SIDECAR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        frames = Frames(sidecar)
        capabilities = frames.initialize(tmp_path.as_uri())["result"]["capabilities"]
        assert "refrain.server.enrich" in capabilities["executeCommandProvider"]["commands"]
        uri = (tmp_path / "note.md").as_uri()
        text = "Dear diary,\nI am glad.\n"
        document = {"uri": uri, "languageId": "markdown", "version": 1, "text": text}
        frames.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})

        def actions(start: tuple[int, int], end: tuple[int, int]) -> Any:
            places = [{"line": line, "character": at} for line, at in (start, end)]
            return frames.request(
                "textDocument/codeAction",
                {
                    "textDocument": {"uri": uri},
                    "range": {"start": places[0], "end": places[1]},
                    "context": {"diagnostics": []},
                },
            )["result"]

        action, *_ = actions((0, 5), (1, 4))
        assert action["title"] == "Enrich selection"
        assert action["command"]["command"] == "refrain.server.enrich"
        assert action["command"]["arguments"] == [{"text": "diary,\nI am"}]
        assert actions((0, 5), (0, 5)) == []
        stats = frames.request(
            "workspace/executeCommand",
            {"command": "refrain.server.stats", "arguments": [{"window": "all"}]},
        )
        assert stats["result"]["window"] == "all"
    finally:
        sidecar.kill()
        sidecar.wait()


async def test_no_engine_is_told_by_every_verb_that_needs_one(
    client: LanguageClient, tmp_path: Path
) -> None:
    write_config(tmp_path, NO_ENGINE)
    await initialize(client, tmp_path)
    for method, params in (
        (protocol.ENRICH, {"text": "I am glad."}),
        (protocol.WARM, {"texts": ["I am glad."]}),
    ):
        with pytest.raises(JsonRpcException, match="ollama serve") as caught:
            await ask(client, method, params)
        assert caught.value.code == protocol.ENGINE_ERROR
        assert as_json(caught.value.data) == {"code": "engine_unreachable"}
    stats = await ask(client, protocol.STATS)
    assert stats["engine"] is None
    assert "ollama serve" in stats["engineMessage"]
    for method in (protocol.ENTRIES, protocol.EXPLAIN, protocol.CPU_THREADS):
        assert await ask(client, method)
    checks = {check["name"]: check for check in (await ask(client, protocol.DOCTOR))["checks"]}
    assert checks["Engine"]["status"] == "fail"
    assert checks["Cache"]["status"] == "ok"


async def test_wrong_requests_are_refused_in_plain_words(
    client: LanguageClient, tmp_path: Path
) -> None:
    write_config(tmp_path, EMBEDDED)
    await initialize(client, tmp_path)
    with pytest.raises(JsonRpcException, match="unknown key 'words'"):
        await ask(client, protocol.ENRICH, {"text": "a", "words": 1})
    with pytest.raises(JsonRpcException, match="or ask for everything") as caught:
        await ask(client, protocol.PURGE)
    assert caught.value.code == protocol.INPUT_ERROR
    with pytest.raises(JsonRpcException) as caught:
        await ask(client, protocol.ENRICH, {"text": "   "})
    assert caught.value.code == protocol.INPUT_ERROR


async def test_a_bad_edit_is_shown_on_its_line_and_taken_away_once_mended(
    client: LanguageClient, tmp_path: Path
) -> None:
    path = write_config(tmp_path, NO_ENGINE)
    told: list[Any] = []
    client.feature(protocol.STATS_CHANGED)(lambda stats: told.append(stats))
    await initialize(client, tmp_path)
    uri = path.as_uri()
    await until(lambda: uri in client.diagnostics)
    assert list(client.diagnostics[uri]) == []

    path.write_text('{\n  "inference": {"engine": "ollama"},\n  "caching": {"enabled": 1}\n}')
    await until(lambda: client.diagnostics[uri])
    (problem,) = client.diagnostics[uri]
    assert problem.range == types.Range(types.Position(2, 25), types.Position(2, 26))
    assert problem.message.startswith("expected true or false, got 1")
    assert (await ask(client, protocol.STATS))["state"]["mode"] == "on"

    path.write_text('{"inference": {"engine": "ollama"}, "caching": {"enabled": false}}')
    await until(lambda: not client.diagnostics[uri])
    await until(lambda: told and told[-1].state.mode == "off")


async def test_enrich_purge_and_what_the_editor_is_told_meanwhile(
    client: LanguageClient, tmp_path: Path
) -> None:
    assert installed() is not None, "The model is missing: run `make models`."
    write_config(tmp_path, EMBEDDED)
    await initialize(client, tmp_path)
    told: list[Any] = []
    client.feature(protocol.STATS_CHANGED)(lambda stats: told.append(stats))

    first = await ask(client, protocol.ENRICH, {"text": "The river was quiet and so was I."})
    second = await ask(client, protocol.ENRICH, {"text": "The river was quiet and so was I."})
    assert [s["outcome"] for s in first["stages"] + second["stages"]] == ["miss"] * 2 + ["hit"] * 2
    assert first["wheel"] == second["wheel"]
    assert first["postEnrichment"] == second["postEnrichment"]
    assert first["engine"]["name"] == "embedded"

    await until(lambda: told and told[-1].hitRate == 0.5)
    page = await ask(client, protocol.ENTRIES)
    assert page["total"] == told[-1].entries == 2
    dry = await ask(client, protocol.PURGE, {"everything": True, "dryRun": True})
    gone = await ask(client, protocol.PURGE, {"everything": True})
    assert dry["entries"] == gone["entries"] == page["total"]
    assert (await ask(client, protocol.STATS))["entries"] == 0
    third = await ask(client, protocol.ENRICH, {"text": "The river was quiet and so was I."})
    assert third["stages"][0]["outcome"] == "miss"
    assert third["stages"][0]["reason"] == "purged"


async def test_stage_2_is_told_line_by_line_unless_it_was_stored(
    client: LanguageClient, tmp_path: Path
) -> None:
    assert installed() is not None, "The model is missing: run `make models`."
    write_config(tmp_path, EMBEDDED)
    await initialize(client, tmp_path)
    steps: list[Any] = []
    client.feature(protocol.ENRICH_PROGRESS)(lambda step: steps.append(as_json(step)))
    params = {"text": "The garden smelled of rain, and I had nowhere to be.", "requestId": "miss"}

    made = await ask(client, protocol.ENRICH, params)
    begun, *writing = steps[1:]
    assert [step["phase"] for step in steps] == ["stage1"] + ["stage2"] * 8
    alone = {
        "postEnrichment": None,
        "stages": made["stages"][:1],
        "totalMs": begun["result"]["totalMs"],
    }
    assert begun["result"] == made | alone | {"savedMs": 0}
    assert all(step["result"] is None and step["requestId"] == "miss" for step in writing)
    lines = {step["line"]["place"]: step["line"]["text"] for step in writing}
    for block in (range(3), range(3, 6), range(6, 7)):
        assert [place for place in lines if place in block] == list(block)
    page = made["postEnrichment"]
    assert [lines[at].rstrip(",;") for at in range(7)] == [
        *(line.rstrip(",;") for line in page["poem"]),
        *page["tips"],
        page["closing"],
    ]

    steps.clear()
    stored = await ask(client, protocol.ENRICH, params | {"requestId": "hit"})
    assert stored["postEnrichment"] == page
    assert [(step["phase"], step["line"]) for step in steps] == [("stage1", None), ("stage2", None)]


async def test_cancelling_ends_the_work_and_keeps_nothing(
    client: LanguageClient, tmp_path: Path
) -> None:
    assert installed() is not None, "The model is missing: run `make models`."
    write_config(tmp_path, EMBEDDED)
    await initialize(client, tmp_path)
    await ask(client, protocol.ENRICH, {"text": "A first one, to load the model."})
    before = (await ask(client, protocol.STATS))["entries"]
    began = asyncio.Event()
    client.feature(protocol.ENRICH_PROGRESS)(lambda _: began.set())
    params = {"text": "They cheated me and then they laughed about it.", "requestId": "r1"}
    request = client.protocol.send_request(protocol.ENRICH, params, msg_id="cancel me")
    await began.wait()
    client.cancel_request(types.CancelParams(id="cancel me"))
    with pytest.raises(JsonRpcException) as caught:
        await asyncio.wrap_future(request)
    assert caught.value.code == types.LSPErrorCodes.RequestCancelled
    assert (await ask(client, protocol.STATS))["entries"] == before
    again = await ask(client, protocol.ENRICH, {"text": params["text"]})
    assert again["stages"][0]["outcome"] == "miss"


def test_the_sidecar_leaves_when_the_editors_process_is_killed(tmp_path: Path) -> None:
    write_config(tmp_path, NO_ENGINE)
    editor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    sidecar = subprocess.Popen(
        SIDECAR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        Frames(sidecar).initialize(tmp_path.as_uri(), process_id=editor.pid)
        editor.send_signal(signal.SIGKILL)
        editor.wait()
        assert sidecar.wait(timeout=60) == 0
    finally:
        sidecar.kill()
        editor.kill()
