"""What a request to a cacheable endpoint asks, of which model, and what is to be done with it."""

from __future__ import annotations

from collections import Counter

from attrs import frozen

from refrain_cache import Fingerprint, FingerprintError
from refrain_sidecar.config.settings import ServeSettings
from refrain_sidecar.serve import policy
from refrain_sidecar.serve.asked import Asked, fingerprint_of, read
from refrain_sidecar.serve.bodies import plain
from refrain_sidecar.serve.counting import Counters, Counting, client_of
from refrain_sidecar.serve.digests import Behind
from refrain_sidecar.serve.engines import Engine, Engines
from refrain_sidecar.serve.incoming import Incoming
from refrain_sidecar.serve.policy import Policy

# Questions with several answers, whose turns are remembered; forgotten, a turn begins anew.
_SAMPLED = 10_000


@frozen(eq=False)
class Request:
    """One request to a cacheable endpoint, with all that was found out about it."""

    came: Incoming
    body: bytes
    asked: Asked
    policy: Policy
    engine: Engine
    behind: Behind
    fp: Fingerprint
    client: str
    counting: Counting

    @property
    def path(self) -> str:
        return self.asked.endpoint.path

    @property
    def label(self) -> str:
        """What its entry is called where entries are listed."""
        return f"{self.path} from {self.client}"

    @property
    def origin(self) -> bytes | None:
        """The page of another origin that asks, which the gate has let in."""
        return self.came.by_name.get(b"origin")


class Understanding:
    """Makes a `Request` of what came."""

    def __init__(self, engines: Engines, settings: ServeSettings, counters: Counters) -> None:
        self._engines = engines
        self._settings = settings
        self._counters = counters
        self._turns: Counter[str] = Counter()

    async def of(self, came: Incoming, body: bytes) -> Request | None:
        """None for what cannot be told apart from others, or asks a model that is not known."""
        encoding = came.by_name.get(b"content-encoding", b"").decode("latin-1").lower()
        decoded = await plain(body, encoding)
        asked = None if decoded is None else read(came.path, decoded)
        if asked is None:
            return None
        engine, behind = await self._engines.of(asked.model)
        if behind is None:
            return None
        try:
            fp = self._fingerprint(asked, behind, came.by_name.get(policy.SAMPLE_HEADER))
        except FingerprintError:
            return None
        said, settings = came.by_name.get(policy.HEADER), self._settings
        force = policy.in_force(said, came.by_path, asked.model, settings.rules, settings.policy)
        client = client_of(came.by_name.get(b"user-agent", b"").decode("latin-1"))
        counting = self._counters.of(client, asked.model, came.path)
        return Request(came, body, asked, force, engine, behind, fp, client, counting)

    def _fingerprint(self, asked: Asked, behind: Behind, header: bytes | None) -> Fingerprint:
        fp = fingerprint_of(asked, behind.digest, behind.version)
        samples = policy.samples(header)
        if samples == 1:
            return fp
        turn = self._turns[fp.key] % samples
        self._turns[fp.key] += 1
        if len(self._turns) > _SAMPLED:
            self._turns.clear()
        return fingerprint_of(asked, behind.digest, behind.version, turn)
