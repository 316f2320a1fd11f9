from collections.abc import AsyncIterator

import pytest
from attrs import evolve

from refrain_sidecar.config.settings import NetworkingSettings
from refrain_sidecar.inference.ollama.client import OllamaClient

from .misbehaving import MisbehavingServer

# One connection: a leaked one would leave none for the next request, which would then wait for
# ever. Waits that are meant to end are short, but long enough for the answers before and after.
STRICT = NetworkingSettings(max_connections=1, retries=2, first_token_timeout=20, token_timeout=20)
IMPATIENT = evolve(STRICT, first_token_timeout=1.0, token_timeout=0.5)


@pytest.fixture
async def server() -> AsyncIterator[MisbehavingServer]:
    server = MisbehavingServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: MisbehavingServer) -> AsyncIterator[OllamaClient]:
    async with OllamaClient(server.url, STRICT) as client:
        yield client


@pytest.fixture
async def impatient(server: MisbehavingServer) -> AsyncIterator[OllamaClient]:
    async with OllamaClient(server.url, IMPATIENT) as client:
        yield client
