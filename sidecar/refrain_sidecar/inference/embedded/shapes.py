"""Ollama's answers to generate and chat: the lines of a stream, and the whole answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from refrain_sidecar.inference.embedded.generation import Finish, Piece

Line = Mapping[str, Any]


def now() -> str:
    """The moment, as Ollama writes it (RFC 3339, UTC)."""
    return moment(datetime.now(UTC))


def moment(when: datetime) -> str:
    """`when` as Ollama writes it."""
    return when.isoformat().replace("+00:00", "Z")


def generate_line(model: str, piece: Piece) -> dict[str, Any]:
    """One line of a /api/generate stream."""
    return _line(model, piece, response=piece.text)


def generate_end(model: str, reason: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The last line of a /api/generate stream, or the whole of an answer without text."""
    return _end(model, reason, figures, response="")


def chat_line(model: str, piece: Piece) -> dict[str, Any]:
    """One line of a /api/chat stream."""
    return _line(model, piece, message=_message(piece.text))


def chat_end(model: str, reason: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The last line of a /api/chat stream, or the whole of an answer without text."""
    return _end(model, reason, figures, message=_message(""))


def rendered(model: str, prompt: str) -> dict[str, Any]:
    """The whole answer to a request that only asks how its prompt reads."""
    shown = {"_debug_info": {"rendered_template": prompt}}
    return {"model": model, "created_at": now(), "done": False, **shown}


def figures(finish: Finish, total_ns: int, load_ns: int) -> dict[str, int]:
    """Counts and durations in ns. Loading includes waiting for the model's turn."""
    return {
        "total_duration": total_ns,
        "load_duration": load_ns,
        "prompt_eval_count": finish.prompt_tokens,
        "prompt_eval_duration": finish.prompt_ns,
        "eval_count": finish.tokens,
        "eval_duration": finish.decode_ns,
    }


def fold_generate(lines: Sequence[Line]) -> Line:
    """A /api/generate stream as one answer."""
    return _folded(lines, response="".join(line["response"] for line in lines))


def fold_chat(lines: Sequence[Line]) -> Line:
    """A /api/chat stream as one answer."""
    return _folded(lines, message=_message("".join(line["message"]["content"] for line in lines)))


def _line(model: str, piece: Piece, **text: Any) -> dict[str, Any]:
    line = {"model": model, "created_at": now(), **text, "done": False}
    return {**line, "logprobs": list(piece.logprobs)} if piece.logprobs else line


def _end(model: str, reason: str, figures: Mapping[str, Any], **text: Any) -> dict[str, Any]:
    line = {"model": model, "created_at": now(), **text}
    return {**line, "done": True, "done_reason": reason, **figures}


def _folded(lines: Sequence[Line], **text: Any) -> Line:
    answer = {**lines[-1], **text}
    entries = [entry for line in lines for entry in line.get("logprobs", ())]
    if entries:
        answer["logprobs"] = entries
    return answer


def _message(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}
