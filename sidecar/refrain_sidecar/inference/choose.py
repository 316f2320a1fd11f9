"""Which engine answers: Ollama if it is there with the model, else the embedded one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import monotonic
from typing import TYPE_CHECKING

from attrs import asdict, evolve, field, frozen

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.inference import models
from refrain_sidecar.inference.errors import (
    EngineFailed,
    EngineUnreachable,
    InferenceError,
    ModelMissing,
    NoEngine,
)
from refrain_sidecar.inference.last_known import Identity, LastKnown
from refrain_sidecar.inference.ollama import failures
from refrain_sidecar.inference.ollama.client import OllamaClient, find_tag
from refrain_sidecar.inference.ollama.messages import OLLAMA_MAX_LOGPROBS

if TYPE_CHECKING:
    from refrain_sidecar.inference.embedded import EmbeddedProcess

log = logging.getLogger("refrain.inference")

# Every command must say within 2 s that there is no engine; this leaves it time to say so.
LOOK_LONGEST_S = 1.5
# A model can be pulled anew under its old name while we run: this old, a choice is looked at
# again behind the scenes.
LOOK_AGAIN_S = 60.0
# Nor does a stored answer wait for an engine that was away so short a while ago.
AWAY_S = 2.0


@frozen
class Engine(Identity):
    """What answers. `max_logprobs` is how many alternatives a token it gives."""

    base_url: str
    max_logprobs: int
    client: OllamaClient

    @property
    def scores_words(self) -> bool:
        """Whether it scores any words asked for (`logprob_tokens`), as Ollama does not."""
        return self.max_logprobs > OLLAMA_MAX_LOGPROBS


@frozen
class Offline(Identity):
    """What the engine last was, while it is away; `reason` says why, and what to start.

    `look` is the last look for it. It may be under way, and find it.
    """

    reason: str
    look: asyncio.Task[Engine] = field(eq=False, repr=False)
    base_url: None = None


class EngineChooser:
    """Chooses once and remembers; `forget` makes the next request choose again.

    Belongs to one event loop. Requests that come while it chooses share the one choice.

    `found` and `problem` say what the last look came to (None: nobody has looked, or there is
    nothing to say); `changed` is called when that changes. `serving` is entered while the engine
    makes an answer for somebody.
    """

    def __init__(self, settings: Settings, num_thread: int) -> None:
        self._inference = settings.inference
        self._networking = settings.networking
        self._num_thread = num_thread
        self._last_known = LastKnown(settings)
        self.found: Engine | Offline | None = None
        self.problem: str | None = None
        self.changed: Callable[[], None] = lambda: None
        self.serving: Callable[[], AbstractContextManager[None]] = nullcontext
        self._engine: Engine | None = None
        self._looked_at = 0.0
        self._looking_now: asyncio.Task[Engine] | None = None
        self._ollama: OllamaClient | None = None
        self._embedded: OllamaClient | None = None
        self._process: EmbeddedProcess | None = None

    async def engine(self) -> Engine:
        """The engine that answers.

        With `engine` "auto" raises NoEngine when there is neither, within 2 s; with "ollama" or
        "embedded" raises what that engine failed with. The message says what to do.
        """
        if (engine := self._remembered()) is not None:
            return engine
        return await asyncio.shield(self._look())

    async def known(self) -> Engine | Offline:
        """The engine that answers or, while it is away, what it last was, without waiting for it.

        Raises as `engine` does when that is not known.
        """
        if (engine := self._remembered()) is not None:
            return engine
        if isinstance(self.found, Offline):
            if monotonic() - self._looked_at > AWAY_S:
                self.found = evolve(self.found, look=self._look())
            return self.found
        try:
            return await self.engine()
        except InferenceError:
            if not isinstance(self.found, Offline):
                raise
            return self.found

    def forget(self) -> None:
        """Choose again at the next request. For one, after EngineUnreachable or ModelMissing."""
        self._engine = None

    async def close(self) -> None:
        """Close all connections and stop the embedded engine, if it was started here."""
        self.forget()
        if self._looking_now is not None:
            self._looking_now.cancel()
            await asyncio.gather(self._looking_now, return_exceptions=True)
        for client in (self._ollama, self._embedded):
            if client is not None:
                await client.close()
        self._ollama = self._embedded = None
        if self._process is not None:
            await self._process.stop()
            self._process = None

    # --- choosing ---------------------------------------------------------------------------

    def _look(self) -> asyncio.Task[Engine]:
        """The look under way, or a new one."""
        if self._looking_now is None:
            self._looking_now = asyncio.create_task(self._choose())
            self._looking_now.add_done_callback(self._looked)
        return self._looking_now

    async def _choose(self) -> Engine:
        wanted = self._inference.engine
        if wanted == "ollama":
            return await self._look_at_ollama()
        if wanted == "embedded":
            return await self._start_embedded()
        return await self._either()

    def _looked(self, task: asyncio.Task[Engine]) -> None:
        self._looking_now, self._looked_at = None, monotonic()
        if task.cancelled():
            return
        before = (self.found, self.problem)
        # Asked for here, a failure counts as seen: whoever waited for it may have been cancelled.
        error = task.exception()
        if error is None:
            self._found(task.result())
        else:
            self._engine = None
            self.problem = str(error)
            last = self._last_known.read() if isinstance(error, InferenceError) else None
            self.found = Offline(**asdict(last), reason=str(error), look=task) if last else None
        if before != (self.found, self.problem):
            self.changed()

    def _found(self, engine: Engine) -> None:
        before = self.found
        self._engine = self.found = engine
        self.problem = None
        if engine == before:
            return
        named = f"{engine.name} {engine.version} at {engine.base_url} with {engine.model}"
        log.info("The engine is %s", named)
        if before is not None and before.digest != engine.digest:
            log.info("The model has changed: %s → %s", before.digest[:12], engine.digest[:12])
        identity = Identity(engine.name, engine.model, engine.digest, engine.version)
        asyncio.get_running_loop().run_in_executor(None, self._last_known.keep, identity)

    async def _either(self) -> Engine:
        try:
            return await self._look_at_ollama()
        except InferenceError as error:
            no_ollama = error
        log.info("Ollama cannot answer, so the embedded engine is tried: %s", no_ollama.message)
        if models.installed() is None:
            raise self._neither(no_ollama, "The embedded engine is not installed.")
        try:
            return await self._start_embedded()
        except InferenceError as error:
            raise self._neither(no_ollama, error.message) from error

    def _neither(self, no_ollama: InferenceError, no_embedded: str) -> NoEngine:
        model = self._inference.model
        if isinstance(no_ollama, ModelMissing):
            advice = f"run `ollama pull {model}`"
        elif isinstance(no_ollama, EngineUnreachable):
            advice = f"start Ollama (`ollama serve`) and run `ollama pull {model}`"
        else:
            advice = "put Ollama right"
        return NoEngine(
            f"No engine can answer. {no_ollama.message} {no_embedded} Do one of the two: {advice}, "
            "or run `refrain models fetch`, which installs a small model of our own."
        )

    # --- Ollama -----------------------------------------------------------------------------

    async def _look_at_ollama(self) -> Engine:
        if self._ollama is None:
            self._ollama = OllamaClient(self._inference.base_url, self._networking)
        client = self._ollama
        model = self._inference.model
        seconds = min(self._networking.connect_timeout, LOOK_LONGEST_S)
        target = failures.Target("ollama", client.base_url, "/api/tags", model)
        try:
            # To find nobody is an answer, so looking is not repeated.
            async with asyncio.timeout(seconds), self._looking() as looking:
                version, tags = await looking.version(), await looking.tags()
        except TimeoutError as error:
            raise EngineUnreachable(
                f"{target.name} did not answer within {seconds:g} s. {target.start_it}"
            ) from error
        tag = find_tag(tags, model)
        if tag is None:
            raise failures.model_missing(target)
        return Engine(
            name="ollama",
            model=tag.name,
            digest=tag.digest,
            version=version.version,
            base_url=client.base_url,
            max_logprobs=version.max_logprobs,
            client=client,
        )

    def _looking(self) -> OllamaClient:
        return OllamaClient(self._inference.base_url, evolve(self._networking, retries=0))

    # --- embedded ---------------------------------------------------------------------------

    async def _start_embedded(self) -> Engine:
        # Only whoever needs the embedded engine pays for importing it.
        from refrain_sidecar.inference.embedded import EmbeddedProcess, EmbeddedStartFailed

        if models.installed() is None:
            raise NoEngine(
                "The embedded engine is not installed. Install it with `refrain models fetch`, or "
                "set inference.engine to ollama."
            )
        if self._process is None:
            self._process = EmbeddedProcess(
                num_threads=self._num_thread, num_ctx=self._inference.num_ctx
            )
        try:
            base_url = await self._process.start()
        except EmbeddedStartFailed as error:
            raise EngineFailed(
                f"{error} Try `refrain models fetch`, which repairs what is broken."
            ) from error
        if self._embedded is not None and self._embedded.base_url != base_url.rstrip("/"):
            await self._embedded.close()  # its process is gone, and with it all it served
            self._embedded = None
        if self._embedded is None:
            self._embedded = OllamaClient(base_url, self._networking, "embedded", self._process.key)
        client = self._embedded
        version, tags = await client.version(), await client.tags()
        if not tags:
            raise EngineFailed(
                f"The embedded engine at {client.base_url} names no model. Fetch it again with "
                "`refrain models fetch`."
            )
        return Engine(
            name="embedded",
            model=tags[0].name,
            digest=tags[0].digest,
            version=version.version,
            base_url=client.base_url,
            max_logprobs=version.max_logprobs,
            client=client,
        )

    # --- remembering ------------------------------------------------------------------------

    def _remembered(self) -> Engine | None:
        engine = self._engine
        if engine is None:
            return None
        if engine.name == "embedded":
            if self._process is not None and self._process.alive:
                return engine
            log.warning("The embedded engine has ended; it is started anew.")
            self.forget()
            return None
        if monotonic() - self._looked_at > LOOK_AGAIN_S:
            self._look()
        return engine
