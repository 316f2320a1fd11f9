"""Run a file of texts through stages or a recipe: a few at a time, in order, resumable.

Input and output are JSON lines. A line of input is `{"rid", "normalized_text", "timestamp"?}`; its
line of output is the same object with the enrichment's fields and `post_enrichment` added. For a
recipe a line may have `file` and `inputs`, and gets `recipe`, `output` and `provenance`.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from attrs import define, field, frozen

from refrain_sidecar.enrichment import EnrichmentError, InputRefused
from refrain_sidecar.enrichment.recipes.definition import Definition, Given
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


# What became of a line: its line of output, what is wrong with it, None when it was done before.
Result = dict[str, Any] | BadLine | None
Task = asyncio.Task[Result]


@define
class Tally:
    """What became of the lines."""

    enriched: int = 0
    already_done: int = 0
    bad: list[BadLine] = field(factory=list)

    def take(self, found: Result, output: Output, report: Callable[[BadLine], None]) -> None:
        """Count what became of one line: written to `output`, reported as bad, or done before."""
        match found:
            case BadLine():
                self.bad.append(found)
                report(found)
            case None:
                self.already_done += 1
            case _:
                output.write(found)
                self.enriched += 1


def read_line(number: int, line: bytes) -> Reflection | BadLine:
    """One line of input, checked."""
    try:
        return reflection(number, _object(line))
    except ValueError as error:
        return BadLine(number, str(error))


def reflection(number: int, record: dict[str, Any]) -> Reflection | BadLine:
    """The object of a line of input, checked."""
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


def _object(line: bytes) -> dict[str, Any]:
    """The object on a line that can be written out again. Raises ValueError."""
    try:
        record = json.loads(line.decode("utf-8-sig"))
        json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it holds half a character (a lone surrogate)") from error
    except RecursionError as error:
        raise ValueError("its values are nested too deep") from error
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from error
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    return record


class Output:
    """The file of results. Every line is written whole, so that stopping leaves a valid file."""

    def __init__(self, stream: BinaryIO, name: str = "Standard output") -> None:
        self._stream = stream
        self._name = name
        self.done: set[str | int] = set()

    @classmethod
    def continuing(cls, path: Path) -> Output:
        """Append to `path`; `done` holds the ids it has. A line cut short by a crash is removed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            return cls(path.open("wb"), str(path))  # a pipe or a device
        stream = path.open("a+b")
        output = cls(stream, str(path))
        stream.seek(0)
        end, whole = 0, True
        for line in stream:
            whole = line.endswith(b"\n")
            try:
                output.done.add(_object(line)["rid"])
            except (ValueError, KeyError, TypeError):
                if line.startswith(b"{") and not whole:
                    stream.truncate(end)
                    return output
            end += len(line)
        if not whole:
            stream.write(b"\n")
        return output

    def write(self, record: dict[str, Any]) -> None:
        """Append the line of `record`. Raises OSError, with the output's name."""
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        try:
            # What half a character a model may have written becomes its JSON escape.
            self._stream.write(line.encode("utf-8", "backslashreplace") + b"\n")
            self._stream.flush()
        except OSError as error:
            error.filename = self._name
            raise
        self.done.add(record["rid"])


# What is done to each line: gives its line of output, or raises as `enriched` does.
Run = Callable[[Reflection], Awaitable[dict[str, Any]]]


async def run_lines(
    run: Run,
    lines: Iterable[bytes],
    output: Output,
    *,
    jobs: int,
    advance: Callable[[], None],
    report: Callable[[BadLine], None],
) -> Tally:
    """Run each line that `output` does not have yet, `jobs` at a time, in the input's order.

    `advance` is called once a line, `report` for each bad one. Raises InferenceError when the
    engine fails: what was written stays, and a second run goes on from there.
    """
    tally = Tally()
    async for found in _in_order(run, lines, output.done, jobs):
        tally.take(found, output, report)
        advance()
    return tally


async def _in_order(
    run: Run, lines: Iterable[bytes], done: set[str | int], jobs: int
) -> AsyncIterator[Result]:
    """The result of each line, in order, with at most `jobs` begun and not yet taken."""
    begun: deque[tuple[str | int | None, Task]] = deque()
    try:
        for number, raw in enumerate(lines, 1):
            if raw.strip():
                line = read_line(number, raw)
                rid = None if isinstance(line, BadLine) else line.rid
                same = next((task for its, task in reversed(begun) if its == rid), None)
                begun.append((rid, asyncio.create_task(_one(run, line, done, same))))
            if len(begun) >= jobs:
                yield await begun.popleft()[1]
        while begun:
            yield await begun.popleft()[1]
    finally:
        for _, task in begun:
            task.cancel()
        await asyncio.gather(*(task for _, task in begun), return_exceptions=True)


async def _one(
    run: Run, line: Reflection | BadLine, done: set[str | int], same: Task | None
) -> Result:
    """`same` is the task of an earlier line with the same id, still under way."""
    if isinstance(line, BadLine):
        return line
    if line.rid in done or (same is not None and not isinstance(await same, BadLine)):
        return None
    try:
        return await run(line)
    except (EnrichmentError, InputRefused) as error:
        return BadLine(line.number, str(error))


async def enriched(parts: Assembly, line: Reflection, *, stage2: bool = True) -> dict[str, Any]:
    """The line of output. Raises InputRefused, EnrichmentError, InferenceError."""
    timestamp = parse_timestamp(line.timestamp)
    first = await parts.scorer.score(line.text, timestamp=timestamp)
    if not stage2:
        return {**line.record, **first.value}
    second = await parts.post_enricher.write(first.value, timestamp=timestamp)
    return {**line.record, **first.value, "post_enrichment": second.value}


async def recipe_run(parts: Assembly, recipe: Definition, line: Reflection) -> dict[str, Any]:
    """The line of output of a recipe. Raises InputRefused, EnrichmentError, InferenceError."""
    file, inputs = line.record.get("file"), line.record.get("inputs", {})
    if not isinstance(file, str | None):
        raise InputRefused('"file" must be a string')
    if not isinstance(inputs, Mapping) or not all(isinstance(v, str) for v in inputs.values()):
        raise InputRefused('"inputs" must be an object of strings')
    outcome = await parts.recipes.run(recipe, Given(line.text, file, inputs))
    if outcome.outcome == "refused":
        raise InputRefused(str(outcome.reason))
    return {**line.record, "recipe": recipe.name, **outcome.value}
