from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refrain_sidecar.inference.ollama.lines import MAX_LINE_BYTES, LineSplitter, LineTooLong


@given(st.lists(st.binary(min_size=1).filter(lambda b: b"\n" not in b and b.strip())), st.data())
def test_lines_come_out_whole_however_they_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    rest = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter()
    found: list[bytes] = []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        found += splitter.feed(rest[:size])
        rest = rest[size:]

    assert found == lines
    assert splitter.end() == []


def test_what_has_no_line_end_comes_out_at_the_end_once() -> None:
    splitter = LineSplitter()

    assert splitter.feed(b"one\n\r\n\ntwo") == [b"one"]
    assert splitter.end() == [b"two"]
    assert splitter.end() == []


def test_a_line_that_never_ends_is_given_up() -> None:
    splitter = LineSplitter()
    splitter.feed(b"x" * MAX_LINE_BYTES)

    with pytest.raises(LineTooLong):
        splitter.feed(b"x")
