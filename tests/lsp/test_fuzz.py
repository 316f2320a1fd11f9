"""Mutated messages: the sidecar lives and answers each well-formed request once, without traceback.

`REFRAIN_FUZZ_MESSAGES` says how many, `REFRAIN_FUZZ_SEED` which.
"""

import copy
import itertools
import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from typing import Any

from tests.lsp.framing import Frames
from tests.lsp.test_faults import CONFIG, sidecar

from refrain_cache import Cache, CacheSettings
from refrain_sidecar import protocol

MESSAGES = int(os.environ.get("REFRAIN_FUZZ_MESSAGES", "1500"))
SEED = int(os.environ.get("REFRAIN_FUZZ_SEED", "7"))
URI = "file:///fuzz/note.recipe.md"
PLACE = {"line": 0, "character": 3}
RANGE = {"start": {"line": 0, "character": 0}, "end": PLACE}
OPENED = {"uri": URI, "languageId": "markdown", "version": 1, "text": "😀 I am glad.\nSo I am."}
# One good example of everything a client says; `initialize`, `shutdown` and `exit` have tests of
# their own, for they change what comes after them.
GOOD: tuple[tuple[str, Any], ...] = (
    (protocol.ENRICH, {"text": "I am glad.", "timestamp": "2026-10-29T08:30:00", "fresh": True}),
    (protocol.STATS, {"window": "all"}),
    (protocol.PURGE, {"olderThanS": 5, "leastUsed": 2, "kind": "a", "dryRun": True}),
    (protocol.PURGE, {"keyPrefix": "00ff", "expired": True}),
    (protocol.WARM, {"texts": ["I am glad."], "feelings": ["happy/grateful/blessed"]}),
    (protocol.ENTRIES, {"kind": "a", "order": "cost", "limit": 5, "offset": 0}),
    (protocol.EXPLAIN, {"text": "I am glad.", "timestamp": None}),
    (protocol.EXPLAIN, {"key": "00ff"}),
    (protocol.RECIPES, {}),
    (
        protocol.RUN,
        {"recipe": "summarise", "text": "I am glad.", "file": "/a.md", "requestId": "r"},
    ),
    (protocol.RUN, {"recipe": "translate", "inputs": {"language": "French"}, "whole": True}),
    ("workspace/executeCommand", {"command": "refrain.server.stats", "arguments": [{}]}),
    (
        "workspace/executeCommand",
        {"command": "refrain.server.entries", "arguments": [{"limit": 1}]},
    ),
    ("textDocument/didOpen", {"textDocument": OPENED}),
    (
        "textDocument/didChange",
        {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": "I was glad."}]},
    ),
    ("textDocument/didClose", {"textDocument": {"uri": URI}}),
    (
        "textDocument/codeAction",
        {"textDocument": {"uri": URI}, "range": RANGE, "context": {"diagnostics": []}},
    ),
    ("textDocument/completion", {"textDocument": {"uri": URI}, "position": PLACE}),
    ("textDocument/hover", {"textDocument": {"uri": URI}, "position": PLACE}),
    ("$/cancelRequest", {"id": 5}),
    ("$/setTrace", {"value": "verbose"}),
    ("workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": []}}),
    ("refrain/nothing", {}),
)
# Never to be reached by chance: purging all is fine, ending the process is not.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 5.0, 10**30, -(2**63), 2**53, float("nan"), float("inf"), "",
    "5", "\ud800", "\x00", "😀" * 50, "x" * 70_000, [], ["a"], [[]], {}, {"a": 1},
    {"jsonrpc": "2.0", "id": 1, "method": "refrain/stats"}, {"type_name": "x y"},
)  # fmt: skip


def odd(rng: random.Random) -> Any:
    return copy.deepcopy(rng.choice(ODD))


Mutation = Callable[[random.Random, dict[str, Any]], None]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) inside `value`."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def swapped(rng: random.Random, message: dict[str, Any]) -> None:
    where, key = rng.choice(list(places(message)))
    where[key] = odd(rng)


def dropped(rng: random.Random, message: dict[str, Any]) -> None:
    where, key = rng.choice(list(places(message)))
    del where[key]


def added(rng: random.Random, message: dict[str, Any]) -> None:
    objects = [message, *(w[k] for w, k in places(message) if isinstance(w[k], dict))]
    rng.choice(objects)[rng.choice(["error", "result", "id", "x", "\ud800", ""])] = odd(rng)


def nested(rng: random.Random, message: dict[str, Any]) -> None:
    where, key = rng.choice(list(places(message)))
    for _ in range(rng.choice([5, 100])):
        where[key] = [where[key]] if rng.random() < 0.5 else {"a": where[key]}


def unwrapped(rng: random.Random, message: dict[str, Any]) -> None:
    message["params"] = odd(rng)


MUTATIONS: tuple[Mutation, ...] = (swapped, swapped, dropped, added, nested, unwrapped)


def bodies(seed: int) -> Iterator[bytes]:
    """Mutated bodies without end."""
    rng = random.Random(seed)
    for number in itertools.count(1):
        method, params = rng.choice(GOOD)
        message: dict[str, Any] = json.loads(
            json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        )
        if rng.random() < 0.2:
            message["id"] = rng.choice([number - 1, str(number), f"\ud800{number}", -number, ""])
        if rng.random() < 0.2:
            del message["id"]
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            rng.choice(MUTATIONS)(rng, message)
        body = json.dumps(message, ensure_ascii=rng.random() < 0.7).encode("utf-8", "surrogatepass")
        match rng.randrange(40):
            case 0:
                at = rng.randrange(len(body))
                body = body[:at] + rng.randbytes(3) + body[at + 3 :]
            case 1:
                body = body[: rng.randrange(1, len(body))]
            case 2:
                body = b"[" + body + b"," + body + b"]"
            case 3:
                deep = b"[" * 900 + b"]" * 900
                head = b'{"jsonrpc":"2.0","id":"deep","method":"workspace/executeCommand","params":'
                body = head + b'{"command":"refrain.server.stats","arguments":%s}}' % deep
            case 4:
                body = rng.choice([b"null", b"5", b'"x"', b"[]", b"{}", b"[" * 5000, b"1" * 5000])
        if not any(word in body for word in (b'"exit"', b'"shutdown"', b'"initialize"')):
            yield body


def expected(body: bytes) -> str | int | None:
    """The id under which there must be one answer; None where there is none that can be used."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    is_answer = "method" not in message and ("result" in message or "error" in message)
    found = message.get("id")
    return found if type(found) in (str, int) and not is_answer else None


def listen(frames: Frames, answers: "Queue[dict[str, Any] | None]") -> None:
    try:
        while True:
            answers.put(frames.receive())
    except AssertionError:  # the end of the stream, or stray output: `None` fails the test
        answers.put(None)


def test_mutated_messages(tmp_path: Path) -> None:
    wanted: Counter[Any] = Counter()
    got: Counter[Any] = Counter()
    of_pygls: set[str] = set()  # changes to a text that is not open, for one
    with Cache(CacheSettings(cache_dir=tmp_path / "cache")) as cache:
        for number in range(50):
            assert cache.set(content=f"question {number}", cache_type="a", value=["answer", number])
    with sidecar(tmp_path) as frames:
        answers: Queue[dict[str, Any] | None] = Queue()
        threading.Thread(target=listen, args=(frames, answers), daemon=True).start()

        def take() -> dict[str, Any]:
            message = answers.get(timeout=60)
            assert message is not None, f"the sidecar ended: {frames.process.poll()}"
            if "id" in message:
                got[json.dumps(message["id"])] += 1
                internal = message.get("error", {}).get("code") == -32603
                assert not internal or json.dumps(message["id"]) in of_pygls, message
                assert "traceback" not in json.dumps(message).lower(), message
            return message

        for number, body in enumerate(itertools.islice(bodies(SEED), MESSAGES)):
            if (msg_id := expected(body)) is not None:
                wanted[json.dumps(msg_id)] += 1
                if b"textDocument/did" in body:
                    of_pygls.add(json.dumps(msg_id))
            if number % 50 == 49:  # now and then one that is longer or shorter than it says
                said = random.Random(number).randrange(1, 90)
                junk = b"x" * 100 if number % 100 == 99 else b"{}" + b"\r\n" * 60
                frames.send_raw(b"Content-Length: %d\r\n\r\n" % said + junk)
            try:
                frames.send_body(body)
            except BrokenPipeError:
                raise AssertionError(
                    f"ended with {frames.process.wait()} before {number}"
                ) from None
            while not answers.empty():
                take()
        frames.send({"id": "the last", "method": protocol.STATS, "params": {}})
        wanted['"the last"'] += 1
        while take().get("id") != "the last":
            pass
        # Those that take longer are answered after it.
        while sum((wanted - got).values()):
            take()
        assert frames.process.poll() is None
    del got["null"]
    assert got == wanted
    refrain = str(Path(sys.executable).parent / "refrain")
    place = tmp_path / "config" / "perf_config.json"
    assert json.loads(place.read_text()) == CONFIG
    command = [refrain, "--config", str(place), "verify", "--json"]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
