"""What `make run` prints fits the terminal: its texts are cut there, never its results."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from examples import first_run
from rich.console import Console

from refrain_sidecar.protocol import Wheel


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_no_result_is_cut(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    def result(ms: float, *outcomes: str) -> Any:
        stages = [SimpleNamespace(outcome=outcome) for outcome in outcomes]
        wheel = Wheel("peaceful", "thoughtful", "contemplative")
        return SimpleNamespace(wheel=wheel, stages=stages, total_ms=ms)

    monkeypatch.setattr(first_run, "answer", lambda found: b"")
    records = [{"normalized_text": "a text of many words " * 5}] * 2
    first = [result(88_000, "miss", "hit"), result(3_900, "miss")]
    second = [result(0.81, "hit"), result(99.9, "hit")]
    console = Console(width=columns)

    with console.capture() as printed:
        console.print(first_run.rounds(records, first, second))

    lines = [line.split() for line in printed.get().splitlines()]
    assert lines[1][-3:] == ["first", "second", "same"]
    assert lines[3][-7:] == ["MISS·HIT", "88.0", "s", "HIT", "0.81", "ms", "yes"]
    assert lines[4][-7:] == ["MISS", "3.9", "s", "HIT", "100", "ms", "yes"]
    assert max(map(len, printed.get().splitlines())) <= columns
