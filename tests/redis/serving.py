"""A real Redis or Valkey of the tests' own, on a free port with a folder of its own.

No server of the system is touched, and what is started here ends with the test's process.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
from attrs import define, field
from tests.ollama import guard
from tests.redis.certificates import Certificates
from tests.redis.programs import Kind, Program, program

_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 10.0
_LOOK_EVERY_S = 0.02
_TAIL_LINES = 20


class ServerFailed(Exception):
    """It did not do what it was told; the message has its last words."""


@define(eq=False)
class RealServer:
    """A server at `host:port`, the same through every restart, with all it keeps in `home`.

    `options` are lines of its configuration, such as `{"maxmemory": "4mb"}`. `user` and `password`
    are those that `url` and `client` bring. `prefix` is what runs it elsewhere, such as
    `("ip", "netns", "exec", NAME)`; `host` is then an address there.
    """

    program: Program
    home: Path
    port: int
    options: dict[str, str] = field(factory=dict)
    user: str = ""
    password: str = ""
    certificates: Certificates | None = None
    host: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def kind(self) -> Kind:
        return self.program.kind

    @property
    def url(self) -> str:
        """Where it answers, or will, with who is to be said to ask."""
        scheme = "rediss" if self.certificates else "redis"
        who = f"{self.user}:{self.password}@" if self.password else ""
        return f"{scheme}://{who}{self.host}:{self.port}/0"

    @property
    def log(self) -> Path:
        """What it has said since it was first started."""
        return self.home / "server.log"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def client(self, **more: Any) -> redis.Redis:
        """A plain blocking client that tries once, as a person with redis-cli."""
        if self.certificates:
            more["ssl_ca_certs"] = str(self.certificates.authority)
        return redis.Redis.from_url(self.url, **{"retry": None, **more})

    def start(self) -> None:
        """Start it and wait until it answers. Raises ServerFailed. Does nothing if it runs."""
        if self.running:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.prefix, sys.executable, guard.__file__, *self._command()],
                env=self.program.environment(),
                cwd=self.home,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(f"{self.kind} did not start:\n{self._last_words()}")
            time.sleep(_LOOK_EVERY_S)

    def stop(self) -> None:
        """End it as systemd does: it writes what it has to. Does nothing if it does not run."""
        if self._process is None:
            return
        self.resume()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it at once, as `kill -9` or a power cut does. Does nothing if it does not run."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process = None

    def restart(self) -> None:
        """Stop it and start it again: without `aof` it may come back empty."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it hang: connections are taken by the system, and nothing is answered (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def configure(self, **settings: str) -> None:
        """Change its configuration while it runs: `configure(maxmemory="1mb")`, `_` for `-`."""
        with self.client() as client:
            for name, value in settings.items():
                client.config_set(name.replace("_", "-"), value)

    def follow(self, other: RealServer | None) -> None:
        """Become a read-only replica of `other`; of nobody with None."""
        with self.client() as client:
            if other is None:
                client.execute_command("REPLICAOF", "NO", "ONE")
            else:
                client.execute_command("REPLICAOF", other.host, str(other.port))

    def _command(self) -> list[str]:
        plain, secure = (0, self.port) if self.certificates else (self.port, 0)
        options = {"bind": self.host, "port": str(plain), "dir": str(self.home), "save": ""}
        if secure:
            assert self.certificates is not None
            options |= {
                "tls-port": str(secure),
                "tls-ca-cert-file": str(self.certificates.authority),
                "tls-cert-file": str(self.certificates.certificate),
                "tls-key-file": str(self.certificates.key),
                "tls-auth-clients": "no",
                "tls-replication": "yes",
            }
        if self.password and not self.user:
            options["requirepass"] = self.password
        options |= self.options
        # In a file: an option of several words, such as a user's rights, is one line there.
        lines = [f"{name} {value or chr(34) * 2}" for name, value in options.items()]
        file = self.home / "server.conf"
        file.write_text("\n".join(lines) + "\n", "utf-8")
        file.chmod(0o600)
        return [str(self.program.path), str(file)]

    def _signal(self, number: int) -> None:
        # Once it is over its number may be another's.
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _answers(self) -> bool:
        """Whether it answers, and has read what it kept."""
        try:
            with self.client(socket_timeout=1.0) as client:
                client.ping()
        except (redis.AuthenticationError, redis.exceptions.NoPermissionError):
            return True
        except redis.RedisError:
            return False
        return True

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])


@contextmanager
def serving(
    kind: Kind = "redis",
    *,
    aof: bool = False,
    tls: bool = False,
    user: str = "",
    password: str = "",
    host: str = "127.0.0.1",
    prefix: tuple[str, ...] = (),
    options: Mapping[str, str] | None = None,
) -> Iterator[RealServer]:
    """A started server; it and all it kept are gone afterwards. Raises NoServer, ServerFailed.

    `aof`: every write is on the disk before it is answered, so that a kill loses nothing.
    `user` needs its rule in `options`, such as `{"user": "worker on >secret ~* +@all"}`.
    """
    found = program(kind)
    with tempfile.TemporaryDirectory(prefix=f"refrain-{kind}-") as folder:
        home = Path(folder)
        given = {"appendonly": "yes", "appendfsync": "always"} if aof else {}
        server = RealServer(
            found,
            home,
            _free_port(host),
            {**given, **(options or {})},
            user,
            password,
            Certificates.make(home) if tls else None,
            host,
            prefix,
        )
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError:  # an address of another network namespace
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
