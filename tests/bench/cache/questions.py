"""What is stored and asked for: answers of about 1 KB under the fingerprints of short texts."""

from __future__ import annotations

from typing import Any

from refrain_cache import Fingerprint, fingerprint

KIND = "api"


def question(n: int) -> str:
    return f"question {n}"


def print_of(n: int) -> Fingerprint:
    return fingerprint(KIND, question(n))


def answer(n: int) -> dict[str, Any]:
    """About 1 KB of JSON, as a model's short answer with its provenance has it."""
    return {
        "n": n,
        "poem": [
            f"line {line} of {n}, " + "the quiet morning comes again " * 7 for line in range(3)
        ],
        "scores": {"happy": 0.62, "strong": 0.11, "peaceful": 0.21, "sad": 0.02},
        "tips": [f"tip {tip}: " + "take a slow breath " * 4 for tip in range(3)],
        "model": "llama3.2:3b",
    }


TEXT = "I walked along the river before work and felt grateful for how quiet it was. " * 4
IDENTITY = {
    "model": "llama3.2:3b",
    "digest": "sha256:" + "a8" * 32,
    "prompt": {"id": "stage1", "hash": "sha256:" + "5c" * 32},
    "schema": "sha256:" + "09" * 32,
    "options": {"temperature": 0.3, "seed": 7, "num_predict": 120, "num_ctx": 2048, "top_k": 40},
    "engine": "ollama 0.33",
}


def full_print(n: int) -> Fingerprint:
    """A fingerprint with everything the enrichment puts into one, over some sixty words."""
    return fingerprint(
        "stage1_enrichment", f"{TEXT}{n}", params={"phase": "morning"}, identity=IDENTITY
    )
