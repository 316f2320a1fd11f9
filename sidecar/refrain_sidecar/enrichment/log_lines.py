"""The lines that say how an answer came about. The text shown is cut short or hidden."""

from __future__ import annotations

from typing import Any

from refrain_cache import Outcome

# Enough to know one's own sentence by, too little to give it away.
SHOWN_CHARS = 20
HIDDEN = "(hidden)"

_HOW = {
    "hit": ("HIT", "cached"),
    "coalesced": ("HIT", "shared with the same question under way"),
    "miss": ("MISS", "generated & cached"),
    "bypass": ("BYPASS", "generated"),
    "refused": ("REFUSED", "generated, not cached"),
}


def stage1(outcome: Outcome[Any], text: str, *, redact: bool) -> str:
    """`[CACHE HIT] Stage 1: I'm feeling grateful... (60 chars) → cached`."""
    return _line(outcome, "Stage 1", _shown(text, redact=redact))


def stage2(outcome: Outcome[Any], primary: str, secondary: str) -> str:
    """`[CACHE MISS] Stage 2: happy/grateful → generated & cached`."""
    return _line(outcome, "Stage 2", f"{primary}/{secondary}")


def recipe(outcome: Outcome[Any], name: str, text: str, *, redact: bool) -> str:
    """`[CACHE MISS] Recipe translate: I'm feeling grateful... (60 chars) → generated & cached`."""
    return _line(outcome, f"Recipe {_shortened(name)}", _shown(text, redact=redact))


def vision(outcome: Outcome[Any], name: str, size: int, *, redact: bool) -> str:
    """`[CACHE HIT] Vision: morning.png (12 KB) → cached`; `size` in bytes."""
    shown = HIDDEN if redact else _shortened(name)
    return _line(outcome, "Vision", f"{shown} ({-(-size // 1000)} KB)")


def _shown(text: str, *, redact: bool) -> str:
    return f"{HIDDEN if redact else _shortened(text)} ({len(text)} chars)"


def _line(outcome: Outcome[Any], stage: str, what: str) -> str:
    word, how = _HOW[outcome.outcome]
    # A miss is always for a reason, and *Explain Last Miss* tells it.
    reason = f" ({outcome.reason})" if word != "MISS" and outcome.reason else ""
    return f"[CACHE {word}] {stage}: {what} → {how}{reason}"


def _shortened(text: str) -> str:
    # One line whatever the text holds, so that no text can forge a log line.
    flat = " ".join(text.split(maxsplit=SHOWN_CHARS))
    return flat if len(flat) <= SHOWN_CHARS else f"{flat[:SHOWN_CHARS].rstrip()}..."
