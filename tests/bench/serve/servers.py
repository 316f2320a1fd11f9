"""The candidates, each one process in front of the same upstream, with room for what is asked."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which
from typing import Any, Final

from tests.ollama.serving import MODEL
from tests.ollama.workspaces import REFRAIN
from tests.ports import free_port

ROOT: Final = Path(__file__).parents[3]
LITELLM: Final = ROOT / ".tools" / "bench-serve" / "bin" / "litellm"
_START_S: Final = 120.0

# One worker; what is cached lies in files, as it does by default. The lock makes one of equal
# requests, whose time-outs are raised to what a cold load takes.
_NGINX: Final = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=answers:10m;
    server {{
        listen 127.0.0.1:{port};
        keepalive_requests 1000000000;
        client_max_body_size 64m;
        client_body_buffer_size 16m;
        location / {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            proxy_cache answers;
            proxy_cache_methods GET POST;
            proxy_cache_key $request_uri$request_body;
            proxy_cache_valid 200 30d;
            proxy_cache_lock on;
            proxy_cache_lock_timeout 10m;
            proxy_cache_lock_age 10m;
            proxy_read_timeout 10m;
        }}
    }}
}}
"""


@contextmanager
def printing(*module: str) -> Iterator[str]:
    """A module of ours that prints its URL and ends with its stdin."""
    child = subprocess.Popen(
        [sys.executable, "-m", *module],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield child.stdout.readline().strip()
    finally:
        child.stdin.close()
        child.wait()


@contextmanager
def refrain(
    folder: Path, upstream: str, policy: str = "all", caching: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """`refrain serve`."""
    config = folder / "perf_config.json"
    written = {"caching": {"cache_dir": str(folder / "cache"), **(caching or {})}}
    config.write_text(json.dumps(written), encoding="utf-8")
    port = free_port()
    command = (*REFRAIN, "serve", "--port", str(port), "--upstream", upstream, "--policy", policy)
    with _running(folder, port, command, REFRAIN_CONFIG=str(config)) as url:
        yield url


@contextmanager
def nginx(folder: Path, upstream: str) -> Iterator[str]:
    """nginx with `proxy_cache`."""
    program = which("nginx") or which("nginx", path="/usr/sbin")
    assert program is not None, "nginx is missing: run `make bench-serve`."
    port = free_port()
    # Its worker would be another user, who may not read our folder.
    user = "user root;" if os.geteuid() == 0 else ""
    config = _NGINX.format(user=user, folder=folder, port=port, upstream=upstream)
    (folder / "nginx.conf").write_text(config, encoding="utf-8")
    command = (program, "-p", str(folder), "-c", str(folder / "nginx.conf"))
    with _running(folder, port, command) as url:
        yield url


@contextmanager
def litellm(folder: Path, upstream: str) -> Iterator[str]:
    """LiteLLM's proxy with its cache in memory, the fastest it has."""
    assert LITELLM.exists(), "LiteLLM is missing: run `make bench-serve`."
    way = {"model": f"openai/{MODEL}", "api_base": f"{upstream}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": MODEL, "litellm_params": way}],
        "litellm_settings": {"cache": True, "cache_params": {"type": "local"}, "telemetry": False},
    }
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    port = free_port()
    command = (
        *(str(LITELLM), "--config", str(folder / "config.yaml")),
        *("--host", "127.0.0.1", "--port", str(port)),
    )
    environment = {
        # Its import fetches a price list from the network otherwise.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        # No key, as for the others: it would look each one up.
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }
    with _running(folder, port, command, **environment) as url:
        yield url


@contextmanager
def _running(
    folder: Path, port: int, command: tuple[str, ...], **environment: str
) -> Iterator[str]:
    with (folder / "said.log").open("wb") as said:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        deadline = time.monotonic() + _START_S
        while not _listens(port):
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "said.log").read_text(errors="replace")[-4000:])
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def version_of(program: str) -> str:
    """The version of nginx, wrk or LiteLLM."""
    command = {
        "nginx": (which("nginx") or "/usr/sbin/nginx", "-v"),
        "wrk": ("wrk", "-v"),
        "litellm": (str(LITELLM.with_name("pip")), "show", "litellm"),
    }[program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
    return found[0] if found else "unknown"
