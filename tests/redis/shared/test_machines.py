"""One inference on any machine. Hosts are network namespaces, whose links can be cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import redis
from attrs import define, field
from tests.redis.programs import Kind, program
from tests.redis.serving import RealServer

_HOSTS, _EQUAL = 4, 25
_PATIENCE_S = 60.0
_REPOSITORY = Path(__file__).parents[3]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@define
class Network:
    """A switch of our own, with a namespace at each port; traffic goes nowhere else."""

    tag: str
    names: list[str] = field(factory=list)

    def host(self, number: int) -> tuple[str, ...]:
        """Make host `number`, at 10.99.0.`number`; gives what runs a command there."""
        name, link = f"{self.tag}h{number}", f"{self.tag}v{number}"
        ip("netns", "add", name)
        self.names.append(name)
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", link, "netns", self.names[0])
        inside = ("netns", "exec", self.names[0], "ip", "link", "set", link)
        ip(*inside, "master", "switch")
        ip(*inside, "up")
        there = ("netns", "exec", name, "ip")
        ip(*there, "address", "add", f"10.99.0.{number}/24", "dev", "eth0")
        ip(*there, "link", "set", "eth0", "up")
        ip(*there, "link", "set", "lo", "up")
        return ("ip", "netns", "exec", name)

    def cut(self, number: int) -> None:
        """Cut the link of a host, as when its cable is pulled."""
        link = f"{self.tag}v{number}"
        ip("netns", "exec", self.names[0], "ip", "link", "set", link, "down")


@pytest.fixture
def network() -> Iterator[Network]:
    network = Network(f"rf{os.getpid() % 10_000}")
    switch = f"{network.tag}s"
    try:
        ip("netns", "add", switch)
        network.names.append(switch)
        ip("netns", "exec", switch, "ip", "link", "add", "switch", "type", "bridge")
        ip("netns", "exec", switch, "ip", "link", "set", "switch", "up")
        yield network
    finally:
        for name in reversed(network.names):
            ip("netns", "delete", name)


@define(eq=False)
class Host:
    """A running host, and its lines as they come with the moment at which they came."""

    process: subprocess.Popen[str]
    lines: Queue[tuple[float, str]] = field(factory=Queue)

    @classmethod
    def start(cls, prefix: tuple[str, ...], url: str, folder: Path, compute_s: float) -> Host:
        command = (sys.executable, "-m", "tests.redis.shared.host", url, str(folder), "a question")
        process = subprocess.Popen(
            [*prefix, *command, str(compute_s)],
            cwd=_REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        host = cls(process)
        threading.Thread(target=host._read, daemon=True).start()
        return host

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put((time.monotonic(), line))

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def until(self, word: str) -> float:
        """When it said that."""
        while True:
            at, line = self.lines.get(timeout=_PATIENCE_S)
            if line.startswith(word):
                return at

    def result(self) -> dict[str, Any]:
        while True:
            _, line = self.lines.get(timeout=_PATIENCE_S)
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found


class Elsewhere(RealServer):
    """A server in a namespace, which the test reaches by a socket: files are everybody's."""

    def client(self, **more: Any) -> redis.Redis:
        return redis.Redis(unix_socket_path=self.options["unixsocket"], retry=None, **more)


@pytest.fixture
def hosts(network: Network, kind: Kind, tmp_path: Path) -> Iterator[Any]:
    """Starts four hosts, ready to ask, beside a host with the server on it."""
    running: list[Host] = []
    with tempfile.TemporaryDirectory(prefix="refrain-") as home:
        options = {"protected-mode": "no", "unixsocket": f"{home}/socket"}
        where = {"host": "10.99.0.9", "prefix": network.host(9)}
        server = Elsewhere(program(kind), Path(home), 6379, options, **where)
        server.start()

        def start(compute_s: float) -> tuple[RealServer, list[Host]]:
            for number in range(1, _HOSTS + 1):
                there = network.host(number)
                folder = tmp_path / str(number)
                running.append(Host.start(there, server.url, folder, compute_s))
            for host in running:
                host.until("ready")
            return server, running

        try:
            yield start
        finally:
            for host in running:
                host.process.kill()
                host.process.wait()
            server.stop()


def test_equal_misses_on_four_hosts_are_one_inference(hosts: Any) -> None:
    _, running = hosts(1.0)
    for host in running:
        host.go()
    results = [host.result() for host in running]
    assert [result["answers"] for result in results] == [_EQUAL] * _HOSTS
    assert sum(len(result["runs"]) for result in results) == 1


def test_when_the_owners_link_is_cut_one_more_computes_within_five_seconds(
    hosts: Any, network: Network
) -> None:
    _, running = hosts(8.0)
    running[0].go()
    running[0].until("computing")
    for host in running[1:]:
        host.go()
    time.sleep(1.0)
    network.cut(1)
    cut_at = time.monotonic()
    results = [host.result() for host in running]
    began = [began for result in results[1:] for began in result["runs"]]
    assert [result["answers"] for result in results] == [_EQUAL] * _HOSTS
    assert len(results[0]["runs"]) == len(began) == 1
    taken_over_s = began[0] - (time.time() - (time.monotonic() - cut_at))
    print(f"taken over {taken_over_s:.2f} s after the cut")
    assert taken_over_s <= 5.0


@pytest.mark.parametrize("end", [RealServer.kill, RealServer.pause, RealServer.restart])
def test_when_the_server_goes_while_they_wait_all_have_their_answers(hosts: Any, end: Any) -> None:
    server, running = hosts(3.0)
    for host in running:
        host.go()
    time.sleep(1.0)
    end(server)
    results = [host.result() for host in running]
    assert [result["answers"] for result in results] == [_EQUAL] * _HOSTS
    # Each host asks its engine once at most.
    assert max(len(result["runs"]) for result in results) == 1
