"""What can be done with a selection: enrich it, or run a recipe on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen
from lsprotocol import types
from pygls.uris import to_fs_path

from refrain_sidecar.enrichment.recipes.definition import Definition
from refrain_sidecar.protocol import SERVER_COMMAND_PREFIX

KIND = types.CodeActionKind.RefactorRewrite


@frozen
class Commands:
    """The commands behind the actions: the client's, or else the server's own."""

    enrich: str | None = None
    run: str | None = None

    def actions(self, text: str, uri: str, recipes: Iterable[Definition]) -> list[types.CodeAction]:
        """The actions on `text`, which is selected in the document `uri`."""
        enrich = self.enrich or SERVER_COMMAND_PREFIX + "enrich"
        run = self.run or SERVER_COMMAND_PREFIX + "run"
        on: dict[str, Any] = {"text": text}
        path = to_fs_path(uri)
        if path is not None:
            on["file"] = path
        # Only a client's own command can ask for what a recipe wants to know.
        runnable = [each for each in recipes if each.takes_text and (self.run or not each.inputs)]
        return [
            _action("Enrich selection", enrich, {"text": text}),
            *(
                _action(f"Run recipe: {each.name}", run, {"recipe": each.name, **on})
                for each in runnable
            ),
        ]


def _action(title: str, command: str, argument: dict[str, Any]) -> types.CodeAction:
    return types.CodeAction(
        title, KIND, command=types.Command(title, command, arguments=[argument])
    )
