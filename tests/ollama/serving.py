"""A real Ollama of the tests’ own: port, models and HOME are its own, so no user’s is touched.

    python -m tests.ollama.serving

prints its URL and serves until Ctrl-C, or until stdin closes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from attrs import define, field
from tests.ollama.binary import NoOllama, binary
from tests.ports import free_port

from refrain_sidecar.inference.models.installation import weights_installed
from refrain_sidecar.inference.models.manifest import manifest, weights_path

MODEL = manifest().weights.model
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 10.0
_LOOK_EVERY_S = 0.05
_TAIL_LINES = 20


class OllamaFailed(Exception):
    """It did not do what it was told; the message has its last words."""


@define(eq=False)
class RealOllama:
    """An Ollama at a port of its own, with all it keeps in `home`. It ends with this process.

    `environment` is what it is told beside its place, such as OLLAMA_NUM_PARALLEL.
    """

    binary: Path
    home: Path
    port: int
    environment: dict[str, str] = field(factory=dict)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def base_url(self) -> str:
        """Where it answers, or will."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it has said since it was first started."""
        return self.home / "ollama.log"

    def start(self) -> None:
        """Start it, on the same port every time, and wait until it answers. Raises OllamaFailed.

        Does nothing if it runs.
        """
        if self._process is not None and self._process.poll() is None:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("guard.py"), self.binary, "serve"],
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # A group of its own: Ctrl-C is for us, and all of it can be killed at once.
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise OllamaFailed(f"Ollama did not start. Its last words:\n{self._last_words()}")
            time.sleep(_LOOK_EVERY_S)

    def stop(self) -> None:
        """End it as a user does who quits it. Does nothing if it does not run."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        # It may have ended already.
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it at once, with its runner and with whatever it is doing."""
        if self._process is None:
            return
        # Once it is over its number may be another's.
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process = None

    def create(self, name: str, modelfile: str) -> None:
        """Make a model from the text of a Modelfile. Raises OllamaFailed."""
        with tempfile.NamedTemporaryFile("w", suffix=".Modelfile", encoding="utf-8") as file:
            file.write(modelfile)
            file.flush()
            done = subprocess.run(
                [self.binary, "create", name, "-f", file.name],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode != 0:
            raise OllamaFailed(f"Ollama did not create {name}: {done.stderr.strip()}")

    def copy(self, source: str, name: str) -> None:
        """Give the model `source` a second name. Raises OllamaFailed."""
        self._ask("POST", "/api/copy", {"source": source, "destination": name})

    def remove(self, name: str) -> None:
        """Delete a model. Raises OllamaFailed."""
        self._ask("DELETE", "/api/delete", {"model": name})

    def _ask(self, method: str, path: str, body: dict[str, str]) -> None:
        with httpx.Client(base_url=self.base_url, trust_env=False) as client:
            answer = client.request(method, path, json=body)
        if answer.is_error:
            raise OllamaFailed(f"{method} {path} {body}: {answer.status_code} {answer.text}")

    def _answers(self) -> bool:
        try:
            httpx.get(f"{self.base_url}/api/version", trust_env=False)
        except httpx.TransportError:
            return False
        return True

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])

    def _environment(self) -> dict[str, str]:
        ours = {name: text for name, text in os.environ.items() if not name.startswith("OLLAMA_")}
        return {
            **ours,
            "HOME": str(self.home),
            "OLLAMA_HOST": f"127.0.0.1:{self.port}",
            "OLLAMA_MODELS": str(self.home / "models"),
            "OLLAMA_NO_CLOUD": "1",
            **self.environment,
        }


@contextmanager
def serving(**environment: str) -> Iterator[RealOllama]:
    """A real Ollama that has `MODEL`; it and all it kept are gone afterwards.

    Raises NoOllama when there is none or its weights are missing, OllamaFailed.
    """
    wanted = manifest()
    if not weights_installed(wanted):
        raise NoOllama("The model is missing: run `make models`.")
    program = binary()
    with tempfile.TemporaryDirectory(prefix="refrain-ollama-") as home:
        ollama = RealOllama(program, Path(home), free_port(), environment)
        try:
            ollama.start()
            # On one thread unless told otherwise: beside other work two would wait for each other.
            ollama.create(MODEL, f"FROM {weights_path(wanted)}\nPARAMETER num_thread 1\n")
            yield ollama
        finally:
            ollama.stop()


def main() -> None:
    # So that what it keeps is removed then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        with suppress(KeyboardInterrupt), serving() as ollama:
            print(ollama.base_url, flush=True)
            sys.stdin.read()
    except (NoOllama, OllamaFailed) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
