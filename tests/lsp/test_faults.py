"""What a client may get wrong: each request has one answer, which says what is wrong with it."""

import http.server
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.lsp.conftest import SIDECAR
from tests.lsp.framing import Frames

from refrain_sidecar import protocol
from refrain_sidecar.enrichment.text import MOST_CHARS

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
NOT_INITIALIZED, CANCELLED = -32002, -32800
CONFIG = {
    "caching": {"cache_dir": "./cache"},
    "inference": {"engine": "ollama", "base_url": "http://127.0.0.1:1"},
}
VERBS = (
    protocol.ENRICH,
    protocol.STATS,
    protocol.PURGE,
    protocol.WARM,
    protocol.ENTRIES,
    protocol.EXPLAIN,
    protocol.RECIPES,
    protocol.RUN,
)


@contextmanager
def sidecar(
    folder: Path, *, initialize: bool = True, config: dict[str, Any] = CONFIG
) -> Iterator[Frames]:
    """A sidecar, without an engine by default; on leaving, its stderr must hold no traceback."""
    place = folder / "config" / "perf_config.json"
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps(config), encoding="utf-8")
    with (folder / "stderr.txt").open("w+b") as stderr:
        process = subprocess.Popen(
            SIDECAR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
        )
        limit = threading.Timer(300, process.kill)  # or a request nobody answers would hang here
        limit.start()
        try:
            frames = Frames(process)
            if initialize:
                frames.initialize(folder.as_uri())
            yield frames
        finally:
            limit.cancel()
            process.kill()
            process.wait()
        stderr.seek(0)
        assert b"Traceback" not in stderr.read()


@contextmanager
def silent_ollama() -> Iterator[dict[str, Any]]:
    """One that has a model and answers nothing asked of it; the configuration that names it."""
    over = threading.Event()
    tag = {"name": "m:1", "model": "m:1", "digest": "d" * 64, "size": 1}
    said = {"/api/version": {"version": "0.33.0"}, "/api/tags": {"models": [tag]}}

    class Ollama(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(said[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            over.wait()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ollama)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield {**CONFIG, "inference": {"engine": "ollama", "base_url": url, "model": "m:1"}}
    finally:
        over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frames]:
    with sidecar(tmp_path_factory.mktemp("workspace")) as running:
        yield running


def answer(frames: Frames, body: bytes) -> dict[str, Any]:
    """What comes back for one raw body."""
    frames.send_body(body)
    while "id" not in (message := frames.receive()):
        pass
    return message


def refused(response: dict[str, Any], code: int, *says: str) -> None:
    assert response["error"]["code"] == code, response
    assert all(word in response["error"]["message"] for word in says), response
    assert "Traceback" not in str(response)
    assert "traceback" not in response["error"].get("data", {})


# --- code actions ---------------------------------------------------------------------------

TEXT = "Page one\fand\u2028on.\r\n😀 grüß 😀 dich, all\nThe end"


@pytest.mark.parametrize(
    ("encoding", "units"), [(None, 2), ("utf-16", 2), ("utf-8", 4), ("utf-32", 1)]
)
def test_columns_are_those_of_the_client(encoding: str | None, units: int, tmp_path: Path) -> None:
    def column(text: str) -> int:
        name = encoding or "utf-16"
        return len(text.encode(f"{name}-le" if name != "utf-8" else name)) * units // 4

    capabilities = {"general": {"positionEncodings": [encoding]}} if encoding else {}
    uri = (tmp_path / "note.md").as_uri()
    with sidecar(tmp_path, initialize=False) as frames:
        frames.request(
            "initialize",
            {"processId": None, "rootUri": tmp_path.as_uri(), "capabilities": capabilities},
        )
        opened = {"uri": uri, "languageId": "markdown", "version": 1, "text": TEXT}
        frames.send({"method": "textDocument/didOpen", "params": {"textDocument": opened}})

        def selected(start: tuple[int, int], end: tuple[int, int]) -> list[str]:
            places = [{"line": line, "character": at} for line, at in (start, end)]
            params = {
                "textDocument": {"uri": uri},
                "range": {"start": places[0], "end": places[1]},
                "context": {"diagnostics": []},
            }
            actions = frames.request("textDocument/codeAction", params)["result"]
            return list({action["command"]["arguments"][0]["text"] for action in actions})

        before = "😀 grüß 😀 "
        assert selected((1, column(before)), (1, column(before + "dich"))) == ["dich"]
        assert selected((1, column("😀 ")), (1, column("😀 grüß"))) == ["grüß"]
        # A column after the end of its line means the end of it, and a line after the last the end.
        assert selected((2, 4), (2, 2**31 - 1)) == ["end"]
        assert selected((1, column(before + "dich, ")), (9, 0)) == ["all\nThe end"]


def test_a_selection_too_long_to_enrich_gets_no_action_and_an_unknown_text_none(
    frames: Frames, tmp_path: Path
) -> None:
    uri = (tmp_path / "long.md").as_uri()
    text = "a" * (MOST_CHARS + 1)
    opened = {"uri": uri, "languageId": "markdown", "version": 1, "text": text}
    frames.send({"method": "textDocument/didOpen", "params": {"textDocument": opened}})
    for name, end, some in (
        (uri, MOST_CHARS, True),
        (uri, MOST_CHARS + 1, False),
        ("file:///x", 1, False),
    ):
        places = [{"line": 0, "character": at} for at in (0, end)]
        params = {
            "textDocument": {"uri": name},
            "range": {"start": places[0], "end": places[1]},
            "context": {"diagnostics": []},
        }
        assert bool(frames.request("textDocument/codeAction", params)["result"]) == some


# --- params -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", VERBS)
@pytest.mark.parametrize(("params", "got"), [([1], "list"), ("x", "string"), (5, "whole number")])
def test_params_that_are_no_object_are_named(
    frames: Frames, method: str, params: Any, got: str
) -> None:
    refused(frames.request(method, params), INVALID_PARAMS, "expected an object", got)
    command = protocol.SERVER_COMMAND_PREFIX + method.removeprefix("refrain/")
    run = {"command": command, "arguments": [params]}
    response = frames.request("workspace/executeCommand", run)
    refused(response, INVALID_PARAMS, "expected an object", got)


def test_null_is_an_object_with_nothing_in_it(frames: Frames) -> None:
    refused(frames.request(protocol.ENRICH, None), INVALID_PARAMS, "missing key 'text'")
    assert frames.request(protocol.STATS, None)["result"]["window"] == "session"


@pytest.mark.parametrize(
    ("params", "says"),
    [({}, "'command'"), (None, "params"), ([], "an object"), ({"command": "x"}, "'x'")],
)
def test_a_command_that_is_none_is_answered(frames: Frames, params: Any, says: str) -> None:
    refused(frames.request("workspace/executeCommand", params), INVALID_PARAMS, says)


def test_wrong_values_are_refused_by_key(frames: Frames) -> None:
    for limit in ("5", 1.5, 5.0, True, -1, 0, 10**30):
        refused(frames.request(protocol.ENTRIES, {"limit": limit}), INVALID_PARAMS, "limit")
    refused(frames.request(protocol.WARM, {"texts": "abc"}), INVALID_PARAMS, "texts", "a list")
    refused(frames.request(protocol.PURGE, {"olderThanS": -1}), INVALID_PARAMS, "older_than_s")


def test_a_text_too_long_is_refused_as_such(frames: Frames) -> None:
    for text in ("a" * 10_000_000, "😀" * (MOST_CHARS + 1)):
        refused(frames.request(protocol.ENRICH, {"text": text}), protocol.INPUT_ERROR, "100,000")
        refused(frames.request(protocol.EXPLAIN, {"text": text}), protocol.INPUT_ERROR, "100,000")


# --- messages ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "answered"),
    [
        (b'{"jsonrpc": "2.0", "id": 1, "method": "refrain/stats"', PARSE_ERROR, None),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "\xff"}', PARSE_ERROR, None),
        (b"[" * 100_000, PARSE_ERROR, None),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "refrain/stats"}]', INVALID_REQUEST, None),
        (b'{"jsonrpc": "2.0", "id": 1.5, "method": "refrain/stats"}', INVALID_REQUEST, None),
        (b'{"jsonrpc": "2.0", "id": [1], "method": "refrain/stats"}', INVALID_REQUEST, None),
        (b'{"jsonrpc": "2.0", "id": null, "method": "refrain/stats"}', INVALID_REQUEST, None),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "refrain/stats"}', INVALID_REQUEST, 1),
        (b'{"id": 1, "method": "refrain/stats"}', INVALID_REQUEST, 1),
        (b'{"jsonrpc": "2.0", "id": "a", "method": 5}', INVALID_REQUEST, "a"),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "no/such"}', NO_METHOD, 1),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "initialize"}', INVALID_REQUEST, 1),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "textDocument/codeAction"}', INVALID_PARAMS, 1),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "textDocument/didOpen"}', INVALID_PARAMS, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"no/such","error":1,"x":2}', NO_METHOD, 1),
    ],
)
def test_a_message_that_is_none_is_answered(
    frames: Frames, body: bytes, code: int, answered: Any
) -> None:
    response = answer(frames, body)
    refused(response, code)
    assert response["id"] == answered


def test_a_request_needs_no_params_and_may_be_what_lsp_calls_a_notification(
    frames: Frames,
) -> None:
    body = b'{"jsonrpc": "2.0", "id": "s", "method": "refrain/stats", "more": {"jsonrpc": 1}}'
    assert answer(frames, body)["result"]["window"] == "session"
    body = b'{"jsonrpc": "2.0", "id": "i", "method": "initialized", "params": {}}'
    assert answer(frames, body) == {"jsonrpc": "2.0", "id": "i", "result": None}


@pytest.mark.parametrize("said", [b"3", b"99999999999", b"-1", b"many"])
def test_a_wrong_length_costs_no_other_message(frames: Frames, said: bytes) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": "lost", "method": "refrain/stats"}).encode()
    frames.send_raw(b"Content-Length: %s\r\n\r\n%s" % (said, body))
    assert frames.request(protocol.STATS, {})["result"]["window"] == "session"


def test_cancelling_what_has_no_id_cancels_nothing(frames: Frames) -> None:
    for msg_id in ({"a": 1}, [1], None, 1.5):
        frames.send({"method": "$/cancelRequest", "params": {"id": msg_id}})
    assert frames.request(protocol.STATS, {})["result"]["window"] == "session"


def test_before_initialize_and_after_shutdown_requests_are_refused(tmp_path: Path) -> None:
    with (
        silent_ollama() as config,
        sidecar(tmp_path, initialize=False, config=config) as frames,
    ):
        refused(frames.request(protocol.STATS, {}), NOT_INITIALIZED, "initialize")
        frames.initialize(tmp_path.as_uri())
        # A command under way when the editor leaves is answered, too.
        run = {"command": "refrain.server.enrich", "arguments": [{"text": "I am glad."}]}
        frames.send({"id": "under way", "method": "workspace/executeCommand", "params": run})
        assert frames.request("shutdown")["result"] is None
        (under_way,) = [m for m in frames.notifications if m.get("id") == "under way"]
        refused(under_way, CANCELLED)
        refused(frames.request(protocol.STATS, {}), INVALID_REQUEST, "shutting down")


def test_an_editor_that_reads_no_more_leaves_no_traceback(tmp_path: Path) -> None:
    with sidecar(tmp_path) as frames:
        assert frames.process.stdin is not None
        assert frames.process.stdout is not None
        frames.process.stdout.close()
        for method in (protocol.STATS, protocol.ENRICH, "no/such"):
            frames.send({"id": method, "method": method, "params": {}})
            time.sleep(0.3)  # nothing tells when an answer nobody reads has been given
        frames.process.stdin.close()
        assert frames.process.wait(60) == 0


@pytest.mark.parametrize("options", [5, {"configPath": 5}])
def test_options_of_initialize_are_checked(options: Any, tmp_path: Path) -> None:
    with sidecar(tmp_path, initialize=False) as frames:
        params = {"processId": None, "capabilities": {}, "initializationOptions": options}
        refused(frames.request("initialize", params), INVALID_PARAMS)
