"""The names of the protocol's messages alone: to know them, nothing else is loaded."""

# Requests.
ENRICH = "refrain/enrich"
STATS = "refrain/stats"
PURGE = "refrain/purge"
WARM = "refrain/warm"
CPU_THREADS = "refrain/cpuThreads"
ENTRIES = "refrain/entries"
EXPLAIN = "refrain/explain"
DOCTOR = "refrain/doctor"
MODELS = "refrain/models"
SERVE = "refrain/serve"
RECIPES = "refrain/recipes"
RUN = "refrain/run"
MCP = "refrain/mcp"
REQUESTS = (
    ENRICH,
    STATS,
    PURGE,
    WARM,
    CPU_THREADS,
    ENTRIES,
    EXPLAIN,
    DOCTOR,
    MODELS,
    SERVE,
    RECIPES,
    RUN,
    MCP,
)
# Notifications from the sidecar.
STATS_CHANGED = "refrain/statsChanged"
SERVE_CHANGED = "refrain/serveChanged"
ENRICH_PROGRESS = "refrain/enrichProgress"
RUN_PROGRESS = "refrain/runProgress"
# The same verbs as `workspace/executeCommand` commands, for editors without our extension.
SERVER_COMMAND_PREFIX = "refrain.server."
