"""How a call fails: as the tool's own answer, or as an error of the protocol.

One question decides: could a smarter model have avoided it? What it can mend by calling otherwise
is an answer, for it to read; what it cannot is an error, for its host.
"""

from __future__ import annotations

import mcp_types as types
from mcp.shared.exceptions import MCPError

from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.service.refusals import refused


def answer_to(error: Exception) -> types.CallToolResult:
    """What the model reads of `error`. Raises MCPError where it could not have avoided it."""
    if not isinstance(error, InputRefused):
        raise failure(error) from error
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=str(error))], is_error=True
    )


def failure(error: Exception) -> MCPError:
    """The protocol's error for `error`; its message is for people, `data.code` for programs."""
    if isinstance(error, MCPError):
        return error
    if known := refused(error):
        return MCPError(known.code, str(error), {"code": known.name})
    return MCPError(types.INTERNAL_ERROR, f"{type(error).__name__}: {error}")


def wrong(message: str) -> MCPError:
    """The error for a request that names what is not there."""
    return MCPError(types.INVALID_PARAMS, message)
