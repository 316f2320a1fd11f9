"""Messages cross the wire in camelCase, whole, and wrong ones are refused by name."""

import pytest

from refrain_cache import Percentiles
from refrain_sidecar.protocol import EnrichParams, PurgeParams, PurgeResult
from refrain_sidecar.protocol.wire import camel, from_wire, to_wire


def test_names_become_camel_case_and_back() -> None:
    assert camel("saved_ms") == "savedMs"
    result = PurgeResult(entries=2, bytes=900, dry_run=True)
    assert to_wire(result) == {"entries": 2, "bytes": 900, "dryRun": True}
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
        ({"text": 3}, "text: expected str, got int"),
        ({"text": "a", "fresh": "no"}, "fresh: expected bool, got str"),
        ({"text": "a", "requestID": "x"}, "unknown key 'requestID'"),
    ],
)
def test_a_wrong_message_is_refused_by_key(data: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        from_wire(EnrichParams, data)
