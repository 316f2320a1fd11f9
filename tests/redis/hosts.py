"""Hosts as folders: each with a configuration and a cache of its own, and `refrain` run in them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from attrs import define, field

_TIMEOUT_S = 120.0


async def until(true: Callable[[], object]) -> None:
    """Wait until something is so that cannot tell by itself."""
    async with asyncio.timeout(_TIMEOUT_S):
        while not true():  # noqa: ASYNC110 - other processes set no Event
            await asyncio.sleep(0.02)


@define(eq=False)
class Command:
    """A `refrain` that runs, in a process group of its own."""

    process: asyncio.subprocess.Process
    log: Path

    def send(self, number: signal.Signals) -> None:
        """Give it a signal; nothing if it has ended."""
        if self.process.returncode is None:
            self.process.send_signal(number)

    async def status(self, timeout_s: float = _TIMEOUT_S) -> int:
        """How it ended."""
        return await asyncio.wait_for(self.process.wait(), timeout_s)

    def said(self) -> str:
        """What it has said on stderr."""
        return self.log.read_text("utf-8", errors="replace")

    async def until_said(self, words: str) -> None:
        """Wait until it has said `words`."""
        await until(lambda: words in self.said() or self.process.returncode is not None)
        assert words in self.said(), self.said()


@define
class Host:
    """A folder that stands for a machine. What was started on it ends with `close`."""

    folder: Path
    commands: list[Command] = field(factory=list)

    def configure(self, redis: str, engine: str = "http://127.0.0.1:1", **sections: Any) -> None:
        """Write its configuration: the server it shares, its engine, and what `sections` say."""
        caching = {"cache_dir": "./cache", **sections.pop("caching", {})}
        caching["shared"] = {"url": redis, **caching.get("shared", {})}
        inference = {"engine": "ollama", "base_url": engine, "model": "m:1"}
        inference = sections.pop("inference", inference)
        config = self.folder / "config" / "perf_config.json"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(json.dumps({"inference": inference, "caching": caching, **sections}))

    async def start(self, *arguments: str | Path, **environment: str) -> Command:
        """Start `refrain`; its standard output goes to a file named `out`."""
        log = self.folder / f"{len(self.commands)}.log"
        with log.open("wb") as err, (self.folder / "out").open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "refrain_sidecar.cli", *map(str, arguments)),
                cwd=self.folder,
                env={**os.environ, "COLUMNS": "200", **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        command = Command(process, log)
        self.commands.append(command)
        return command

    async def run(self, *arguments: str | Path, **environment: str) -> tuple[int, str, str]:
        """Run `refrain` to its end: its status and what it said on stdout and stderr."""
        command = await self.start(*arguments, **environment)
        status = await command.status()
        return status, (self.folder / "out").read_text("utf-8"), command.said()

    async def close(self) -> None:
        """End what still runs."""
        for command in self.commands:
            if command.process.returncode is None:
                command.process.kill()
                await command.process.wait()

    def write(self, name: str, lines: Iterable[dict[str, Any] | str]) -> Path:
        """A file of lines here."""
        path = self.folder / name
        texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
        path.write_text("".join(f"{text}\n" for text in texts), "utf-8")
        return path


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of results."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
