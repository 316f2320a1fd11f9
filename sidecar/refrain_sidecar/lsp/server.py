"""The server: which methods there are, and its life from `initialize` to the end of stdin.

What answers them is loaded behind the answer to `initialize`: an editor waits for that one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from refrain_sidecar import __version__, methods
from refrain_sidecar.lsp.jsonrpc import Protocol
from refrain_sidecar.lsp.watchdog import watch
from refrain_sidecar.service.background import Background

if TYPE_CHECKING:
    from refrain_sidecar.lsp.session import Session

LOG = logging.getLogger("refrain")

# Of LSP's own methods, those that the session answers, and what is said of them beforehand.
_FEATURES: dict[str, Any] = {
    types.TEXT_DOCUMENT_CODE_ACTION: types.CodeActionOptions(
        [types.CodeActionKind.RefactorRewrite]
    ),
    types.TEXT_DOCUMENT_COMPLETION: types.CompletionOptions(trigger_characters=["$", "{", "#"]),
    types.TEXT_DOCUMENT_HOVER: None,
    types.TEXT_DOCUMENT_DID_OPEN: None,
    types.TEXT_DOCUMENT_DID_CHANGE: None,
    types.TEXT_DOCUMENT_DID_CLOSE: None,
}


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


_OPTIONS: dict[str, tuple[str, type]] = {
    "configPath": ("config_path", str),
    "trusted": ("trusted", bool),
    "enrichCommand": ("enrich_command", str),
    "runCommand": ("run_command", str),
}


class RefrainServer(LanguageServer):
    """A language server whose session opens behind `initialize` and closes at the end of stdin."""

    protocol: Protocol

    def __init__(self) -> None:
        # pygls applies parts of a text by other line ends than LSP's.
        whole = types.TextDocumentSyncKind.Full
        super().__init__("refrain", __version__, whole, protocol_cls=Protocol)
        self._background = Background()
        self._options = Options()
        self._roots: list[Path] = []
        self._opening: asyncio.Task[Session] | None = None
        self._register()

    async def close(self) -> None:
        """Cancel what runs, stop the proxy, flush the cache, stop the engine."""
        opening, self._opening = self._opening, None
        if opening is not None:
            # One that failed has been heard of, and holds nothing.
            with contextlib.suppress(Exception):
                await (await opening).close()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Out-of-band errors go to the log: a person did not ask, so no message box pops up."""
        LOG.error("%s", error)

    # --- what there is ----------------------------------------------------------------------

    def _register(self) -> None:
        self.feature(types.INITIALIZE)(partial(self._initialize))
        self.feature(types.INITIALIZED)(partial(self._initialized))
        self.feature(types.SHUTDOWN)(partial(self._shut_down))
        for method, options in _FEATURES.items():
            self.feature(method, options)(partial(self._answer, method))
        for method in methods.REQUESTS:
            self._register_verb(method)

    def _register_verb(self, method: str) -> None:
        """As a request, which can be cancelled, and as a command, for other editors."""

        async def command(*arguments: Any) -> Any:
            return await self._answer(method, arguments[0] if arguments else None)

        name = method.removeprefix("refrain/")
        self.feature(method)(partial(self._answer, method))
        self.command(methods.SERVER_COMMAND_PREFIX + name)(command)

    async def _answer(self, method: str, params: Any) -> Any:
        """The session's answer, once it is open. It opens for all who ask, whoever leaves."""
        session = await asyncio.shield(self._open())
        return await session.handlers[method](params)

    # --- the life of the server ----------------------------------------------------------------

    def _initialize(self, params: types.InitializeParams) -> None:
        self._options = _options(params.initialization_options)
        folders = [folder.uri for folder in params.workspace_folders or []]
        uris = folders or ([params.root_uri] if params.root_uri else [])
        self._roots = [Path(to_fs_path(uri) or ".").resolve() for uri in uris]
        if params.process_id is not None:
            loop = asyncio.get_running_loop()
            # As `exit` would end it; the watch is another thread.
            watch(params.process_id, lambda: loop.call_soon_threadsafe(sys.exit, 0))

    def _initialized(self, _: types.InitializedParams) -> None:
        self._open()

    def _open(self) -> asyncio.Task[Session]:
        """Begin to open the session: at `initialized`, or with a request that comes before it."""
        if self._opening is None:
            self._opening = self._background.start(self._opened(), "Opening the cache")
        return self._opening

    async def _opened(self) -> Session:
        from refrain_sidecar.lsp.session import Session

        session = Session(self, self._options, self._roots)
        await session.open()
        return session

    async def _shut_down(self, *_: Any) -> None:
        self.protocol.cancel_others()
        await self.close()


def _options(given: Any) -> Options:
    """`given` as options, checked by hand: our messages are not loaded yet.

    Raises JsonRpcInvalidParams naming what is wrong.
    """
    if not isinstance(given, dict | None):
        raise JsonRpcInvalidParams("initializationOptions: expected an object")
    options: dict[str, Any] = {}
    for key, value in (given or {}).items():
        if key not in _OPTIONS:
            raise JsonRpcInvalidParams(f"initializationOptions: unknown key {key!r}")
        name, kind = _OPTIONS[key]
        if value is None:
            continue
        if not isinstance(value, kind):
            raise JsonRpcInvalidParams(f"initializationOptions.{key}: expected {kind.__name__}")
        options[name] = value
    return Options(**options)
