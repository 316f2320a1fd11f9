"""Enrich a file of reflections: both stages, a few at a time, in order, resumable.

Input and output are JSON lines. A line of input is `{"rid", "normalized_text", "timestamp"?}`; its
line of output is the same object with the enrichment's fields and `post_enrichment` added.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

from attrs import define, field, frozen

from refrain_sidecar.enrichment import EnrichmentError, InputRefused
from refrain_sidecar.service.assembly import Assembly
from refrain_sidecar.service.stages import parse_timestamp


@frozen
class Reflection:
    """One good line of input: its number (from 1), its id, its text and the whole object."""

    number: int
    rid: str | int
    text: str
    timestamp: str | None
    record: dict[str, Any]


@frozen
class BadLine:
    """A line that is skipped, by its number (from 1), and why."""

    number: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.number} skipped: {self.reason}"


@define
class Tally:
    """What became of the lines."""

    enriched: int = 0
    already_done: int = 0
    bad: list[BadLine] = field(factory=list)


def read_line(number: int, line: bytes) -> Reflection | BadLine:
    """One line of input, checked."""
    try:
        record = json.loads(line)
    except ValueError as error:
        return BadLine(number, f"not JSON ({error})")
    if not isinstance(record, dict):
        return BadLine(number, "not a JSON object")
    rid, text = record.get("rid"), record.get("normalized_text")
    if isinstance(rid, bool) or not isinstance(rid, str | int):
        return BadLine(number, '"rid" must be a string or a whole number')
    if not isinstance(text, str) or not text.strip():
        return BadLine(number, '"normalized_text" must be a string that is not empty')
    timestamp = record.get("timestamp")
    try:
        parse_timestamp(timestamp)
    except (InputRefused, TypeError):
        return BadLine(number, '"timestamp" must be ISO 8601, such as 2026-10-29T08:30:00')
    return Reflection(number, rid, text, timestamp, record)


class Output:
    """The file of results. Every line is written whole, so that stopping leaves a valid file."""

    def __init__(self, stream: BinaryIO, done: set[str | int]) -> None:
        self._stream = stream
        self.done = done

    @classmethod
    def continuing(cls, path: Path) -> Output:
        """Append to `path`; `done` holds the ids it has. A line cut short by a crash is removed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+b")
        stream.seek(0)
        done: set[str | int] = set()
        end = 0
        for line in stream:
            try:
                done.add(json.loads(line)["rid"])
            except (ValueError, KeyError, TypeError):
                if not line.endswith(b"\n"):
                    break
            end += len(line)
        stream.truncate(end)
        stream.seek(end)
        return cls(stream, done)

    def write(self, record: dict[str, Any]) -> None:
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        self._stream.write(line.encode() + b"\n")
        self._stream.flush()
        self.done.add(record["rid"])


async def enrich_lines(
    parts: Assembly,
    lines: Iterable[bytes],
    output: Output,
    *,
    jobs: int,
    advance: Callable[[], None],
    report: Callable[[BadLine], None],
) -> Tally:
    """Enrich each line that `output` does not have yet, `jobs` at a time, in the input's order.

    `advance` is called once a line, `report` for each bad one. Raises InferenceError when the
    engine fails: what was written stays, and a second run goes on from there.
    """
    tally = Tally()
    async for found in _in_order(parts, lines, output.done, jobs):
        match found:
            case BadLine():
                tally.bad.append(found)
                report(found)
            case None:
                tally.already_done += 1
            case _:
                output.write(found)
                tally.enriched += 1
        advance()
    return tally


async def _in_order(
    parts: Assembly, lines: Iterable[bytes], done: set[str | int], jobs: int
) -> AsyncIterator[dict[str, Any] | BadLine | None]:
    """The result of each line, in order, with at most `jobs` begun and not yet taken."""
    begun: deque[asyncio.Task[dict[str, Any] | BadLine | None]] = deque()
    try:
        for number, line in enumerate(lines, 1):
            if line.strip():
                begun.append(asyncio.create_task(_one(parts, read_line(number, line), done)))
            if len(begun) >= jobs:
                yield await begun.popleft()
        while begun:
            yield await begun.popleft()
    finally:
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)


async def _one(
    parts: Assembly, line: Reflection | BadLine, done: set[str | int]
) -> dict[str, Any] | BadLine | None:
    if isinstance(line, BadLine):
        return line
    if line.rid in done:
        return None
    timestamp = parse_timestamp(line.timestamp)
    try:
        first = await parts.scorer.score(line.text, timestamp=timestamp)
        second = await parts.post_enricher.write(first.value, timestamp=timestamp)
    except (EnrichmentError, InputRefused) as error:
        return BadLine(line.number, str(error))
    return {**line.record, **first.value, "post_enrichment": second.value}
