"""The sidecar's protocol: every request, result and notification, declared once.

Python holds these as frozen attrs classes in snake_case; on the wire they are JSON objects in
camelCase (see `wire.py`). `extension/src/protocol.ts` mirrors this file, and a contract test
compares the two. Durations are milliseconds, sizes are bytes, moments are seconds since the Unix
epoch, rates are 0..1, unless a field says otherwise.
"""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

CacheMode = Literal["on", "off", "bypass"]
CheckStatus = Literal["ok", "warn", "fail"]
EngineName = Literal["ollama", "embedded"]
EntryOrder = Literal["recent", "created", "used", "size", "cost"]
OutcomeName = Literal["hit", "coalesced", "miss", "bypass", "refused"]
StatsWindow = Literal["session", "hour", "day", "all"]
Tier = Literal["memory", "disk", "shared"]

# Method names: requests.
ENRICH = "refrain/enrich"
STATS = "refrain/stats"
PURGE = "refrain/purge"
WARM = "refrain/warm"
CPU_THREADS = "refrain/cpuThreads"
ENTRIES = "refrain/entries"
EXPLAIN = "refrain/explain"
DOCTOR = "refrain/doctor"
# Method names: notifications from the sidecar.
STATS_CHANGED = "refrain/statsChanged"
ENRICH_PROGRESS = "refrain/enrichProgress"
# The same verbs as `workspace/executeCommand` commands, for editors without our extension.
SERVER_COMMAND_PREFIX = "refrain.server."
# JSON-RPC error codes of our own: outside -32768..-32000, which JSON-RPC and LSP reserve.
ENGINE_ERROR = 1001
INPUT_ERROR = 1002
CONFIG_ERROR = 1003


# --- shared parts ---------------------------------------------------------------------------


@frozen
class EngineInfo:
    """Which engine and model answer. `digest` is the model's content digest.

    `base_url` is None where a stored answer is described: it may have been made elsewhere.
    `offline`: it is away; this is what it last was, and what is stored under it is still given.
    """

    name: EngineName
    model: str
    digest: str
    version: str
    base_url: str | None
    offline: bool


@frozen
class Percentiles:
    """Latency percentiles in ms over `count` samples (ddsketch, at most 1 % relative error)."""

    count: int
    p50: float
    p95: float
    p99: float


# --- refrain/enrich ------------------------------------------------------------------------


@frozen
class EnrichParams:
    """Text to enrich. `timestamp` is ISO 8601; only its phase of day reaches a fingerprint.

    `request_id` is echoed in `refrain/enrichProgress`. `fresh` computes anew and
    replaces the entry.
    """

    text: str
    timestamp: str | None = None
    stage2: bool = True
    fresh: bool = False
    request_id: str | None = None


@frozen
class StageReport:
    """How one stage was answered. `reason` says why it missed or was bypassed,
    on a hit "engine offline" where the engine was away."""

    stage: int
    kind: str
    outcome: OutcomeName
    tier: Tier | None
    key: str
    lookup_ms: float
    total_ms: float
    saved_ms: float
    reason: str | None


@frozen
class Wheel:
    """A place on the feelings wheel: lower-case single words."""

    primary: str
    secondary: str
    tertiary: str


@frozen
class PostEnrichment:
    """Stage 2: three poem lines, three tips, a closing line and the tone they were written in."""

    poem: list[str]
    tips: list[str]
    closing: str
    tone: str


@frozen
class EnrichResult:
    """Both stages of one enrichment and how each was answered.

    `scores` are the six primaries' probabilities (sum 1). `confidence` is 0..1; `low_confidence`
    says the feeling is a guess. `valence` is -1..1, `arousal` 0..1. `engine` is the one that made
    the answer, also when the cache replayed it.
    """

    wheel: Wheel
    scores: dict[str, float]
    confidence: float
    low_confidence: bool
    valence: float
    arousal: float
    invoked: list[str]
    expressed: list[str]
    events: list[str]
    warnings: list[str]
    post_enrichment: PostEnrichment | None
    engine: EngineInfo
    stages: list[StageReport]
    total_ms: float
    saved_ms: float


@frozen
class EnrichProgress:
    """Where an enrichment (or a warming) is; `message` is for people."""

    request_id: str
    phase: Literal["stage1", "stage2", "warm"]
    message: str


# --- refrain/stats -------------------------------------------------------------------------


@frozen
class StatsParams:
    window: StatsWindow = "session"


@frozen
class CacheState:
    """`off`: by configuration. `bypass`: answers are computed, not kept; `reason` says why."""

    mode: CacheMode
    reason: str | None
    path: str | None


@frozen
class KindStats:
    """Counts and latencies of one kind of entry in the window asked for."""

    kind: str
    entries: int
    bytes: int
    hits: int
    coalesced: int
    misses: int
    bypassed: int
    hit_rate: float | None
    hit_ms: Percentiles | None
    miss_ms: Percentiles | None
    saved_ms: float


@frozen
class TimelinePoint:
    """One minute of lookups: `at` is the minute's start."""

    at: int
    hits: int
    misses: int
    saved_ms: float


@frozen
class StatsResult:
    """What the cache holds and what it was worth. Rates are None before the first lookup.

    `engine_message` says why `engine` is None or offline.
    """

    state: CacheState
    window: StatsWindow
    entries: int
    bytes: int
    max_bytes: int
    lookups: int
    hits_memory: int
    hits_disk: int
    hits_shared: int
    coalesced: int
    misses: int
    miss_causes: dict[str, int]
    bypassed: int
    refused: int
    hit_rate: float | None
    hit_ms: Percentiles | None
    miss_ms: Percentiles | None
    store_ms: Percentiles | None
    saved_ms: float
    kinds: list[KindStats]
    timeline: list[TimelinePoint]
    engine: EngineInfo | None
    engine_message: str | None
    since: float


# --- refrain/purge -------------------------------------------------------------------------


@frozen
class PurgeParams:
    """Which entries go; conditions are joined by *and*. `everything` must be said to purge all.

    `older_than_s` counts from an entry's making. `least_used` purges that many, least used first.
    """

    everything: bool = False
    expired: bool = False
    kind: str | None = None
    model: str | None = None
    older_than_s: float | None = None
    least_used: int | None = None
    key_prefix: str | None = None
    dry_run: bool = False


@frozen
class PurgeResult:
    entries: int
    bytes: int
    dry_run: bool


# --- refrain/warm --------------------------------------------------------------------------


@frozen
class WarmParams:
    """Texts to enrich ahead of time, and feelings (`primary/secondary/tertiary`) for Stage 2.

    `common` adds the feelings people write about most: every secondary's first tertiary.
    """

    texts: list[str] = field(factory=list)
    feelings: list[str] = field(factory=list)
    common: bool = False
    request_id: str | None = None


@frozen
class WarmResult:
    requested: int
    computed: int
    already_cached: int
    failed: int
    errors: list[str]
    total_ms: float


# --- refrain/cpuThreads --------------------------------------------------------------------


@frozen
class KeptCalibration:
    """The fastest number of threads once measured. `doubt` says why it does not count, None if it
    does."""

    threads: int
    engine: EngineName
    model: str
    measured_at: float
    doubt: str | None


@frozen
class CpuThreadsResult:
    """What the machine has, what the configuration says, what we advise and why.

    `load_percent` is psutil's over a short moment; `configured` is None for "auto"; `in_force`
    is what requests carry now; `container_cpus` is the cgroup limit, None when there is none.
    """

    cpu_model: str
    logical: int
    physical: int
    performance_cores: int
    efficiency_cores: int
    affinity: int
    container_cpus: float | None
    load_percent: float
    configured: int | None
    advised: int
    in_force: int
    reason: str
    calibration: KeptCalibration | None


# --- refrain/entries -----------------------------------------------------------------------


@frozen
class EntriesParams:
    kind: str | None = None
    order: EntryOrder = "recent"
    limit: int = 100
    offset: int = 0


@frozen
class EntryInfo:
    """One stored answer. `label` names it without private text (for one, `happy/grateful`)."""

    key: str
    kind: str
    model: str
    label: str
    bytes: int
    created_at: float
    last_used_at: float
    expires_at: float | None
    uses: int
    cost_ms: float
    saved_ms: float


@frozen
class EntriesResult:
    total: int
    entries: list[EntryInfo]


# --- refrain/explain -----------------------------------------------------------------------


@frozen
class ExplainParams:
    """What to explain: a text as Stage 1 would see it, a key, or (with neither) the last miss."""

    text: str | None = None
    timestamp: str | None = None
    key: str | None = None


@frozen
class Difference:
    """One ingredient that differs from the nearest stored relative. Private values are hashes."""

    ingredient: str
    stored: str
    now: str


@frozen
class ExplainResult:
    """Why a lookup would hit or miss now; `summary` is a sentence for people."""

    key: str | None
    kind: str | None
    would_hit: bool
    cause: str
    summary: str
    nearest: str | None
    differences: list[Difference]


# --- refrain/doctor ------------------------------------------------------------------------


@frozen
class Check:
    """One thing looked at. `fix` says what to do and is None when all is well."""

    name: str
    status: CheckStatus
    message: str
    fix: str | None


@frozen
class DoctorResult:
    checks: list[Check]
