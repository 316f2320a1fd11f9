"""How soon a recipe's first words are there, beside the engine's own, and how soon Cancel frees it.

    python -m tests.bench.cold.recipes [--texts 12]

The recipe *explain-code* is run in the editor's protocol, and the same conversation asked of an
engine of the same build and options by the client that the sidecar has, in turns: on every text
both have read as much before. Read the ratio. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from statistics import median

import psutil
from rich.console import Console
from tests.bench.cold.candidates import chooser
from tests.bench.engines import engine_settings
from tests.lsp.framing import Frames

from refrain_cache import CacheSettings
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.recipes.definition import Definition, Given
from refrain_sidecar.enrichment.recipes.finding import Folders
from refrain_sidecar.inference.choose import Engine

TEXTS = Path(__file__).parent / "texts.txt"
RECIPE = "explain-code"
# What was cancelled must be over, or the next would share the processor with it.
REST_S = 0.5
# The processor time of a process that idles grows by less than this in a look's time.
LOOK_S, IDLE_CPU_S = 0.05, 0.005


def main() -> None:
    parser = argparse.ArgumentParser(description="A recipe's first words, beside the engine's own.")
    parser.add_argument("--texts", type=int, default=12, help="how many of the texts (at most 12)")
    texts = TEXTS.read_text("utf-8").splitlines()[: parser.parse_args().texts]
    with tempfile.TemporaryDirectory() as folder, sidecar(Path(folder)) as frames:
        figures = asyncio.run(compare(texts, frames))
    Console().print(
        f"First words: {figures['recipe_ms']} ms over the protocol, {figures['engine_ms']} ms the "
        f"engine's own, p50: ratio {figures['ratio']}. Cancelled in mid-answer, the engine idled "
        f"after {figures['freed_ms_p50']} ms (slowest: {figures['freed_ms_slowest']} ms)."
    )
    print(json.dumps({"bench": "recipes", "texts": len(texts), **figures}))


@contextmanager
def sidecar(folder: Path) -> Iterator[Frames]:
    """The sidecar on a workspace of its own, with the embedded engine."""
    place = folder / "config" / "perf_config.json"
    place.parent.mkdir()
    config = {"inference": {"engine": "embedded"}, "caching": {"cache_dir": "./cache"}}
    place.write_text(json.dumps(config), encoding="utf-8")
    process = subprocess.Popen(
        (sys.executable, "-m", "refrain_sidecar"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        frames = Frames(process)
        frames.initialize(folder.as_uri())
        yield frames
        frames.rest()
    finally:
        process.kill()
        process.wait()


async def compare(texts: list[str], frames: Frames) -> dict[str, float]:
    recipe = Folders().one(RECIPE)
    with engine_settings("embedded", CacheSettings(enabled=False)) as settings:
        engines = chooser(settings)
        try:
            engine = await engines.engine()
            asking = Asking(engines, settings)
            # Both load the model and read what comes before every text.
            await _engines_own(asking, engine, recipe, "x = 1")
            _recipes(frames, "x = 1")
            taken: dict[str, list[float]] = {"recipe": [], "engine": []}
            for at, text in enumerate(texts):
                turns = ["recipe", "engine"] if at % 2 else ["engine", "recipe"]
                for name in turns:
                    if name == "engine":
                        ms = await _engines_own(asking, engine, recipe, text)
                    else:
                        ms = _recipes(frames, text)
                    taken[name].append(ms)
                    await asyncio.sleep(REST_S)
        finally:
            await engines.close()
    freed = [_freed_ms(frames, f"{number}. {text}") for number, text in enumerate(texts)]
    recipe_ms, engine_ms = median(taken["recipe"]), median(taken["engine"])
    return {
        "recipe_ms": round(recipe_ms),
        "engine_ms": round(engine_ms),
        "ratio": round(recipe_ms / engine_ms, 2),
        "freed_ms_p50": round(median(freed)),
        "freed_ms_slowest": round(max(freed)),
    }


async def _engines_own(asking: Asking, engine: Engine, recipe: Definition, text: str) -> float:
    """Ms until the engine's first piece of text. What follows is not waited for."""
    _, messages = recipe.filled(Given(text))
    began = time.perf_counter()
    async with aclosing(asking.said(engine, messages, recipe.options)) as chunks:
        async for chunk in chunks:
            if chunk.text:
                return (time.perf_counter() - began) * 1e3
    raise AssertionError("The engine said nothing")


def _recipes(frames: Frames, text: str) -> float:
    """Ms until the protocol's first piece of text. What follows is cancelled."""
    began = time.perf_counter()
    _begin(frames, text)
    taken = (time.perf_counter() - began) * 1e3
    _cancel(frames)
    return taken


def _freed_ms(frames: Frames, text: str) -> float:
    """Ms from Cancel in mid-answer until the engine takes no processor time."""
    (engine,) = psutil.Process(frames.process.pid).children(recursive=True)
    _begin(frames, text)
    for _ in range(3):
        frames.receive()
    began = time.perf_counter()
    _cancel(frames)
    while True:
        at, before = time.perf_counter(), sum(engine.cpu_times()[:2])
        time.sleep(LOOK_S)
        if sum(engine.cpu_times()[:2]) - before < IDLE_CPU_S:
            return (at - began) * 1e3


def _begin(frames: Frames, text: str) -> None:
    """Ask, and wait for the first words."""
    params = {"recipe": RECIPE, "text": text, "requestId": "first", "fresh": True}
    frames.send({"id": "run", "method": "refrain/run", "params": params})
    while True:
        message = frames.receive()
        assert message.get("id") != "run", message
        if message.get("method") == "refrain/runProgress":
            return


def _cancel(frames: Frames) -> None:
    """Cancel, and wait for the answer to that."""
    frames.send({"method": "$/cancelRequest", "params": {"id": "run"}})
    while frames.receive().get("id") != "run":
        pass


if __name__ == "__main__":
    main()
