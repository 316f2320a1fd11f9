"""The sidecar's protocol: every request, result and notification, declared once.

Python holds these as frozen attrs classes in snake_case; on the wire they are JSON objects in
camelCase (see `wire.py`). What the cache library says of itself goes over the wire as it is.
`extension/src/protocol.ts` mirrors all of it, and a contract test compares the two. Durations are
milliseconds, sizes are bytes, moments are seconds since the Unix epoch, rates are 0..1, unless a
field says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen
from attrs.validators import ge, le

from refrain_cache import CacheStats, EntryPage, Explanation, Selection
from refrain_cache.accounts.stats import StatsWindow
from refrain_cache.entry import EntryOrder, OutcomeName, Tier
from refrain_sidecar.methods import CPU_THREADS as CPU_THREADS
from refrain_sidecar.methods import DOCTOR as DOCTOR
from refrain_sidecar.methods import ENRICH as ENRICH
from refrain_sidecar.methods import ENRICH_PROGRESS as ENRICH_PROGRESS
from refrain_sidecar.methods import ENTRIES as ENTRIES
from refrain_sidecar.methods import EXPLAIN as EXPLAIN
from refrain_sidecar.methods import MCP as MCP
from refrain_sidecar.methods import MODELS as MODELS
from refrain_sidecar.methods import PURGE as PURGE
from refrain_sidecar.methods import RECIPES as RECIPES
from refrain_sidecar.methods import RUN as RUN
from refrain_sidecar.methods import RUN_PROGRESS as RUN_PROGRESS
from refrain_sidecar.methods import SERVE as SERVE
from refrain_sidecar.methods import SERVE_CHANGED as SERVE_CHANGED
from refrain_sidecar.methods import SERVER_COMMAND_PREFIX as SERVER_COMMAND_PREFIX
from refrain_sidecar.methods import STATS as STATS
from refrain_sidecar.methods import STATS_CHANGED as STATS_CHANGED
from refrain_sidecar.methods import WARM as WARM

CheckStatus = Literal["ok", "warn", "fail"]
EngineName = Literal["ollama", "embedded"]
ServeAction = Literal["start", "stop", "state"]
RecipeOrigin = Literal["workspace", "user", "shipped"]
McpFile = Literal[".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json"]

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


# --- refrain/enrich ------------------------------------------------------------------------


@frozen
class EnrichParams:
    """Text to enrich. `timestamp` is ISO 8601; only its phase of day reaches a fingerprint.

    `request_id` is echoed in `refrain/enrichProgress`. `fresh` computes anew and
    replaces the entry. `image` is a picture (PNG, JPEG, WebP; up to 20 MB) that is described first:
    its path, or a `data:` URL in base64 where the file is not on this machine. What is enriched
    then is the description, and `text` is a question about the picture, or empty.
    """

    text: str
    timestamp: str | None = None
    stage2: bool = True
    fresh: bool = False
    request_id: str | None = None
    image: str | None = None


@frozen
class StageReport:
    """How one stage was answered; stage 0 looks at a picture. `reason` says why it missed or was
    bypassed, on a hit "engine offline" where the engine was away."""

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
    the answer, also when the cache replayed it. `description` is what was seen in a picture.
    """

    description: str | None
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
class WrittenLine:
    """A line of Stage 2 as the model wrote it: places 0..2 are the poem, 3..5 tips, 6 closes."""

    place: int
    text: str


@frozen
class EnrichProgress:
    """Where an enrichment (or a warming) is; `message` is for people.

    Stage 2 begins with `result`, which is Stage 1's alone, and tells each `line` as it is written,
    each place once. Of a stored answer there are no lines. `description` is what is written of a
    picture so far; Stage 1 begins with the whole of it.
    """

    request_id: str
    phase: Literal["vision", "stage1", "stage2", "warm"]
    message: str
    result: EnrichResult | None = None
    line: WrittenLine | None = None
    description: str | None = None


# --- refrain/stats -------------------------------------------------------------------------


@frozen
class StatsParams:
    window: StatsWindow = "session"


@frozen
class StatsResult(CacheStats):
    """What the cache holds and what it was worth, and the engine, if one has been looked for."""

    engine: EngineInfo | None
    engine_message: str | None


# --- refrain/purge -------------------------------------------------------------------------


@frozen
class PurgeParams(Selection):
    """Which entries go. A dry run only counts them."""

    dry_run: bool = False


@frozen
class PurgeResult:
    entries: int
    bytes: int
    shared: int
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
    limit: int = field(default=100, validator=[ge(1), le(10_000)])
    offset: int = field(default=0, validator=ge(0))


# --- refrain/explain -----------------------------------------------------------------------


@frozen
class ExplainParams:
    """What to explain: a text as Stage 1 would see it, a recipe run on a text, a key, or (with none
    of them) the last miss."""

    text: str | None = None
    timestamp: str | None = None
    key: str | None = None
    recipe: str | None = None
    file: str | None = None
    inputs: dict[str, str] = field(factory=dict)


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


# --- refrain/models ------------------------------------------------------------------------


@frozen
class ModelsParams:
    """`use` is written into the configuration: a model's name, "auto" or "embedded"."""

    use: str | None = None


@frozen
class ModelOffer:
    """A model that can answer. `in_use`: it does, or would if something were asked now.

    The embedded one that is not `installed` can be fetched.
    """

    engine: EngineName
    name: str
    digest: str
    bytes: int
    loaded: bool
    installed: bool = True
    in_use: bool = False


@frozen
class ModelsResult:
    """Ollama's models, in the order in which "auto" takes them, and the embedded one.

    `chosen` is what is configured, in the words of `ModelsParams.use`; `problem` says why Ollama
    offers none; `written` is the file that was changed, None if nothing was.
    """

    models: list[ModelOffer]
    chosen: str
    problem: str | None
    written: str | None


# --- refrain/serve -------------------------------------------------------------------------


@frozen
class ServeParams:
    """What to do with the proxy. Each answers with the state it led to."""

    action: ServeAction = "state"


@frozen
class ServeState:
    """Whether the proxy runs and where; `shared` if another process on this machine runs it.

    `upstream` is its address, `engine` "ollama" or "embedded", `reachable` whether it answered when
    last asked. `error` says why it does not run although it was asked to.
    """

    running: bool
    url: str | None = None
    shared: bool = False
    upstream: str | None = None
    engine: str | None = None
    reachable: bool = False
    policy: str = "auto"
    hits: int = 0
    misses: int = 0
    passed: int = 0
    saved_ms: float = 0.0
    error: str | None = None


# --- refrain/recipes -----------------------------------------------------------------------


@frozen
class RecipesParams:
    """`new` is the name of a recipe to make, from a template, before they are listed."""

    new: str | None = None


@frozen
class RecipeInput:
    """Something a recipe asks for before it runs; `hint` says what to hand in."""

    name: str
    hint: str


@frozen
class RecipeProblem:
    """Why a recipe cannot be run. `line` counts from 1; `key` is one of its front matter, or ""."""

    line: int
    key: str
    message: str


@frozen
class RecipeInfo:
    """A recipe and what it was worth. `json`: it answers in JSON, else in text.

    `variables` are those of its prompt (`text`, `selection`, `file`, `fileBasename`, `input`).
    `entries` are its stored answers and `hits` how often they were given, lately by `last_used_at`.
    """

    name: str
    path: str
    origin: RecipeOrigin
    description: str
    argument_hint: str
    model: str | None
    json: bool
    variables: list[str]
    inputs: list[RecipeInput]
    problems: list[RecipeProblem]
    entries: int
    hits: int
    last_used_at: float | None


@frozen
class RecipesResult:
    """Every recipe, broken ones too, by name. `written` is the file that was made, if any."""

    recipes: list[RecipeInfo]
    written: str | None


# --- refrain/run ---------------------------------------------------------------------------


@frozen
class RunParams:
    """What to run a recipe on. `whole`: `text` is all of a file, so nothing is selected.

    `inputs` are what the recipe asks for, by name. `request_id` is echoed in
    `refrain/runProgress`. `fresh` computes anew and replaces the entry.
    """

    recipe: str
    text: str | None = None
    file: str | None = None
    inputs: dict[str, str] = field(factory=dict)
    whole: bool = False
    fresh: bool = False
    request_id: str | None = None


@frozen
class RunResult:
    """What a recipe answered and how it came about: as in `StageReport`.

    `output` is a text or, where the recipe has a schema, JSON.
    """

    recipe: str
    output: Any
    engine: EngineInfo
    kind: str
    outcome: OutcomeName
    tier: Tier | None
    key: str
    lookup_ms: float
    total_ms: float
    saved_ms: float
    reason: str | None


@frozen
class RunProgress:
    """The next piece of the text that a recipe's model writes. Of a stored answer there is none."""

    request_id: str
    text: str


# --- refrain/mcp ---------------------------------------------------------------------------


@frozen
class McpParams:
    """`file` is written in `folder`: the one that Claude Code reads, Cursor, or VS Code."""

    folder: str
    file: McpFile | None = None


@frozen
class McpResult:
    """How an MCP host starts the server with the sidecar's Python; `env` is added to its own.

    `installed`: that Python has the extra `mcp`. `written` is the file that was written, if any.
    """

    installed: bool
    command: str
    args: list[str]
    env: dict[str, str]
    written: str | None


REQUESTS: Mapping[str, tuple[type[Any] | None, type[Any]]] = {
    ENRICH: (EnrichParams, EnrichResult),
    STATS: (StatsParams, StatsResult),
    PURGE: (PurgeParams, PurgeResult),
    WARM: (WarmParams, WarmResult),
    CPU_THREADS: (None, CpuThreadsResult),
    ENTRIES: (EntriesParams, EntryPage),
    EXPLAIN: (ExplainParams, Explanation),
    DOCTOR: (None, DoctorResult),
    MODELS: (ModelsParams, ModelsResult),
    SERVE: (ServeParams, ServeState),
    RECIPES: (RecipesParams, RecipesResult),
    RUN: (RunParams, RunResult),
    MCP: (McpParams, McpResult),
}
"""The params (None: there are none) and the result of every request."""
