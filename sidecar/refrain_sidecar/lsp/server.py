"""The server: which methods there are and which verb of the service answers each."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from attrs import frozen
from lsprotocol import types
from pygls.exceptions import JsonRpcServerNotInitialized
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from refrain_cache import find_config
from refrain_sidecar import __version__, protocol
from refrain_sidecar.enrichment.recipes.finding import Folders
from refrain_sidecar.enrichment.text import MOST_CHARS
from refrain_sidecar.lsp.code_actions import KIND, Commands
from refrain_sidecar.lsp.diagnostics import of_config
from refrain_sidecar.lsp.jsonrpc import Protocol
from refrain_sidecar.lsp.messages import Handler, Verb, handler, structured
from refrain_sidecar.lsp.notifier import Notifier
from refrain_sidecar.lsp.positions import selected
from refrain_sidecar.lsp.recipe_language import RecipeLanguage
from refrain_sidecar.lsp.serving import Serving
from refrain_sidecar.lsp.watchdog import watch
from refrain_sidecar.protocol import EnrichProgress, RunProgress
from refrain_sidecar.protocol.wire import to_wire
from refrain_sidecar.service.background import Background
from refrain_sidecar.service.service import Service

LOG = logging.getLogger("refrain")


@frozen
class Options:
    """What `initialize` may carry in `initializationOptions`.

    Without `trusted`, recipes and a configuration that lie in the workspace are not read.
    `enrich_command` and `run_command` are commands of the client's for its code actions.
    """

    config_path: str | None = None
    trusted: bool = True
    enrich_command: str | None = None
    run_command: str | None = None


class RefrainServer(LanguageServer):
    """A language server whose service opens at `initialize` and closes at the end of stdin."""

    protocol: Protocol

    def __init__(self) -> None:
        # pygls applies parts of a text by other line ends than LSP's.
        whole = types.TextDocumentSyncKind.Full
        super().__init__("refrain", __version__, whole, protocol_cls=Protocol)
        self._background = Background()
        self._stats = Notifier(self._send_stats)
        self._proxy = Notifier(self._send_serve)
        self._service: Service | None = None
        self._serving = Serving(lambda: self.service, self._background, self._proxy.changed)
        self._commands = Commands()
        self._register()
        RecipeLanguage(lambda: self.service, self._background).add_to(self)

    @property
    def service(self) -> Service:
        if self._service is None:
            raise JsonRpcServerNotInitialized("The sidecar has not been initialized.")
        return self._service

    async def close(self) -> None:
        """Cancel what runs, stop the proxy, flush the cache, stop the engine."""
        await self._serving.close()
        await self._background.close()
        service, self._service = self._service, None
        if service is not None:
            await service.close()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Out-of-band errors go to the log: a person did not ask, so no message box pops up."""
        LOG.error("%s", error)

    # --- what there is ----------------------------------------------------------------------

    def _register(self) -> None:
        self.feature(types.INITIALIZE)(partial(self._initialize))
        self.feature(types.SHUTDOWN)(partial(self._shut_down))
        self.feature(
            types.TEXT_DOCUMENT_CODE_ACTION,
            types.CodeActionOptions(code_action_kinds=[KIND]),
        )(partial(self._code_actions))
        verbs: dict[str, Verb] = {
            protocol.ENRICH: lambda p: self.service.enrich(p, self._progress),
            protocol.STATS: lambda p: self.service.stats(p),
            protocol.PURGE: lambda p: self.service.purge(p),
            protocol.WARM: lambda p: self.service.warm(p, self._progress),
            protocol.CPU_THREADS: lambda: self.service.cpu_threads(),
            protocol.ENTRIES: lambda p: self.service.entries(p),
            protocol.EXPLAIN: lambda p: self.service.explain(p),
            protocol.DOCTOR: lambda: self.service.doctor(),
            protocol.MODELS: lambda p: self.service.models(p),
            protocol.SERVE: lambda p: self._serving.act(p.action),
            protocol.RECIPES: lambda p: self.service.recipes(p),
            protocol.RUN: lambda p: self.service.run(p, self._run_progress),
            protocol.MCP: lambda p: self.service.mcp(p),
        }
        for method, (params_class, _) in protocol.REQUESTS.items():
            self._register_verb(method, handler(params_class, verbs[method]))

    def _register_verb(self, method: str, handle: Handler) -> None:
        """As a request, which can be cancelled, and as a command, for other editors."""

        async def command(*arguments: Any) -> Any:
            return await handle(arguments[0] if arguments else None)

        name = method.removeprefix("refrain/")
        self.feature(method)(handle)
        self.command(protocol.SERVER_COMMAND_PREFIX + name)(command)

    # --- the life of the server ----------------------------------------------------------------

    async def _initialize(self, params: types.InitializeParams) -> None:
        options = structured(Options, params.initialization_options)
        if params.process_id is not None:
            loop = asyncio.get_running_loop()
            # As `exit` would end it; the watch is another thread.
            watch(params.process_id, lambda: loop.call_soon_threadsafe(sys.exit, 0))
        self._commands = Commands(options.enrich_command, options.run_command)
        roots = _roots(params)
        config = _config_path(options, roots)
        folders = Folders(roots, trusted=options.trusted)
        self._service = service = Service(config, folders)
        service.subscribe(self._stats.changed)
        service.subscribe(self._serving.follow)
        service.config.on_problems(self._publish_problems)
        await service.open(resident=True)
        self._background.start(self._stats.run(), "Telling the editor about statistics")
        self._background.start(self._proxy.run(), "Telling the editor about the proxy")
        self._background.start(self._after_initialize(), "Publishing the first diagnostics")

    async def _after_initialize(self) -> None:
        self._publish_problems()
        self._stats.changed()

    async def _shut_down(self, *_: Any) -> None:
        self.protocol.cancel_others()
        await self.close()

    def _publish_problems(self) -> None:
        config = self.service.config
        if config.path is not None:
            self.text_document_publish_diagnostics(of_config(config.path, config.problems))

    async def _send_stats(self) -> None:
        stats = await self.service.stats(protocol.StatsParams())
        self.protocol.notify(protocol.STATS_CHANGED, to_wire(stats))

    async def _send_serve(self) -> None:
        self.protocol.notify(protocol.SERVE_CHANGED, to_wire(self._serving.state))

    def _progress(self, progress: EnrichProgress) -> None:
        self.protocol.notify(protocol.ENRICH_PROGRESS, to_wire(progress))

    def _run_progress(self, progress: RunProgress) -> None:
        self.protocol.notify(protocol.RUN_PROGRESS, to_wire(progress))

    # --- code actions ------------------------------------------------------------------------

    async def _code_actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        """What can be done with what is selected in an open text."""
        uri = params.text_document.uri
        document = self.workspace.text_documents.get(unquote(uri))
        if document is None or params.range.start == params.range.end:
            return []
        text = await asyncio.to_thread(selected, document, params.range)
        if not text.strip() or len(text) > MOST_CHARS:
            return []
        found = await asyncio.to_thread(self.service.folders.all)
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


def _roots(params: types.InitializeParams) -> list[Path]:
    """The folders that are open."""
    folders = [folder.uri for folder in params.workspace_folders or []]
    uris = folders or ([params.root_uri] if params.root_uri else [])
    return [Path(to_fs_path(uri) or ".").resolve() for uri in uris]
