"""The parent's side: starting the embedded engine, seeing it end, stopping it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sys
from collections import deque

from refrain_sidecar.inference.child_environment import child_environment

# Importing the web stack takes about a second on a slow disk; the model loads later.
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 3.0
# Where the child finds its key.
KEY_VARIABLE = "REFRAIN_ENGINE_KEY"
_KEPT_LINES = 20

log = logging.getLogger(__name__)

# llama.cpp's threads meet some 750 times a token. GNU OpenMP spins there far longer than a token
# takes before a thread sleeps, which is ruinous beside other work: two threads then often share one
# core, and each meeting costs the whole spin. A token of SmolLM2-135M took 385 ms there with 10,000
# turns (244 µs), 74 with 3000, 34 with 1000, 21 with 300, 16 with none. On idle cores not to spin
# at all makes 24 ms of 14; 1000 turns (24 µs) outlast the 19 µs from one meeting to the next.
PATIENT_THREADS = {"GOMP_SPINCOUNT": "1000"}


class EmbeddedStartFailed(Exception):
    """The child ended or stayed silent instead of answering; `lines` are its last on stderr."""

    def __init__(self, why: str, lines: tuple[str, ...]) -> None:
        said = "\n".join(lines) or "it said nothing"
        super().__init__(f"The embedded engine did not start: {why}. Its last words:\n{said}")
        self.lines = lines


class EmbeddedProcess:
    """One embedded engine, as a child of this process.

    `num_threads` and `num_ctx` serve requests that name neither. The child has pipes of its own,
    so it can never write into ours, and it ends with this process, also when that is killed.
    Every request to it has to bring `key` as a bearer token: other users' requests do not.
    """

    def __init__(self, num_threads: int, num_ctx: int) -> None:
        self._num_threads = num_threads
        self._num_ctx = num_ctx
        self.key = secrets.token_urlsafe(32)
        self._starting = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._base_url = ""
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._reading: list[asyncio.Task[None]] = []

    @property
    def alive(self) -> bool:
        """Whether the child runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._process.pid if self._process is not None and self.alive else None

    async def start(self) -> str:
        """The child's base URL; starts it unless it runs. Raises EmbeddedStartFailed.

        Several callers at once share one start. A child that crashed is replaced.
        """
        async with self._starting:
            if self.alive:
                return self._base_url
            if self._process is not None:
                log.warning(
                    "the embedded engine ended with status %s; it is started again. "
                    "Its last words: %s",
                    self._process.returncode,
                    " | ".join(self._lines) or "none",
                )
            await self._forget()
            try:
                await self._start()
            except BaseException:
                await self._end()
                raise
            return self._base_url

    async def stop(self) -> None:
        """Ends the child. Does nothing if none runs."""
        async with self._starting:
            await self._end()

    async def _start(self) -> None:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "refrain_sidecar.inference.embedded"),
            *("--threads", str(self._num_threads)),
            *("--ctx", str(self._num_ctx)),
            *("--parent", str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**PATIENT_THREADS, **child_environment(), KEY_VARIABLE: self.key},
        )
        assert process.stdout is not None
        assert process.stderr is not None
        reading_stderr = asyncio.create_task(self._keep_lines(process.stderr))
        self._reading = [reading_stderr]
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                line = await process.stdout.readline()
        except TimeoutError:
            why = f"it was silent for {START_TIMEOUT_S:g} s"
            raise EmbeddedStartFailed(why, tuple(self._lines)) from None
        if not line:
            status = await process.wait()
            await reading_stderr
            raise EmbeddedStartFailed(f"it ended with status {status}", tuple(self._lines))
        self._base_url = str(json.loads(line)["base_url"])

    async def _keep_lines(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            text = line.decode(errors="replace").rstrip()
            self._lines.append(text)
            log.debug("embedded engine: %s", text)

    async def _end(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            # Closing its pipe is the polite way; it works on every system.
            assert process.stdin is not None
            process.stdin.close()
            try:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await process.wait()
            except TimeoutError:
                log.warning("the embedded engine did not end by itself; it is killed")
                process.kill()
                await process.wait()
        await self._forget()

    async def _forget(self) -> None:
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        self._reading = []
        self._process = None
        self._lines.clear()
