"""The tools there are: what each takes, gives and does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import mcp_types as types
from attrs import evolve, frozen

from refrain_cache import Explanation
from refrain_sidecar import protocol
from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.mcp import arguments
from refrain_sidecar.mcp.files import below, text_of
from refrain_sidecar.mcp.progress import Tell
from refrain_sidecar.mcp.schemas import schema_of
from refrain_sidecar.protocol.wire import from_wire, to_wire
from refrain_sidecar.service.service import Service

T = TypeVar("T")


@frozen
class Call:
    """What a tool works with. `tell` is None where nobody listens.

    `consent` asks the person a question: None where the host cannot.
    """

    service: Service
    folder: Path
    tell: Tell | None
    consent: Callable[[str], Awaitable[bool | None]]


@frozen
class Answer:
    """A message of the protocol, and the same as text; None: as JSON."""

    message: Any
    text: str | None = None


@frozen
class Tool:
    """`about` is what a model reads before it chooses; `run` is given an instance of `takes`."""

    name: str
    title: str
    about: str
    takes: type
    gives: type
    run: Callable[[Call, Any], Awaitable[Answer]]
    reads: bool = False
    destroys: bool = False

    def declared(self) -> types.Tool:
        """As hosts are told of it."""
        hints = types.ToolAnnotations(
            read_only_hint=self.reads,
            destructive_hint=self.destroys,
            idempotent_hint=True,
            open_world_hint=False,
        )
        return types.Tool(
            name=self.name,
            title=self.title,
            description=self.about,
            input_schema=schema_of(self.takes),
            output_schema=schema_of(self.gives),
            annotations=hints,
        )


def taken(message: type[T], data: Any) -> T:
    """`data`, as a model wrote it, as a message. Raises InputRefused naming what is wrong."""
    try:
        return from_wire(message, data)
    except ValueError as error:
        raise InputRefused(f"The arguments cannot be taken: {error}.") from error


async def _enrich(call: Call, asked: arguments.Enrich) -> Answer:
    tell, image = call.tell, asked.image
    if image is not None and not image.startswith("data:"):
        image = str(await asyncio.to_thread(below, image, call.folder))
    params = protocol.EnrichParams(
        asked.text,
        stage2=asked.stage2,
        fresh=asked.fresh,
        request_id=tell and "mcp",
        image=image,
    )
    if tell is None:
        return Answer(await call.service.enrich(params))
    return Answer(
        await call.service.enrich(
            params, lambda far: tell(far.line.text if far.line else far.message)
        )
    )


async def _run_recipe(call: Call, asked: arguments.RunRecipe) -> Answer:
    text, tell = asked.text, call.tell
    if text is None and asked.file is not None:
        text = await asyncio.to_thread(text_of, asked.file, call.folder)
    params = protocol.RunParams(
        asked.recipe,
        text,
        asked.file,
        asked.inputs,
        fresh=asked.fresh,
        request_id=tell and "mcp",
    )
    if tell is None:
        result = await call.service.run(params)
    else:
        result = await call.service.run(params, lambda far: tell(far.text))
    return Answer(result, result.output if isinstance(result.output, str) else None)


async def _list_recipes(call: Call, _: arguments.Nothing) -> Answer:
    return Answer(await call.service.recipes(protocol.RecipesParams()))


async def _stats(call: Call, asked: arguments.Stats) -> Answer:
    return Answer(await call.service.stats(protocol.StatsParams(asked.window)))


async def _explain(call: Call, asked: arguments.Explain) -> Answer:
    found = await call.service.explain(protocol.ExplainParams(text=asked.text, key=asked.key))
    return Answer(found, found.summary)


async def _purge(call: Call, asked: arguments.Purge) -> Answer:
    selected = to_wire(asked)
    confirmed = selected.pop("confirm")
    params = taken(protocol.PurgeParams, selected)
    would = await call.service.purge(evolve(params, dry_run=True))
    what = _counted(would)
    if params.dry_run:
        return Answer(would, f"{what} would go. Nothing was purged.")
    # What has expired answers nothing any more.
    if (would.entries or would.shared) and params != protocol.PurgeParams(expired=True):
        agreed = await call.consent(f"Purge {what} from Refrain's cache?")
        if agreed is None and not confirmed:
            again = "To purge them, call again with `confirm: true`."
            return Answer(would, f"{what} would go. Nothing was purged yet. {again}")
        if agreed is False:
            return Answer(would, f"Nothing was purged: the user did not agree ({what} would go).")
    gone = await call.service.purge(params)
    return Answer(gone, f"{_counted(gone)} purged.")


def _counted(result: protocol.PurgeResult) -> str:
    shared = f", {result.shared:,} of the shared tier" if result.shared else ""
    entries = "entry" if result.entries == 1 else "entries"
    return f"{result.entries:,} {entries} ({result.bytes:,} bytes{shared})"


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "enrich",
            "Name a feeling",
            "Tells the feeling in a text somebody wrote (a place on the feelings wheel, valence, "
            "arousal, what happened), or in a picture, and writes three poem lines, three small "
            "tips and a closing line for it. A local model answers; the same again is answered "
            "from the cache.",
            arguments.Enrich,
            protocol.EnrichResult,
            _enrich,
        ),
        Tool(
            "run_recipe",
            "Run a recipe",
            "Runs one of the user's own prompts (see list_recipes) on a text or a file by a local "
            "model, at no cost. What was asked before is answered from the cache at once.",
            arguments.RunRecipe,
            protocol.RunResult,
            _run_recipe,
        ),
        Tool(
            "list_recipes",
            "List recipes",
            "Tells which recipes there are, what each is for, what it asks for and what is wrong "
            "with those that cannot be run.",
            arguments.Nothing,
            protocol.RecipesResult,
            _list_recipes,
            reads=True,
        ),
        Tool(
            "stats",
            "Cache statistics",
            "Tells what the cache holds, how often it answered and the time it saved.",
            arguments.Stats,
            protocol.StatsResult,
            _stats,
            reads=True,
        ),
        Tool(
            "explain",
            "Explain a hit or a miss",
            "Tells why a text or a key would be answered from the cache now or not; with neither, "
            "why the last miss of this server was one.",
            arguments.Explain,
            Explanation,
            _explain,
            reads=True,
        ),
        Tool(
            "purge",
            "Purge the cache",
            "Removes stored answers; conditions are joined by and. The user is asked first where "
            "the host can ask; elsewhere it only tells what would go until `confirm` is true.",
            arguments.Purge,
            protocol.PurgeResult,
            _purge,
            destroys=True,
        ),
    )
}
