"""Ask the person at the host a question. Every host is one of three kinds.

Since 2026-07-28 a question is an interim answer, and its reply comes with the call repeated;
before, it was a request of ours in the midst of the call; and many hosts cannot ask at all.
"""

from __future__ import annotations

from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

# The whole answer is whether it is accepted: no field has to be filled in.
_NO_FIELDS: dict[str, Any] = {"type": "object", "properties": {}}
_KEY = "consent"


class Asked(Exception):
    """The call ends here with a question, and comes again with its reply."""

    def __init__(self, question: types.InputRequiredResult) -> None:
        super().__init__()
        self.question = question


async def consent(
    context: ServerRequestContext[Any], call: types.CallToolRequestParams, question: str
) -> bool | None:
    """Whether the person agrees; None where the host cannot ask. Raises Asked."""
    capabilities = context.session.client_capabilities
    able = capabilities.elicitation if capabilities else None
    # `{}` is what hosts said that knew nothing but forms.
    if able is None or (able.form is None and able.url is not None):
        return None
    reply: Any
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
        reply = (call.input_responses or {}).get(_KEY)
        if reply is None:
            form = types.ElicitRequestFormParams(message=question, requested_schema=_NO_FIELDS)
            request = types.ElicitRequest(params=form)
            raise Asked(types.InputRequiredResult(input_requests={_KEY: request}))
    else:
        reply = await context.session.elicit_form(
            question, _NO_FIELDS, related_request_id=context.request_id
        )
    return isinstance(reply, types.ElicitResult) and reply.action == "accept"
