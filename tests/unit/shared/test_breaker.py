"""When a server is asked, and when it is tried again."""

from __future__ import annotations

from refrain_cache.shared.breaker import Breaker


def test_it_opens_with_the_first_failure_and_pauses_longer_after_each_that_follows() -> None:
    breaker = Breaker(0.5, 3.0)
    assert not breaker.is_open
    breaker.failed(100.0)
    assert (breaker.is_open, breaker.retry_at) == (True, 100.5)
    for now, retry_at in ((101.0, 102.0), (102.0, 104.0), (104.0, 107.0), (107.0, 110.0)):
        breaker.failed(now, trial=True)
        assert breaker.retry_at == retry_at
    breaker.worked(110.0)
    assert not breaker.is_open


def test_what_was_asked_before_it_opened_does_not_lengthen_the_pause() -> None:
    breaker = Breaker(0.5, 3.0)
    for now in (100.0, 100.01, 100.02):
        breaker.failed(now)
    assert breaker.retry_at == 100.5


def test_a_server_that_comes_and_goes_is_tried_less_and_less_often() -> None:
    breaker = Breaker(0.5, 3.0)
    breaker.failed(100.0)
    breaker.worked(100.5)
    breaker.failed(100.6)
    assert breaker.retry_at == 101.6
    breaker.worked(101.6)
    breaker.failed(200.0)
    assert breaker.retry_at == 200.5
