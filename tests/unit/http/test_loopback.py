from __future__ import annotations

import pytest

from refrain_sidecar.http.loopback import is_loopback


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST.", "[::1]", "::1", "ollama.localhost"],
)
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "0.0.0.0", "localhost.example.com", "notlocalhost", "ollama", ""]
)
def test_other_machines(host: str) -> None:
    assert not is_loopback(host)
