"""How a model is asked about a picture."""

from __future__ import annotations

from refrain_sidecar.enrichment.text import checked, unturned
from refrain_sidecar.inference.ollama.messages import Message

# Changes with `asked`; the question itself is an ingredient of its own.
VISION_ID = "vision/1"

DESCRIBE = "Describe this picture in two or three sentences: what it shows, and what mood it is in."
# What Ollama puts in the place of a picture: said in a question, it would mean another one.
_PLACE = "[img"


def question_of(text: str) -> str:
    """What is asked: `text`, or to describe the picture. Raises InputRefused as `checked` does."""
    return checked(text) if text.strip() else DESCRIBE


def asked(question: str, picture: bytes) -> Message:
    """The question with its picture, which the model's template puts before it."""
    return Message("user", unturned(question).replace(_PLACE, "(img"), images=(picture,))
