"""Stage 2 line by line: how a model too small for a form writes to a feeling.

Bound to JSON, SmolLM2-135M failed the form in one of three answers; in plain lines, each checked
before the next is asked for, it keeps it. Every line continues the same prompt, so the engine has
all but the last line in its KV cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from refrain_sidecar.enrichment import schemas, writing_prompt
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.errors import AnswerInvalid
from refrain_sidecar.enrichment.phase import Phase
from refrain_sidecar.enrichment.results import PostEnrichment
from refrain_sidecar.enrichment.wheel import Place
from refrain_sidecar.enrichment.writing import check_line, cut, tidy
from refrain_sidecar.inference.choose import Engine
from refrain_sidecar.inference.messages import Message

SAMPLING = MappingProxyType({"repeat_penalty": 1.1, "repeat_last_n": 64})
# The longest each line may be. They share the cap of Stage 2 evenly, so together they keep it
# however they come out.
CHARS = (*[schemas.LINE_CHARS] * 3, *[schemas.TIP_CHARS] * 3, schemas.CLOSING_CHARS)
# Each try has another seed and is a little warmer, so that it does not say the same again.
TRIES = 6
WARMER = 0.1


async def write_lines(
    asking: Asking,
    engine: Engine,
    place: Place,
    invoked: Sequence[str],
    phase: Phase | None,
    *,
    cap: int,
) -> PostEnrichment:
    """Three poem lines, three tips, a closing line, and the tone the model thinks likeliest.

    Raises InferenceError, and AnswerInvalid when one line fails its check `TRIES` times.
    """
    messages = writing_prompt.line_messages(place, invoked, phase)
    shown = writing_prompt.example_lines(place.primary)
    lines: list[str] = []
    for chars in CHARS:
        prompt = (*messages, Message("assistant", writing_prompt.page(lines)))
        lines.append(
            await _line(asking, engine, prompt, chars, cap // len(CHARS), {*shown, *lines})
        )
    prompt = (*messages, Message("assistant", writing_prompt.page(lines)))
    tone = await _likeliest(asking, engine, prompt)
    *tips, closing = (line.rstrip(",;") for line in lines[3:])
    return PostEnrichment(poem=lines[:3], tips=tips, closing=closing, tone=tone)


async def _line(
    asking: Asking,
    engine: Engine,
    messages: Sequence[Message],
    chars: int,
    cap: int,
    taken: set[str],
) -> str:
    fault = ""
    for attempt in range(TRIES):
        said = await asking.line(
            engine, messages, cap=cap, attempt=attempt, warmer=WARMER, sampling=SAMPLING
        )
        found = tidy(cut(said, chars))
        try:
            check_line(found, taken)
        except ValueError as error:
            fault = str(error)
            continue
        return found
    raise AnswerInvalid(
        f"{engine.model} wrote no usable line in {TRIES} tries: {fault}. Nothing was stored. Try "
        "again, or choose a larger model in perf_config.json (inference.model)."
    )


async def _likeliest(asking: Asking, engine: Engine, messages: Sequence[Message]) -> str:
    found = await asking.next_token(engine, messages, words=[f" {tone}" for tone in schemas.TONES])
    if found is None:
        return schemas.TONES[0]
    logprobs = [logprob for _, logprob in found.top]
    return schemas.TONES[logprobs.index(max(logprobs))]
