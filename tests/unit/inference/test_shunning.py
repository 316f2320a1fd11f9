"""An engine that keeps failing is left alone for longer each time."""

from __future__ import annotations

import pytest

from refrain_sidecar.inference.reaching import shunning
from refrain_sidecar.inference.reaching.shunning import FIRST_S, LONGEST_S, SOON_S, Shunning


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(shunning, "monotonic", clock)
    return clock


def seconds_shunned(it: Shunning, clock: Clock) -> float:
    began = clock.now
    while it.now:
        clock.now += 1
    return clock.now - began


def test_once_it_is_left_alone_for_a_short_while(clock: Clock) -> None:
    it = Shunning()
    assert not it.now
    it.failed()
    assert seconds_shunned(it, clock) == FIRST_S


def test_each_failure_soon_after_doubles_it_up_to_a_limit(clock: Clock) -> None:
    it, seen = Shunning(), []
    for _ in range(9):
        it.failed()
        it.failed()  # of another request, at the same time
        seen.append(seconds_shunned(it, clock))
    assert seen[:4] == [FIRST_S, FIRST_S * 2, FIRST_S * 4, FIRST_S * 8]
    assert seen[-1] == LONGEST_S


def test_a_long_time_that_went_well_is_forgiven(clock: Clock) -> None:
    it = Shunning()
    for _ in range(3):
        it.failed()
        seconds_shunned(it, clock)
    clock.now += SOON_S
    it.failed()
    assert seconds_shunned(it, clock) == FIRST_S


def test_it_can_be_ended(clock: Clock) -> None:
    it = Shunning()
    it.failed()
    it.end()
    assert not it.now
