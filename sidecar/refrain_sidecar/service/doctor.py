"""Look at everything Refrain needs, one thing after the other, and say how to mend it."""

from __future__ import annotations

import asyncio
import platform
import sqlite3
import sys
from collections.abc import Iterator

from refrain_cache import CacheUnavailableError
from refrain_sidecar.config import LiveConfig
from refrain_sidecar.cpu import cpu_threads, threads_in_force
from refrain_sidecar.inference import models
from refrain_sidecar.inference.abilities import KnownAbilities
from refrain_sidecar.inference.choose import Engine
from refrain_sidecar.inference.errors import InferenceError
from refrain_sidecar.inference.ollama.options import frozen_options
from refrain_sidecar.protocol import Check, DoctorResult
from refrain_sidecar.service.assembly import Assembly


async def examine(parts: Assembly, config: LiveConfig) -> DoctorResult:
    """Every check, whether or not an earlier one failed."""
    return DoctorResult(
        [
            _python(),
            *_configuration(config),
            _cache(parts),
            *await _shared(parts),
            *await _engine(parts),
            *_unused(parts),
            await _threads(parts),
        ]
    )


def _python() -> Check:
    version = f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, {sys.executable}"
    return Check("Python", "ok", version, None)


def _configuration(config: LiveConfig) -> Iterator[Check]:
    name = "Configuration"
    if config.path is None or not config.path.exists():
        where = f" ({config.path} does not exist)" if config.path else ""
        yield Check(name, "ok", f"none found, so the defaults apply{where}", None)
        return
    if not config.problems:
        yield Check(name, "ok", str(config.path), None)
    for problem in config.problems:
        fix = "Correct the line; the last good value stays in force until then."
        yield Check(name, "fail", problem.at(str(config.path)), fix)


def _cache(parts: Assembly) -> Check:
    state = parts.cache.state
    match state.mode:
        case "on":
            return Check("Cache", "ok", f"on, {state.path}", None)
        case "off":
            fix = 'Set "enabled": true under "caching" to switch it on.'
            return Check("Cache", "warn", "off by configuration", fix)
        case _:
            fix = "Answers are computed meanwhile; it recovers by itself once the cause is gone."
            return Check("Cache", "warn", f"bypass: {state.reason}", fix)


async def _shared(parts: Assembly) -> list[Check]:
    name = "Shared tier"
    try:
        took_ms = await parts.cache.look_at_shared()
    except CacheUnavailableError as error:
        fix = "Until then this machine does without; it is tried again by itself."
        return [Check(name, "warn", str(error), fix)]
    state = parts.cache.state.shared
    if took_ms is None or state is None:
        return []
    refused = (await parts.cache.get_stats("day")).refused_shared
    if refused:
        fix = "Give all machines one caching.shared.secret_file, and see who else writes there."
        return [Check(name, "warn", f"{state.url}: {refused:,} values refused in a day", fix)]
    return [Check(name, "ok", f"{state.url} answers in {took_ms:.2f} ms", None)]


async def _engine(parts: Assembly) -> list[Check]:
    try:
        engine = await parts.chooser.engine()
    except InferenceError as error:
        given = "nothing is answered" if parts.chooser.found is None else "only hits are answered"
        return [Check("Engine", "fail", error.message, f"Until then {given}.")]
    message = f"{engine.name} {engine.version} with {engine.model} at {engine.base_url}"
    return [
        Check("Engine", "ok", f"{message}, because {parts.chooser.why}", None),
        await _model(parts, engine),
    ]


async def _model(parts: Assembly, engine: Engine) -> Check:
    """What has to be done in a lesser way with it; its first time takes loading it."""
    options = frozen_options(parts.settings.inference, threads_in_force(parts.settings))
    try:
        abilities = await KnownAbilities(parts.chooser, parts.settings, options).of(engine)
    except InferenceError as error:
        return Check("Model", "fail", error.message, "Until then only hits are answered.")
    if not abilities.lacks:
        return Check("Model", "ok", f"{engine.model} can do all that is asked of it", None)
    fix = "It answers, but worse or slower: update Ollama, or name another in inference.model."
    return Check("Model", "warn", f"{engine.model}: {'; '.join(abilities.lacks)}", fix)


def _unused(parts: Assembly) -> Iterator[Check]:
    """What became of the other engine: where none answers, the check before has said it of both."""
    chooser, here = parts.chooser, models.installed()
    answered = chooser.problem is None
    if answered and (why := chooser.why_not("ollama")):
        yield Check("Ollama", "ok", f"not used: {why}", None)
    name = "Embedded engine"
    if here is None:
        yield Check(name, "warn", "not installed", "Run `refrain models fetch` to install it.")
        return
    why = chooser.why_not("embedded") if answered else None
    unused = f", not used: {why}" if why else ""
    yield Check(name, "ok", f"{here.model} at {here.weights}{unused}", None)


async def _threads(parts: Assembly) -> Check:
    threads = await asyncio.to_thread(cpu_threads, parts.settings)
    message = f"{threads.in_force} threads in force, {threads.advised} advised: {threads.reason}"
    if threads.in_force == threads.advised:
        return Check("CPU threads", "ok", message, None)
    fix = 'Set "num_threads": "auto" under "inference", or the advised number.'
    return Check("CPU threads", "warn", message, fix)
