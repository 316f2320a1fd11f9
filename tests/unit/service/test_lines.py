"""A worker's input is checked line by line, and its output survives being cut short."""

import asyncio
import io
import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.service.lines import (
    BadLine,
    Output,
    Reflection,
    enriched,
    read_line,
    run_lines,
)


def test_a_good_line_keeps_the_whole_record() -> None:
    line = b'{"rid": 7, "normalized_text": "hello", "timestamp": "2026-10-29T08:30:00", "x": [1]}'
    found = read_line(3, line)
    assert isinstance(found, Reflection)
    assert (found.number, found.rid, found.text, found.timestamp) == (
        3,
        7,
        "hello",
        "2026-10-29T08:30:00",
    )
    assert found.record["x"] == [1]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"rid": 1, "normalized_text": "a", "x": "\\ud800"}', "half a character"),
        (b'{"rid": 1, "normalized_text": "a", "x": "\xed\xa0\x80"}', "not JSON"),
        (b'{"rid": 1, "normalized_text": "a", "x": NaN}', "not JSON"),
        (b'{"rid": 1, "normalized_text": "a", "x": 1e400}', "not JSON"),
        (b'{"rid": 1%s, "normalized_text": "a"}' % (b"1" * 5000), "not JSON"),
        (b'{"rid": 1, "normalized_text": "a", "x": %s}' % (b"[" * 9**6), "nested too deep"),
        (b'{"normalized_text": "a"}', '"rid"'),
        (b'{"rid": true, "normalized_text": "a"}', '"rid"'),
        (b'{"rid": "a", "normalized_text": "  "}', '"normalized_text"'),
        (b'{"rid": "a", "normalized_text": 3}', '"normalized_text"'),
        (b'{"rid": "a", "normalized_text": "b", "timestamp": "noon"}', "ISO 8601"),
        (b'{"rid": "a", "normalized_text": "b", "timestamp": 12}', "ISO 8601"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_reason(line: bytes, reason: str) -> None:
    found = read_line(12, line)
    assert isinstance(found, BadLine)
    assert str(found).startswith("line 12 skipped: ")
    assert reason in found.reason


def test_a_second_run_knows_what_is_done_and_drops_a_line_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.jsonl"
    output = Output.continuing(path)
    output.write({"rid": "a", "word": "süß"})
    output.write({"rid": 2})
    with path.open("ab") as file:
        file.write(b'{"rid": "cut", "wor')
    again = Output.continuing(path)
    assert again.done == {"a", 2}
    again.write({"rid": "b"})
    assert [json.loads(line)["rid"] for line in path.read_bytes().splitlines()] == ["a", 2, "b"]


def test_a_second_run_reads_over_what_is_no_result_and_completes_the_last_line(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"%s\n" % (b"[" * 9**6) + b'{"rid": [1]}\n{"rid": "a"}\n{"rid": "b"}')

    again = Output.continuing(path)
    again.write({"rid": "c"})

    assert again.done == {"a", "b", "c"}
    assert path.read_bytes().endswith(b'{"rid": "b"}\n{"rid":"c"}\n')


def test_what_a_model_wrote_can_always_be_written_out() -> None:
    stream = io.BytesIO()
    Output(stream).write({"rid": 1, "closing": "half \ud83d, whole 😀"})
    assert json.loads(stream.getvalue()) == {"rid": 1, "closing": "half \ud83d, whole 😀"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_an_output_without_room_is_named() -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        Output.continuing(Path("/dev/full")).write({"rid": 1})
    assert caught.value.filename == "/dev/full"


class Stages:
    """Both stages as they look to the worker; a text that holds "bad" is refused."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.parts: Any = SimpleNamespace(scorer=self, post_enricher=self)

    async def score(self, text: str, **_: Any) -> Any:
        self.asked[text] += 1
        await asyncio.sleep(0)
        if "bad" in text:
            raise InputRefused("bad")
        return SimpleNamespace(value={"word": text})

    async def write(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(value="written")


@pytest.mark.parametrize("jobs", [1, 2, 8])
async def test_of_equal_ids_the_first_good_one_is_enriched_once(jobs: int) -> None:
    lines = [("a", "bad"), ("a", "one"), ("a", "two"), ("b", "three"), ("a", "four"), (1, "five")]
    source = [json.dumps({"rid": rid, "normalized_text": text}).encode() for rid, text in lines]
    stages, stream = Stages(), io.BytesIO()

    tally = await run_lines(
        lambda line: enriched(stages.parts, line),
        source,
        Output(stream),
        jobs=jobs,
        advance=lambda: None,
        report=lambda bad: None,
    )

    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["rid"], line["word"]) for line in written] == [
        ("a", "one"),
        ("b", "three"),
        (1, "five"),
    ]
    assert (tally.enriched, tally.already_done, len(tally.bad)) == (3, 2, 1)
    assert stages.asked == Counter(["bad", "one", "three", "five"])
