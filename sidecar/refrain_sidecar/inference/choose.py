"""Which engine answers: Ollama if it is there with a model, else the embedded one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import monotonic

from attrs import asdict, evolve, field, frozen

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.inference.errors import InferenceError, ModelMissing
from refrain_sidecar.inference.last_known import Identity, LastKnown
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.reaching.neither import neither
from refrain_sidecar.inference.reaching.reached import Reached
from refrain_sidecar.inference.reaching.shunning import Shunning
from refrain_sidecar.inference.reaching.to_embedded import ToEmbedded
from refrain_sidecar.inference.reaching.to_ollama import ToOllama
from refrain_sidecar.protocol import EngineName

log = logging.getLogger("refrain.inference")

# A model can be pulled anew under its old name while we run: this old, a choice is looked at
# again behind the scenes.
LOOK_AGAIN_S = 60.0
# While the embedded engine answers for want of Ollama, that may be started at any time.
LOOK_FOR_OLLAMA_S = 5.0
# Nor does a stored answer wait for an engine that was away so short a while ago.
AWAY_S = 2.0


@frozen
class Engine(Identity):
    """What answers; what it can do with its model is told by `abilities`."""

    base_url: str
    client: OllamaClient


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
    nothing to say), `why` in words why it is that model; `changed` is called when that changes.
    `serving` is entered while the engine makes an answer for somebody.
    """

    def __init__(self, settings: Settings, num_thread: int) -> None:
        self._inference = settings.inference
        self._last_known = LastKnown(settings)
        self.ollama = ToOllama(settings)
        self.embedded = ToEmbedded(settings, num_thread)
        self.found: Engine | Offline | None = None
        self.problem: str | None = None
        self.why: str | None = None
        self.changed: Callable[[], None] = lambda: None
        self.serving: Callable[[], AbstractContextManager[None]] = nullcontext
        self._engine: Engine | None = None
        self._looked_at = 0.0
        self._looking_now: asyncio.Task[Engine] | None = None
        self._failures: dict[EngineName, InferenceError] = {}
        self._without_ollama = Shunning()

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

    async def still(self, engine: Engine) -> bool:
        """Whether the model behind the engine's name is what it was; if not, forgets the engine.

        One look at Ollama, some ms. False too when that cannot be told. The embedded engine's
        weights do not change while it runs.
        """
        if engine.name == "embedded":
            return True
        if await self.ollama.digest_of(engine.model) == engine.digest:
            return True
        if self._engine == engine:
            self.forget()
        return False

    def gone(self, engine: Engine, error: InferenceError) -> None:
        """`engine` failed with `error` while it was asked: the next choice tries the other first.

        One whose model is missing may have another. Says nothing if the choice was made anew since.
        """
        if self._engine not in (None, engine):
            return
        self.forget()
        self._failures[engine.name] = error
        if engine.name == "embedded":
            self._without_ollama.end()
        elif not isinstance(error, ModelMissing):
            self._without_ollama.failed()
        log.info("%s is gone, so another engine is looked for: %s", engine.name, error.message)

    def forget(self) -> None:
        """Choose again at the next request."""
        self._engine = None

    def why_not(self, name: EngineName) -> str | None:
        """Why that engine does not answer, None where it does or nobody has looked yet."""
        wanted = self._inference.engine
        if wanted not in ("auto", name):
            return f"inference.engine is {wanted}"
        if self._engine is not None and self._engine.name == "ollama":
            return "Ollama answers, and is asked first" if name == "embedded" else None
        return self._failures[name].message if name in self._failures else None

    async def close(self) -> None:
        """Close all connections and stop the embedded engine, if it was started here."""
        self.forget()
        if self._looking_now is not None:
            self._looking_now.cancel()
            await asyncio.gather(self._looking_now, return_exceptions=True)
        await self.ollama.close()
        await self.embedded.close()

    # --- choosing ---------------------------------------------------------------------------

    def _look(self) -> asyncio.Task[Engine]:
        """The look under way, or a new one."""
        looking = self._looking_now
        if looking is None:
            looking = self._looking_now = asyncio.create_task(self._choose())
            looking.add_done_callback(self._looked)
        elif looking.done():
            # It has ended in this very turn of the loop, and nobody has been told yet.
            self._looked(looking)
        return looking

    async def _choose(self) -> Engine:
        wanted = self._inference.engine
        if wanted != "auto":
            return await self._reach(wanted)
        either: tuple[EngineName, EngineName] = ("ollama", "embedded")
        first, second = reversed(either) if self._without_ollama.now else either
        try:
            return await self._reach(first)
        except InferenceError as error:
            log.debug("%s cannot answer, so %s is tried: %s", first, second, error.message)
        try:
            return await self._reach(second)
        except InferenceError as error:
            failures = self._failures
            model = self._inference.model
            raise neither(failures["ollama"], failures["embedded"], model) from error

    async def _reach(self, name: EngineName) -> Engine:
        try:
            reached = await (self.ollama.look() if name == "ollama" else self.embedded.start())
        except InferenceError as error:
            before = self._failures.get(name)
            if before is None or before.message != error.message:
                log.info("%s cannot answer: %s", name, error.message)
            self._failures[name] = error
            raise
        self._failures.pop(name, None)
        self.why = reached.why
        return _engine(reached)

    # --- remembering ------------------------------------------------------------------------

    def _looked(self, task: asyncio.Task[Engine]) -> None:
        if task is not self._looking_now:
            return
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

    def _remembered(self) -> Engine | None:
        engine = self._engine
        if engine is None:
            return None
        embedded = engine.name == "embedded"
        if embedded and not self.embedded.alive:
            log.warning("The embedded engine has ended; it is started anew.")
            self.forget()
            return None
        if embedded and self._inference.engine == "embedded":
            return engine
        if monotonic() - self._looked_at > (LOOK_FOR_OLLAMA_S if embedded else LOOK_AGAIN_S):
            self._look()
        return engine


def _engine(reached: Reached) -> Engine:
    return Engine(
        name=reached.name,
        model=reached.tag.name,
        digest=reached.tag.digest,
        version=reached.version.version,
        base_url=reached.client.base_url,
        client=reached.client,
    )
