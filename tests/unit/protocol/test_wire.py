"""Messages cross the wire in camelCase, whole, and wrong ones are refused by name."""

import pytest

from refrain_cache import Percentiles
from refrain_sidecar.protocol import (
    EnrichParams,
    EntriesParams,
    PurgeParams,
    PurgeResult,
    WarmParams,
)
from refrain_sidecar.protocol.wire import camel, from_wire, to_wire


def test_names_become_camel_case_and_back() -> None:
    assert camel("saved_ms") == "savedMs"
    result = PurgeResult(entries=2, bytes=900, shared=0, dry_run=True)
    assert to_wire(result) == {"entries": 2, "bytes": 900, "shared": 0, "dryRun": True}
    assert from_wire(PurgeResult, to_wire(result)) == result


def test_what_is_left_out_takes_its_default_and_no_params_at_all_too() -> None:
    assert from_wire(EnrichParams, {"text": "a"}) == EnrichParams("a")
    assert from_wire(PurgeParams, None) == PurgeParams()


def test_whole_numbers_are_welcome_where_a_number_is_asked_for() -> None:
    assert from_wire(Percentiles, {"count": 1, "p50": 1, "p95": 2, "p99": 3}).p95 == 2.0


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({}, "missing key 'text'"),
        ({"text": 3}, "text: expected a string, got a whole number"),
        ({"text": "a", "fresh": "no"}, "fresh: expected a boolean, got a string"),
        ({"text": "a", "requestID": "x"}, "unknown key 'requestID'"),
    ],
)
def test_a_wrong_message_is_refused_by_key(data: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        from_wire(EnrichParams, data)


@pytest.mark.parametrize("limit", ["5", 1.5, 5.0, True, None, -1, 0, 10_001, 10**30])
def test_a_limit_is_a_whole_number_in_its_range(limit: object) -> None:
    assert from_wire(EntriesParams, {"limit": 10_000}).limit == 10_000
    with pytest.raises(ValueError, match="limit"):
        from_wire(EntriesParams, {"limit": limit})


@pytest.mark.parametrize(
    ("cls", "data", "complaint"),
    [
        (EntriesParams, {"offset": -1}, "offset"),
        (EntriesParams, {"order": "alphabet"}, "order: expected one of recent, created"),
        (EntriesParams, {"order": ["used"]}, "order: expected a string, got a list"),
        (PurgeParams, {"leastUsed": 0}, "least_used"),
        (PurgeParams, {"olderThanS": -0.1}, "older_than_s"),
        (PurgeParams, {"olderThanS": float("nan")}, "olderThanS: expected a finite number"),
        (PurgeParams, {"olderThanS": float("inf")}, "olderThanS: expected a finite number"),
        (PurgeParams, {"olderThanS": 10**400}, "olderThanS: expected a finite number"),
        (PurgeParams, {"olderThanS": True}, "olderThanS: expected a number, got a boolean"),
        (WarmParams, {"texts": "abc"}, "texts: expected a list, got a string"),
        (WarmParams, {"texts": ["a", 1]}, "texts: expected a string, got a whole number"),
        (WarmParams, ["a"], "expected an object, got a list"),
        (EnrichParams, "text", "expected an object, got a string"),
    ],
)
def test_nothing_is_made_into_what_it_is_not(cls: type, data: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        from_wire(cls, data)
