"""The verbs of recipes: which there are and what they were worth, and running one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from attrs import define

from refrain_cache import CacheUnavailableError, Outcome
from refrain_sidecar import protocol
from refrain_sidecar.config import Problem
from refrain_sidecar.enrichment.keeping import OFFLINE
from refrain_sidecar.enrichment.recipes.definition import Given
from refrain_sidecar.enrichment.recipes.finding import (
    ENDING,
    Folders,
    Found,
    read_file,
    schema_beside,
)
from refrain_sidecar.enrichment.recipes.reading import RecipeReading, read_recipe
from refrain_sidecar.enrichment.recipes.running import KIND, RecipeAnswer
from refrain_sidecar.inference.reaching.names import same_model
from refrain_sidecar.service.assembly import Assembly
from refrain_sidecar.service.models import models

RunProgress = Callable[[protocol.RunProgress], None]

# Entries that are looked through for what each recipe was worth.
_MOST_ENTRIES = 10_000


def unheard(_: protocol.RunProgress) -> None:
    """The progress of a run nobody follows."""


async def recipes(
    parts: Assembly, folders: Folders, params: protocol.RecipesParams
) -> protocol.RecipesResult:
    """Every recipe; with `params.new` one more is made first. Raises InputRefused."""
    written = None if params.new is None else await asyncio.to_thread(folders.new, params.new)
    found = await asyncio.to_thread(folders.all)
    worth = await _worth(parts)
    return protocol.RecipesResult(
        [_info(each, worth[each.name]) for each in found], str(written) if written else None
    )


async def run(
    parts: Assembly,
    folders: Folders,
    params: protocol.RunParams,
    progress: RunProgress = unheard,
) -> protocol.RunResult:
    """Run one recipe on a text. Raises InputRefused, InferenceError, EnrichmentError."""
    recipe = await asyncio.to_thread(folders.one, params.recipe)
    given = Given(params.text, params.file, params.inputs, params.whole)

    def told(text: str) -> None:
        if params.request_id is not None:
            progress(protocol.RunProgress(params.request_id, text))

    outcome = await parts.recipes.run(recipe, given, fresh=params.fresh, told=told)
    return _result(params.recipe, outcome)


async def check(
    parts: Assembly, folders: Folders, files: Sequence[Path]
) -> list[tuple[Path, tuple[Problem, ...]]]:
    """What is wrong with the recipes in `files`, without any with all there are."""
    if files:
        readings = [(file, read_file(file, file.parent)) for file in files]
    else:
        readings = [(each.path, each.reading) for each in await asyncio.to_thread(folders.all)]
    strangers = await unknown_models(parts, [reading for _, reading in readings])
    return [
        (path, (*reading.problems, *strangers.get(reading.name, ()))) for path, reading in readings
    ]


async def check_text(
    parts: Assembly, path: Path, text: str
) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """What is wrong with the `text` of a recipe that is to lie at `path`, and what may be: that no
    engine has its model.
    """
    name = path.name.removesuffix(ENDING)
    beside = partial(schema_beside, folder=path.parent)
    reading = await asyncio.to_thread(read_recipe, name, text, beside)
    strangers = await unknown_models(parts, [reading])
    return reading.problems, strangers.get(name, ())


async def unknown_models(
    parts: Assembly, readings: Sequence[RecipeReading]
) -> dict[str, tuple[Problem, ...]]:
    """By a recipe's name, that it asks for a model that no engine has; of none that is away."""
    named = {
        reading.name: reading
        for reading in readings
        if reading.definition is not None and reading.definition.model is not None
    }
    if not named:
        return {}
    offered = await models(parts, None, protocol.ModelsParams())
    if offered.problem and parts.settings.inference.engine != "embedded":
        return {}
    found: dict[str, tuple[Problem, ...]] = {}
    for name, reading in named.items():
        assert reading.definition is not None
        wanted = reading.definition.model or ""
        if not any(same_model(offer.name, wanted) for offer in offered.models):
            has = ", ".join(offer.name for offer in offered.models)
            message = f"no engine has the model {wanted!r}; there are: {has}"
            found[name] = (Problem("model", message, reading.model_at),)
    return found


@define
class _Worth:
    entries: int = 0
    hits: int = 0
    last_used_at: float | None = None


async def _worth(parts: Assembly) -> defaultdict[str, _Worth]:
    """What is stored of each recipe, by its name."""
    worth: defaultdict[str, _Worth] = defaultdict(_Worth)
    try:
        page = await parts.cache.entries(kind=KIND, order="recent", limit=_MOST_ENTRIES)
    except CacheUnavailableError:
        return worth
    for entry in page.entries:
        of = worth[entry.label]
        of.entries += 1
        of.hits += entry.uses - 1  # the first is its making
        of.last_used_at = max(of.last_used_at or 0.0, entry.last_used_at)
    return worth


def _info(found: Found, worth: _Worth) -> protocol.RecipeInfo:
    recipe = found.reading.definition
    kinds = [] if recipe is None else list(dict.fromkeys(each.kind for each in recipe.variables))
    inputs = () if recipe is None else recipe.inputs
    return protocol.RecipeInfo(
        name=found.name,
        path=str(found.path),
        origin=found.origin,
        description=recipe.description if recipe else "",
        argument_hint=recipe.argument_hint if recipe else "",
        model=recipe.model if recipe else None,
        json=recipe is not None and recipe.output is not None,
        variables=kinds,
        inputs=[protocol.RecipeInput(each.name, each.hint) for each in inputs],
        problems=[
            protocol.RecipeProblem(problem.span.line + 1, problem.key, problem.message)
            for problem in found.reading.problems
        ],
        entries=worth.entries,
        hits=worth.hits,
        last_used_at=worth.last_used_at,
    )


def _result(name: str, outcome: Outcome[RecipeAnswer]) -> protocol.RunResult:
    maker = outcome.value["provenance"]
    told = outcome._asdict()
    del told["value"], told["cost_ms"]
    engine = protocol.EngineInfo(
        maker["engine"],
        maker["model"],
        maker["digest"],
        maker["version"],
        base_url=None,
        offline=outcome.reason == OFFLINE,
    )
    return protocol.RunResult(
        recipe=name, output=outcome.value["output"], engine=engine, kind=KIND, **told
    )
