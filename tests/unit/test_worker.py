"""A worker's input is checked line by line, and its output survives being cut short."""

import json
from pathlib import Path

import pytest

from refrain_sidecar.service.lines import BadLine, Output, Reflection, read_line


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
