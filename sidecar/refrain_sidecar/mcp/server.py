"""The server: which requests there are and what answers each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, PromptsListChanged

from refrain_sidecar import __version__
from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.mcp.asking import Asked, consent
from refrain_sidecar.mcp.progress import telling
from refrain_sidecar.mcp.prompts import conversation, prompt
from refrain_sidecar.mcp.refusals import answer_to, failure, wrong
from refrain_sidecar.mcp.tools import TOOLS, Answer, Call, Tool, taken
from refrain_sidecar.protocol import RecipesParams
from refrain_sidecar.protocol.wire import to_wire
from refrain_sidecar.service.service import Service

Context = ServerRequestContext[Any]
T = TypeVar("T")

INSTRUCTIONS = (
    "Refrain runs prompts (recipes) and the enrichment of texts on a local model and never asks it "
    "the same thing twice. Prefer run_recipe for what a recipe is made for: it costs nothing."
)
# How often it is looked whether recipes came, went or changed: three folders are read for it.
SECONDS_BETWEEN_LOOKS = 2.0


class McpServer:
    """Answers one client over an open service. `folder` is what files are named from."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._service = service
        self._folder = folder
        self._unwinding: set[asyncio.Task[Any]] = set()
        self._bus = InMemorySubscriptionBus()
        # Of a client that has to be told without having subscribed.
        self._session: ServerSession | None = None
        self.sdk: Server[Any] = Server(
            "refrain",
            version=__version__,
            title="Refrain",
            instructions=INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
            on_subscriptions_listen=ListenHandler(self._bus),
        )
        self.sdk.add_notification_handler(
            "notifications/initialized", types.NotificationParams, self._initialized
        )

    @property
    def options(self) -> InitializationOptions:
        """What a client is told that opens with a handshake."""
        return self.sdk.create_initialization_options(NotificationOptions(prompts_changed=True))

    async def follow_recipes(self) -> None:
        """Tell the client when recipes change, until cancelled."""
        seen = await asyncio.to_thread(self._service.folders.stamp)
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            now = await asyncio.to_thread(self._service.folders.stamp)
            if now != seen:
                seen = now
                await self._bus.publish(PromptsListChanged())
                if self._session is not None:
                    await self._session.send_notification(types.PromptListChangedNotification())

    async def _initialized(self, context: Context, _: types.NotificationParams) -> None:
        self._session = context.session

    # --- tools ------------------------------------------------------------------------------

    @cached_property
    def _tools(self) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool.declared() for tool in TOOLS.values()])

    async def _list_tools(self, _: Context, __: Any) -> types.ListToolsResult:
        return self._tools

    async def _call_tool(
        self, context: Context, call: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        tool = TOOLS.get(call.name)
        if tool is None:
            raise wrong(f"There is no tool {call.name!r}. There are: {', '.join(TOOLS)}.")
        try:
            return _result(await self._apart(self._run(tool, context, call)))
        except Asked as asked:
            return asked.question
        except Exception as error:
            return answer_to(error)

    async def _run(self, tool: Tool, context: Context, call: types.CallToolRequestParams) -> Answer:
        asked: Any = taken(tool.takes, call.arguments)
        async with telling(context) as tell:
            ask = partial(consent, context, call)
            return await tool.run(Call(self._service, self._folder, tell, ask), asked)

    # --- prompts ----------------------------------------------------------------------------

    async def _list_prompts(self, _: Context, __: Any) -> types.ListPromptsResult:
        listed = await self._apart(self._service.recipes(RecipesParams()))
        sound = [prompt(recipe) for recipe in listed.recipes if not recipe.problems]
        return types.ListPromptsResult(prompts=sound)

    async def _get_prompt(
        self, _: Context, asked: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        try:
            recipe = await asyncio.to_thread(self._service.folders.one, asked.name)
            messages = conversation(recipe, asked.arguments or {})
        except InputRefused as error:
            raise wrong(str(error)) from error
        except Exception as error:
            raise failure(error) from error
        return types.GetPromptResult(description=recipe.description or None, messages=messages)

    async def _apart(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, done in a task of its own, which is cancelled once.

        The SDK cancels anew at every await, so that nothing could be given back in between.
        """
        task = asyncio.create_task(work)
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            self._unwinding.add(task)
            task.add_done_callback(self._unwound)
            task.cancel()
            raise
        return task.result()

    def _unwound(self, task: asyncio.Task[Any]) -> None:
        self._unwinding.discard(task)
        if not task.cancelled():
            task.exception()  # nobody waits for it any more


def _result(answer: Answer) -> types.CallToolResult:
    message = to_wire(answer.message)
    text = answer.text
    if text is None:
        text = json.dumps(message, ensure_ascii=False)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content=message
    )
