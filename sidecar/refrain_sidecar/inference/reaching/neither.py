"""What to say when no engine can answer. Pure."""

from __future__ import annotations

from refrain_sidecar.config.settings import AUTO
from refrain_sidecar.inference.errors import (
    EngineUnreachable,
    InferenceError,
    ModelMissing,
    NoEngine,
)

# To be pulled by who has none: small, and in every Ollama's library.
PULLED = "llama3.2:3b"


def neither(no_ollama: InferenceError, no_embedded: InferenceError, model: str) -> NoEngine:
    """The error that says why there is neither, and the two ways out. `model` is the configured."""
    pull = f"`ollama pull {PULLED if model == AUTO else model}`"
    if isinstance(no_ollama, ModelMissing):
        advice = f"run {pull}"
    elif isinstance(no_ollama, EngineUnreachable):
        advice = f"start Ollama (`ollama serve`) and run {pull}"
    else:
        advice = "put Ollama right"
    return NoEngine(
        f"No engine can answer. {no_ollama.message} {no_embedded.message} Do one of the two: "
        f"{advice}, or run `refrain models fetch`, which installs a small model of our own."
    )
