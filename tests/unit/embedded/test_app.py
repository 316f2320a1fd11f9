"""What a client hears when something goes wrong that nobody foresaw."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import httpx

from refrain_sidecar.inference.embedded.app import application
from refrain_sidecar.inference.embedded.llama import Loading
from refrain_sidecar.inference.embedded.residency import Residency


async def test_an_unforeseen_error_is_told_in_ollamas_form() -> None:
    class Broken:
        def tags(self) -> Any:
            raise ZeroDivisionError

    residency = Residency(Path("none"))
    app = application(cast(Any, Broken()), residency, Loading(512, 1), key=None)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        reply = await client.get("/api/tags")
    assert reply.status_code == 500
    assert reply.json() == {"error": "the embedded engine failed: ZeroDivisionError()"}
