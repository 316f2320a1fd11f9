"""What the tools declare is valid JSON schema, whole, and says what the protocol says."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from jsonschema import Draft202012Validator

from refrain_sidecar import protocol
from refrain_sidecar.mcp import arguments
from refrain_sidecar.mcp.schemas import schema_of
from refrain_sidecar.mcp.tools import TOOLS


@pytest.mark.parametrize("name", TOOLS)
def test_both_schemas_of_a_tool_are_valid_and_whole(name: str) -> None:
    tool = TOOLS[name].declared()
    for schema in (tool.input_schema, tool.output_schema):
        assert schema is not None
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        assert "$ref" not in json.dumps(schema)


@pytest.mark.parametrize(
    ("ours", "theirs", "beside"),
    [
        (arguments.Enrich, protocol.EnrichParams, set()),
        (arguments.RunRecipe, protocol.RunParams, set()),
        (arguments.Stats, protocol.StatsParams, set()),
        (arguments.Explain, protocol.ExplainParams, set()),
        (arguments.Purge, protocol.PurgeParams, {"confirm"}),
    ],
)
def test_a_tool_takes_what_the_protocol_takes(ours: Any, theirs: Any, beside: set[str]) -> None:
    known = {field.name for field in attrs.fields(theirs)}
    assert {field.name for field in attrs.fields(ours)} <= known | beside


def test_what_may_be_left_out_is_not_required() -> None:
    schema = schema_of(arguments.RunRecipe)
    assert schema["required"] == ["recipe"]
    assert schema["properties"]["text"]["type"] == ["string", "null"]
    assert schema["properties"]["fresh"]["default"] is False
    assert schema["additionalProperties"] is False


def test_what_may_be_one_of_several_messages_says_so() -> None:
    schema = schema_of(protocol.EnrichResult)["properties"]["postEnrichment"]
    assert [one["type"] for one in schema["anyOf"]] == ["object", "null"]
