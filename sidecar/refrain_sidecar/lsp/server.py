"""The server: which methods there are and which verb of the service answers each."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from refrain_cache import find_config
from refrain_sidecar import __version__, protocol
from refrain_sidecar.lsp.diagnostics import diagnostics
from refrain_sidecar.lsp.messages import Handler, converter_factory, handler
from refrain_sidecar.lsp.notifier import Notifier
from refrain_sidecar.lsp.watchdog import watch
from refrain_sidecar.protocol.wire import to_wire
from refrain_sidecar.service.background import Background
from refrain_sidecar.service.service import Service

LOG = logging.getLogger("refrain")

Verb = Callable[..., Awaitable[Any]]


class RefrainServer(LanguageServer):
    """A language server whose service opens at `initialize` and closes at the end of stdin."""

    def __init__(self) -> None:
        super().__init__("refrain", __version__, converter_factory=converter_factory)
        self._background = Background()
        self._notifier = Notifier(self._send_stats)
        self._service: Service | None = None
        self._handlers: dict[str, Handler] = {}
        self._enrich_command = protocol.SERVER_COMMAND_PREFIX + "enrich"
        self._register()

    @property
    def service(self) -> Service:
        if self._service is None:
            raise RuntimeError("The sidecar has not been initialized.")
        return self._service

    async def close(self) -> None:
        """Cancel what runs, flush the cache, stop the engine."""
        service, self._service = self._service, None
        await self._background.close()
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
            types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.RefactorRewrite]),
        )(partial(self._code_actions))
        for method, params_class, verb in (
            (protocol.ENRICH, protocol.EnrichParams, self._enrich),
            (protocol.STATS, protocol.StatsParams, lambda p: self.service.stats(p)),
            (protocol.PURGE, protocol.PurgeParams, lambda p: self.service.purge(p)),
            (protocol.WARM, protocol.WarmParams, self._warm),
            (protocol.CPU_THREADS, None, lambda: self.service.cpu_threads()),
            (protocol.ENTRIES, protocol.EntriesParams, lambda p: self.service.entries(p)),
            (protocol.EXPLAIN, protocol.ExplainParams, lambda p: self.service.explain(p)),
            (protocol.DOCTOR, None, lambda: self.service.doctor()),
        ):
            self._register_verb(method, handler(params_class, verb))

    def _register_verb(self, method: str, handle: Handler) -> None:
        """As a request, which can be cancelled, and as a command, for other editors."""

        async def request(params: Any) -> Any:
            return await handle(params)

        async def command(*arguments: Any) -> Any:
            return await handle(arguments[0] if arguments else None)

        name = method.removeprefix("refrain/")
        self.feature(method)(request)
        self.command(protocol.SERVER_COMMAND_PREFIX + name)(command)

    # --- the life of the server ----------------------------------------------------------------

    async def _initialize(self, params: types.InitializeParams) -> None:
        options = params.initialization_options or {}
        if params.process_id is not None:
            loop = asyncio.get_running_loop()
            watch(params.process_id, lambda: _leave(loop))
        self._enrich_command = options.get("enrichCommand") or self._enrich_command
        self._service = service = Service(_config_path(options.get("configPath"), params))
        service.subscribe(self._notifier.changed)
        service.config.on_problems(self._publish_problems)
        await service.open(preload=True, follow=True)
        self._background.start(self._notifier.run(), "Telling the editor about statistics")
        self._background.start(self._after_initialize(), "Publishing the first diagnostics")

    async def _after_initialize(self) -> None:
        self._publish_problems()
        self._notifier.changed()

    async def _shut_down(self, *_: Any) -> None:
        await self.close()

    def _publish_problems(self) -> None:
        config = self.service.config
        if config.path is not None:
            self.text_document_publish_diagnostics(diagnostics(config.path, config.problems))

    async def _send_stats(self) -> None:
        stats = await self.service.stats(protocol.StatsParams())
        self.protocol.notify(protocol.STATS_CHANGED, to_wire(stats))

    # --- verbs that report on their way -------------------------------------------------------

    def _progress(self, progress: protocol.EnrichProgress) -> None:
        self.protocol.notify(protocol.ENRICH_PROGRESS, to_wire(progress))

    async def _enrich(self, params: protocol.EnrichParams) -> protocol.EnrichResult:
        return await self.service.enrich(params, self._progress)

    async def _warm(self, params: protocol.WarmParams) -> protocol.WarmResult:
        return await self.service.warm(params, self._progress)

    # --- code actions ------------------------------------------------------------------------

    async def _code_actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        """*Enrich selection* on any selection that is not empty."""
        if params.range.start == params.range.end:
            return []
        document = self.workspace.get_text_document(params.text_document.uri)
        text = _selected(document.lines, params.range)
        if not text.strip():
            return []
        title = "Enrich selection"
        return [
            types.CodeAction(
                title=title,
                kind=types.CodeActionKind.RefactorRewrite,
                command=types.Command(title, self._enrich_command, arguments=[{"text": text}]),
            )
        ]


def _selected(lines: Sequence[str], selection: types.Range) -> str:
    chosen = list(lines[selection.start.line : selection.end.line + 1])
    if not chosen:
        return ""
    if selection.end.line < len(lines):
        chosen[-1] = chosen[-1][: selection.end.character]
    chosen[0] = chosen[0][selection.start.character :]
    return "".join(chosen)


def _config_path(option: str | None, params: types.InitializeParams) -> Path | None:
    """The configuration asked for, else the nearest one from the first workspace folder.

    With none there yet, the place where one would be: a file made later is followed at once.
    """
    folders = [folder.uri for folder in params.workspace_folders or []]
    root_uri = folders[0] if folders else params.root_uri
    root = Path(to_fs_path(root_uri) or ".").resolve() if root_uri else None
    if option:
        return ((root or Path.cwd()) / Path(option).expanduser()).resolve()
    return find_config(root) or (root and root / "config" / "perf_config.json")


def _leave(loop: asyncio.AbstractEventLoop) -> None:
    """End the event loop of another thread, as `exit` would."""
    loop.call_soon_threadsafe(sys.exit, 0)
