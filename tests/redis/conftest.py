"""Real servers. Where there is none to run the tests fail, never skip."""

from collections.abc import Iterator

import pytest
from tests.redis.programs import KINDS, Kind
from tests.redis.serving import RealServer, serving


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Whatever uses it runs twice: on Redis, and on Valkey."""
    found: Kind = request.param
    return found


@pytest.fixture
def server(kind: Kind) -> Iterator[RealServer]:
    """A new and empty server of either kind, without AOF."""
    with serving(kind) as server:
        yield server


@pytest.fixture
def lasting(kind: Kind) -> Iterator[RealServer]:
    """A new server of either kind that loses nothing when it is killed."""
    with serving(kind, aof=True) as server:
        yield server
