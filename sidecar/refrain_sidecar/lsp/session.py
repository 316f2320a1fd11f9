"""What stands behind the server's methods, and takes longer to load than an editor should wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lsprotocol import types

from refrain_cache import find_config
from refrain_sidecar import protocol
from refrain_sidecar.enrichment.recipes.finding import Folders
from refrain_sidecar.enrichment.text import MOST_CHARS
from refrain_sidecar.lsp.code_actions import Commands
from refrain_sidecar.lsp.diagnostics import of_config
from refrain_sidecar.lsp.messages import Handler, Verb, handler
from refrain_sidecar.lsp.notifier import Notifier
from refrain_sidecar.lsp.positions import selected
from refrain_sidecar.lsp.recipe_language import RecipeLanguage
from refrain_sidecar.lsp.serving import Serving
from refrain_sidecar.protocol.wire import to_wire
from refrain_sidecar.service.background import Background
from refrain_sidecar.service.service import Service

if TYPE_CHECKING:
    from refrain_sidecar.lsp.server import Options, RefrainServer


class Session:
    """The service and the proxy of one editor, from their opening to their closing.

    `handlers` answer what `server` is asked, by method.
    """

    def __init__(self, server: RefrainServer, options: Options, roots: Sequence[Path]) -> None:
        self._server = server
        self._background = Background()
        self._stats = Notifier(self._send_stats)
        self._proxy = Notifier(self._send_serve)
        folders = Folders(roots, trusted=options.trusted)
        self._service = Service(_config_path(options, roots), folders)
        self._serving = Serving(lambda: self._service, self._background, self._proxy.changed)
        self._commands = Commands(options.enrich_command, options.run_command)
        verbs: dict[str, Verb] = {
            protocol.ENRICH: lambda p: self._service.enrich(p, self._progress),
            protocol.STATS: self._service.stats,
            protocol.PURGE: self._service.purge,
            protocol.WARM: lambda p: self._service.warm(p, self._progress),
            protocol.CPU_THREADS: self._service.cpu_threads,
            protocol.ENTRIES: self._service.entries,
            protocol.EXPLAIN: self._service.explain,
            protocol.DOCTOR: self._service.doctor,
            protocol.MODELS: self._service.models,
            protocol.SERVE: lambda p: self._serving.act(p.action),
            protocol.RECIPES: self._service.recipes,
            protocol.RUN: lambda p: self._service.run(p, self._run_progress),
            protocol.MCP: self._service.mcp,
        }
        self.handlers: dict[str, Handler] = {
            method: handler(params_class, verbs[method])
            for method, (params_class, _) in protocol.REQUESTS.items()
        }
        self.handlers[types.TEXT_DOCUMENT_CODE_ACTION] = self._code_actions
        self.handlers |= RecipeLanguage(server, self._service, self._background).handlers

    async def open(self) -> None:
        self._service.subscribe(self._stats.changed)
        self._service.subscribe(self._serving.follow)
        self._service.config.on_problems(self._publish_problems)
        await self._service.open(resident=True)
        self._background.start(self._stats.run(), "Telling the editor about statistics")
        self._background.start(self._proxy.run(), "Telling the editor about the proxy")
        self._publish_problems()
        self._stats.changed()

    async def close(self) -> None:
        """Stop the proxy, flush the cache, stop the engine."""
        await self._serving.close()
        await self._background.close()
        await self._service.close()

    # --- what the editor is told ------------------------------------------------------------

    def _publish_problems(self) -> None:
        config = self._service.config
        if config.path is not None:
            found = of_config(config.path, config.problems)
            self._server.text_document_publish_diagnostics(found)

    async def _send_stats(self) -> None:
        stats = await self._service.stats(protocol.StatsParams())
        self._server.protocol.notify(protocol.STATS_CHANGED, to_wire(stats))

    async def _send_serve(self) -> None:
        self._server.protocol.notify(protocol.SERVE_CHANGED, to_wire(self._serving.state))

    def _progress(self, progress: protocol.EnrichProgress) -> None:
        self._server.protocol.notify(protocol.ENRICH_PROGRESS, to_wire(progress))

    def _run_progress(self, progress: protocol.RunProgress) -> None:
        self._server.protocol.notify(protocol.RUN_PROGRESS, to_wire(progress))

    # --- code actions ------------------------------------------------------------------------

    async def _code_actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        """What can be done with what is selected in an open text."""
        uri = params.text_document.uri
        document = self._server.workspace.text_documents.get(unquote(uri))
        if document is None or params.range.start == params.range.end:
            return []
        text = await asyncio.to_thread(selected, document, params.range)
        if not text.strip() or len(text) > MOST_CHARS:
            return []
        found = await asyncio.to_thread(self._service.folders.all)
        recipes = [each.reading.definition for each in found]
        return self._commands.actions(text, uri, [each for each in recipes if each is not None])


def _config_path(options: Options, roots: Sequence[Path]) -> Path | None:
    """The configuration asked for, else the nearest one from the first workspace folder.

    With none there yet, the place where one would be: a file made later is followed at once. In a
    workspace that is not trusted, none that lies in it: it says where texts are sent.
    """
    root = next(iter(roots), None)
    asked = options.config_path and Path(options.config_path).expanduser()
    if asked and (options.trusted or asked.is_absolute()):
        return ((root or Path.cwd()) / asked).resolve()
    if not options.trusted:
        return find_config(Path(Path.cwd().anchor))
    return find_config(root) or (root and root / "config" / "perf_config.json")
