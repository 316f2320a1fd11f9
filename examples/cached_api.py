"""Calls a web service through the cache: only the first of equal GETs reaches it.

The service is a little server started here, so that this runs anywhere:

    .venv/bin/python examples/cached_api.py
"""

import asyncio
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from refrain_cache import AsyncCache, CacheSettings
from refrain_sidecar.config.settings import NetworkingSettings
from refrain_sidecar.http import ApiClient, ApiError

TOWNS = ["Bonn", "Lyon", "Bonn", "Lyon", "Bonn"]


class Weather(BaseHTTPRequestHandler):
    """A web service that takes 200 ms to think."""

    def do_GET(self) -> None:
        time.sleep(0.2)
        body = b'{"sky": "clear"}' if "town=" in self.path else b"no such page"
        self.send_response(200 if "town=" in self.path else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: what is printed here is the client's side."""


async def main(url: str, folder: Path) -> None:
    settings = CacheSettings(cache_dir=folder)  # a worker takes read_cache_settings(find_config())
    async with (
        AsyncCache(settings) as cache,
        ApiClient(cache, NetworkingSettings()) as client,
    ):
        for town in TOWNS:
            reply = await client.get(f"{url}/today", params={"town": town})
            sky = reply.value.json()["sky"]
            print(f"{town}: {sky}  {reply.outcome.upper()} {reply.total_ms:.1f} ms")
        try:
            await client.get(f"{url}/nowhere")
        except ApiError as error:
            print(f"not kept: {error}")


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Weather)
    Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(main(f"http://127.0.0.1:{server.server_port}", Path(place)))
    server.shutdown()
