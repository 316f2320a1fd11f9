"""Help with writing a recipe: what is wrong with it, what can stand where, what it means."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import unquote

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path
from pygls.workspace import TextDocument

from refrain_sidecar.config import Problem
from refrain_sidecar.enrichment.recipes.finding import ENDING
from refrain_sidecar.enrichment.recipes.writing import (
    Kind,
    Suggestion,
    names_model,
    remark,
    suggested,
)
from refrain_sidecar.lsp.diagnostics import diagnostic
from refrain_sidecar.lsp.messages import Handler
from refrain_sidecar.lsp.positions import column, lines, span
from refrain_sidecar.protocol import ModelsParams
from refrain_sidecar.service.background import Background
from refrain_sidecar.service.service import Service

_KINDS: dict[Kind, types.CompletionItemKind] = {
    "key": types.CompletionItemKind.Property,
    "value": types.CompletionItemKind.Value,
    "variable": types.CompletionItemKind.Variable,
    "role": types.CompletionItemKind.Keyword,
}


class RecipeLanguage:
    """Diagnostics, completion and hover for open documents whose name ends like a recipe's.

    `handlers` answer for them, by method. In a workspace that is not trusted nothing is diagnosed:
    that reads the schemas which lie beside a recipe.
    """

    def __init__(self, server: LanguageServer, service: Service, background: Background) -> None:
        self._server = server
        self._service = service
        self._background = background
        self._looking: dict[str, asyncio.Task[None]] = {}
        self.handlers: dict[str, Handler] = {
            types.TEXT_DOCUMENT_DID_OPEN: self._changed,
            types.TEXT_DOCUMENT_DID_CHANGE: self._changed,
            types.TEXT_DOCUMENT_DID_CLOSE: self._closed,
            types.TEXT_DOCUMENT_COMPLETION: self._complete,
            types.TEXT_DOCUMENT_HOVER: self._hover,
        }

    # --- what is wrong ------------------------------------------------------------------------

    async def _changed(
        self, params: types.DidOpenTextDocumentParams | types.DidChangeTextDocumentParams
    ) -> None:
        uri = params.text_document.uri
        document = _recipe(self._server, uri)
        if document is None or not self._service.folders.trusted:
            return
        self._forget(uri)
        look = self._look(uri, document)
        self._looking[uri] = self._background.start(look, "Looking at a recipe")

    async def _closed(self, params: types.DidCloseTextDocumentParams) -> None:
        if self._forget(params.text_document.uri):
            _publish(self._server, params.text_document.uri, [])

    def _forget(self, uri: str) -> bool:
        """End the look at what has changed since. Returns whether there was one, ended or not."""
        task = self._looking.pop(uri, None)
        if task is not None:
            task.cancel()
        return task is not None

    async def _look(self, uri: str, document: TextDocument) -> None:
        written, codec = lines(document), document.position_codec
        path = Path(document.path)
        problems, doubts = await self._service.check_recipe(path, "\n".join(written))

        def shown(problem: Problem, severity: types.DiagnosticSeverity) -> types.Diagnostic:
            at = problem.span
            line = written[at.line] if at.line < len(written) else ""
            place = span(codec, at.line, line, at.column, at.end_column)
            return diagnostic(problem.message, problem.key, place, severity)

        errors = [shown(problem, types.DiagnosticSeverity.Error) for problem in problems]
        warnings = [shown(doubt, types.DiagnosticSeverity.Warning) for doubt in doubts]
        _publish(self._server, uri, errors + warnings)

    # --- what can stand there, and what does ------------------------------------------------------

    async def _complete(self, params: types.CompletionParams) -> list[types.CompletionItem]:
        document = _recipe(self._server, params.text_document.uri)
        if document is None:
            return []
        written, codec = lines(document), document.position_codec
        at, character = params.position.line, params.position.character
        line = written[at] if at < len(written) else ""
        models: list[str] = []
        if names_model(written, at):
            offered = await self._service.models(ModelsParams())
            models = [offer.name for offer in offered.models]
        found = suggested(written, at, column(codec, line, character), models)
        place = span(codec, at, line, found.start, found.end)
        return [_item(each, place) for each in found.suggestions]

    async def _hover(self, params: types.HoverParams) -> types.Hover | None:
        document = _recipe(self._server, params.text_document.uri)
        if document is None:
            return None
        written, codec = lines(document), document.position_codec
        at = params.position.line
        line = written[at] if at < len(written) else ""
        said = remark(written, at, column(codec, line, params.position.character))
        if said is None:
            return None
        text = types.MarkupContent(types.MarkupKind.Markdown, said.about)
        return types.Hover(text, span(codec, at, line, said.start, said.end))


def _recipe(server: LanguageServer, uri: str) -> TextDocument | None:
    """The open document `uri`, if that is a recipe in a file."""
    if not (to_fs_path(uri) or "").endswith(ENDING):
        return None
    document: TextDocument | None = server.workspace.text_documents.get(unquote(uri))
    return document


def _publish(server: LanguageServer, uri: str, found: list[types.Diagnostic]) -> None:
    server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found))


def _item(suggestion: Suggestion, place: types.Range) -> types.CompletionItem:
    return types.CompletionItem(
        label=suggestion.text.strip().removesuffix(":"),
        kind=_KINDS[suggestion.kind],
        documentation=types.MarkupContent(types.MarkupKind.Markdown, suggestion.about),
        # Else the client would filter by the label, which is not what stands there.
        filter_text=suggestion.text,
        text_edit=types.TextEdit(place, suggestion.text),
    )
