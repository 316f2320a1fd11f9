"""What a model sees in a picture, kept by the picture's bytes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from refrain_cache import AsyncCache, Fingerprint, Outcome, fingerprint
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.enrichment import log_lines
from refrain_sidecar.enrichment.asking import NO_SAMPLING, Asking
from refrain_sidecar.enrichment.errors import AnswerInvalid, EnrichmentError, InputRefused
from refrain_sidecar.enrichment.keeping import kept
from refrain_sidecar.enrichment.results import Described
from refrain_sidecar.enrichment.vision import vision_prompt
from refrain_sidecar.enrichment.vision.opening import opened
from refrain_sidecar.enrichment.vision.picture import Picture
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.errors import EngineFailed
from refrain_sidecar.inference.last_known import Identity

KIND = "vision_inference"

# Tokens. Three sentences take about 90; models that like to talk come to their end within this.
CAP = 400
# What did not come to an end is asked for once more, a little warmer.
_TRIES = 2
_WARMER = 0.1

Told = Callable[[str], None]


def silent(text: str) -> None:
    """The description nobody reads while it is written."""


class AsyncImageDescriber:
    """Describes pictures, or answers a question about one: equal bytes share an answer."""

    def __init__(
        self,
        cache: AsyncCache,
        chooser: EngineChooser,
        settings: Settings,
        log: logging.Logger = logging.getLogger("refrain"),  # noqa: B008 - a name, no state
    ) -> None:
        self._cache = cache
        self._redact = settings.logging.redact
        self._log = log
        self._asking = Asking(chooser, settings)

    async def describe(
        self, image: str, question: str = "", *, fresh: bool = False, told: Told = silent
    ) -> Outcome[Described]:
        """What is in `image`, a path or a `data:` URL, and how that came about.

        `told` hears what is written so far, again and again; of a stored answer it hears nothing.
        Raises InputRefused for what is no picture and for a model that does not see, before the
        engine is sent anything of it; EnrichmentError, InferenceError. Nothing is stored then.
        """
        said = vision_prompt.question_of(question)
        picture = await asyncio.to_thread(opened, image)
        outcome = await kept(
            self._cache,
            self._asking.chooser,
            lambda known: self._fingerprint(picture, said, known),
            lambda engine: self._compute(picture, said, engine, told),
            fresh=fresh,
            validate=validate,
            label=lambda _: picture.measures,
        )
        line = log_lines.vision(outcome, picture.name, len(picture.data), redact=self._redact)
        self._log.info("%s", line)
        return outcome

    def _fingerprint(self, picture: Picture, question: str, engine: Identity) -> Fingerprint:
        identity = self._asking.identity(
            engine, prompt=vision_prompt.VISION_ID, schema=None, cap=CAP
        )
        return fingerprint(
            KIND,
            picture.data,
            params={"question": question},
            identity=identity,
            private=("content", "params.question"),
        )

    async def _compute(
        self, picture: Picture, question: str, engine: Engine, told: Told
    ) -> Described:
        await self._seen_by(engine, picture)
        message = vision_prompt.asked(question, picture.data)
        for attempt in range(_TRIES):
            written = self._asking.text(
                engine, (message,), cap=CAP, attempt=attempt, warmer=_WARMER, sampling=NO_SAMPLING
            )
            text = ""
            try:
                async with aclosing(written) as pieces:
                    async for piece in pieces:
                        text += piece
                        told(text.strip())
            except EngineFailed as error:
                # It is this picture that it failed at: another engine would see none.
                raise EnrichmentError(
                    f"{error.message} It was looking at a picture ({picture.measures}): save that "
                    "anew, as PNG or smaller, and try again."
                ) from error
            if text.endswith("\n") and text.strip():
                return Described(description=text.strip())
        raise AnswerInvalid(
            f"{engine.model} said nothing of the picture, or came to no end within {CAP} tokens, "
            "twice. Nothing was stored. Ask something shorter, or choose another model."
        )

    async def _seen_by(self, engine: Engine, picture: Picture) -> None:
        formats = (await self._asking.abilities(engine)).sees
        if not formats:
            raise InputRefused(
                f"{engine.model} ({engine.name}) sees no pictures. Choose a model of Ollama's that "
                "does, such as gemma3 or llava: `refrain models use NAME`."
            )
        if picture.format not in formats:
            raise InputRefused(
                f"{engine.model} ({engine.name}) does not read {picture.format}, only "
                f"{' and '.join(formats)}. Save the picture as one of these."
            )


def validate(value: Any) -> None:
    """Raises ValueError for what describes nothing."""
    if not isinstance(value.get("description"), str) or not value["description"].strip():
        raise ValueError("there is no description")
