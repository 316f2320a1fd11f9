"""What models there are on both engines, and writing down which one is to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from attrs import evolve

from refrain_sidecar.config import read_settings
from refrain_sidecar.config.settings import AUTO, InferenceSettings
from refrain_sidecar.config.writing import write_values
from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.inference.choose import Engine, EngineChooser
from refrain_sidecar.inference.errors import InferenceError
from refrain_sidecar.inference.last_known import Identity
from refrain_sidecar.inference.models import installed
from refrain_sidecar.inference.models.manifest import manifest
from refrain_sidecar.inference.reaching.names import same_model
from refrain_sidecar.protocol import ModelOffer, ModelsParams, ModelsResult
from refrain_sidecar.service.assembly import Assembly

EMBEDDED: Literal["embedded"] = "embedded"


async def models(parts: Assembly, config: Path | None, params: ModelsParams) -> ModelsResult:
    """Both engines' models; `params.use` is written into the file `config` first.

    Raises InputRefused for a model nobody has or a file that cannot be written, ConfigError.
    """
    offers, problem = await _of_ollama(parts.chooser)
    offers.append(await _own(parts.chooser))
    if params.use is None:
        inference, path, found = parts.settings.inference, None, parts.chooser.found
    else:
        values = _values(params.use, offers, problem)
        inference, path = await asyncio.to_thread(_written, values, config)
        found = None  # what answers until now is not what will
    answering = found or _expected(offers, inference)
    marked = [
        evolve(offer, in_use=_is(offer, answering)) if answering else offer for offer in offers
    ]
    return ModelsResult(marked, _chosen(inference), problem, path)


async def _of_ollama(chooser: EngineChooser) -> tuple[list[ModelOffer], str | None]:
    try:
        offers = await chooser.ollama.offers()
    except InferenceError as error:
        return [], error.message
    return [
        ModelOffer("ollama", offer.tag.name, offer.tag.digest, offer.tag.size, offer.loaded)
        for offer in offers
    ], None


async def _own(chooser: EngineChooser) -> ModelOffer:
    weights, found, loaded = manifest().weights, chooser.found, False
    if isinstance(found, Engine) and found.name == EMBEDDED:
        with suppress(InferenceError):
            loaded = bool(await found.client.ps())
    here = installed() is not None
    return ModelOffer(EMBEDDED, weights.model, weights.sha256, weights.bytes, loaded, here)


def _values(use: str, offers: Sequence[ModelOffer], problem: str | None) -> dict[str, Any]:
    """What to write down so that `use` answers."""
    if use == AUTO:
        return {"engine": AUTO, "model": AUTO}
    named = next((offer for offer in offers if same_model(offer.name, use)), None)
    if use == EMBEDDED or (named and named.engine == EMBEDDED):
        return {"engine": EMBEDDED}
    if named is not None:
        return {"model": named.name}
    if problem is not None and use.strip():
        return {"model": use}  # whether Ollama has it, only Ollama could say
    names = ", ".join(offer.name for offer in offers)
    raise InputRefused(
        f"There is no model {use!r} that writes text. There are {names}; `auto` and `embedded` can "
        f"be named too. Get others with `ollama pull`."
    )


def _written(values: dict[str, Any], path: Path | None) -> tuple[InferenceSettings, str | None]:
    """Write down what differs. Gives what is in force then, and where it was written if it was."""
    if path is None:
        raise InputRefused("There is no folder to write a configuration into: open one.")
    before = read_settings(path).settings.inference if path.exists() else InferenceSettings()
    if before.engine == EMBEDDED:
        values = {"engine": AUTO, **values}
    changed = {key: value for key, value in values.items() if getattr(before, key) != value}
    if changed:
        try:
            write_values(path, "inference", changed)
        except OSError as error:
            raise InputRefused(f"{path} cannot be written: {error}.") from error
    return evolve(before, **values), str(path) if changed else None


def _expected(offers: Sequence[ModelOffer], inference: InferenceSettings) -> ModelOffer | None:
    """What will answer: the offers are in the order in which they are taken."""
    for offer in offers:
        if not offer.installed or inference.engine not in (AUTO, offer.engine):
            continue
        if offer.engine == EMBEDDED or inference.model == AUTO:
            return offer
        if same_model(offer.name, inference.model):
            return offer
    return None


def _is(offer: ModelOffer, answering: ModelOffer | Identity) -> bool:
    if isinstance(answering, ModelOffer):
        return offer == answering
    return (offer.engine, offer.name) == (answering.name, answering.model)


def _chosen(inference: InferenceSettings) -> str:
    return EMBEDDED if inference.engine == EMBEDDED else inference.model
