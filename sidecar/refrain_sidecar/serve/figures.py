"""What the proxy has done since it began, as the page, the metrics and the editor show it."""

from __future__ import annotations

from attrs import define, field, frozen


@define
class Counts:
    """Requests to cacheable endpoints, by what came of them.

    `hits` were replayed, `coalesced` joined a request under way, `misses` went upstream to be kept,
    `passed` went upstream because the policy replays none such; `would_hit` of those could have
    been replayed under the policy `all`, saving `would_save_ms`. `unkept` are answers that could
    not be stored (no 200, incomplete, empty), `errors` those that upstream never gave.
    `saved_tokens` are generated and read ones alike.
    """

    hits: int = 0
    coalesced: int = 0
    misses: int = 0
    passed: int = 0
    would_hit: int = 0
    unkept: int = 0
    errors: int = 0
    saved_ms: float = 0.0
    would_save_ms: float = 0.0
    saved_tokens: int = 0

    @property
    def requests(self) -> int:
        return self.hits + self.coalesced + self.misses + self.passed


@frozen
class InFlight:
    """A request that upstream is answering; `waiting` clients follow it, `sent` bytes have come."""

    endpoint: str
    model: str
    client: str
    since: float
    waiting: int
    sent: int


@define
class Figures:
    """Counts since `since` (seconds since the epoch), in all and by what each request names.

    `minutes` are counts by the minute's beginning, the last 60; `passed_through` are requests to
    any other path.
    """

    since: float
    totals: Counts = field(factory=Counts)
    clients: dict[str, Counts] = field(factory=dict)
    models: dict[str, Counts] = field(factory=dict)
    endpoints: dict[str, Counts] = field(factory=dict)
    minutes: dict[int, Counts] = field(factory=dict)
    passed_through: int = 0
