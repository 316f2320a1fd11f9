"""Which headers come from this machine."""

from __future__ import annotations

import pytest

from refrain_sidecar.inference.embedded.gate import is_local_origin, is_loopback_host


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:11434", "127.0.0.1:80", "127.9.9.9", "[::1]:1", "app.localhost"],
)
def test_loopback_hosts(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "example.org",
        "127.0.0.1.example.org",
        "localhost.example.org",
        "192.168.0.2",
        "0.0.0.0",
        "[::1",
        "2130706433",
    ],
)
def test_hosts_from_elsewhere(host: str) -> None:
    assert not is_loopback_host(host)


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3000", "https://127.0.0.1", "vscode-webview://abc", "vscode-file://x"],
)
def test_local_origins(origin: str) -> None:
    assert is_local_origin(origin)


@pytest.mark.parametrize(
    "origin",
    ["null", "", "https://example.org", "http://localhost.example.org", "file:///x", "localhost"],
)
def test_origins_from_elsewhere(origin: str) -> None:
    assert not is_local_origin(origin)
