"""llama.cpp's own server, run in this process by xllamacpp and spoken to over loopback.

Its HTTP face is used rather than its callbacks because closing the connection is the one way to
cancel a running request. It listens on a random port behind a random key, so that nobody reaches
it with fewer checks than ours.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx
from attrs import frozen

from refrain_sidecar.inference.embedded.failures import ContextExceeded, EngineFailure
from refrain_sidecar.inference.models.quick_form import Loadable, loadable
from refrain_sidecar.inference.ollama.lines import LineSplitter

# Tokens of a prompt read at a time. A cancelled request is noticed after the batch it is in and
# ended after the next: 48 tokens take a 2-core machine about 0.2 s, so that cancelling stays under
# half a second. Smaller batches read prompts more slowly (32: by a quarter), larger ones hardly
# faster.
PROMPT_BATCH = 48
# Threads that write are a half of those that read. For one token of a small model they meet some
# 750 times (1,100 with an adapter), and wait for memory between: two threads wrote 50 tokens a
# second where one wrote 70 (SmolLM2-135M, 2 virtual cores, idle), and two read 231 where one read
# 127.
WRITING_SHARE = 2
# The first id of a vocabulary is a control token (here: end of text), which no text becomes.
_SEPARATOR = 0
# Prompts whose state is kept in memory, so that stages taking turns on the one slot each find
# their prefix again: 2000 → 70 ms for a 540-token prefix.
PREFIX_CACHE_MIB = 256
# The most characters one token stands for: 81 in our model, 128 in those of the Llama family.
LONGEST_TOKEN = 128
# llama.cpp rounds a context up to a multiple of so many tokens.
_CTX_STEP = 256

Whole = TypeVar("Whole", str, list[int])


@frozen
class Loading:
    """What decides whether a loaded model can be reused: context in tokens, threads, purpose.

    For embedding a text has to fit one batch, which is as large as the context then.
    """

    num_ctx: int
    num_thread: int
    embedding: bool = False


class LlamaServer:
    """A loaded model. Requests run one after the other, in the order they arrive.

    Of a text that is too long whatever its tokens are, llama.cpp gets only the two ends, each long
    enough to fill the context: it would read megabytes to refuse them, or to cut out the middle.
    """

    def __init__(self, native: Any, key: str, loading: Loading) -> None:
        self.loading = loading
        self._most = max(loading.num_ctx, _CTX_STEP) * LONGEST_TOKEN
        self._first_tokens: dict[str, int] = {}
        self._native = native
        # Connections are not kept: after a streamed reply the server often closes its end, and
        # the next request on it would fail.
        self._http = httpx.AsyncClient(
            base_url=native.listening_address,
            headers={"Authorization": f"Bearer {key}"},
            timeout=None,
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
        )

    @classmethod
    async def load(cls, model: Path, loading: Loading) -> LlamaServer:
        """Loads `model` (0.3 s from a warm file cache). Raises EngineFailure 500."""
        key = secrets.token_urlsafe(32)
        try:
            native = await asyncio.to_thread(_start, model, loading, key)
        except Exception as error:
            raise EngineFailure(500, f"llama.cpp could not load {model.name}: {error}") from error
        return cls(native, key, loading)

    async def unload(self) -> None:
        """Frees the model's memory. A request still running is ended."""
        await self._http.aclose()
        native, self._native = self._native, None
        # The last reference goes in the thread: the native destructor joins threads of its own.
        await asyncio.to_thread(_drop, [native])
        del native

    @asynccontextmanager
    async def completion(
        self, body: Mapping[str, Any]
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """The events of one completion, ended by one whose `stop` is true.

        Leaving the block before the end cancels the work. Raises EngineFailure.
        """
        # Only a streamed request notices that its client has gone.
        sent = {**body, "prompt": _ends(body["prompt"], self._most), "stream": True}
        async with self._http.stream("POST", "/completion", json=sent) as response:
            if response.status_code != 200:
                raise _failure(response.status_code, await response.aread())
            yield _events(response)

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of `text`, special tokens read as such."""
        content = _ends(text, self._most)
        answer = await self._post("/tokenize", {"content": content, "parse_special": True})
        return cast(list[int], answer["tokens"])

    async def first_tokens(self, words: Sequence[str]) -> dict[str, int]:
        """The id of each word's first token. Raises EngineFailure 400 for a word without any."""
        unknown = [word for word in dict.fromkeys(words) if word not in self._first_tokens]
        if unknown:
            # A list may mix texts and token ids: one request, an id between the words.
            mixed = [part for word in unknown for part in (word, _SEPARATOR)]
            answer = await self._post("/tokenize", {"content": mixed, "parse_special": False})
            tokens = cast(list[int], answer["tokens"])
            starts = [0, *(at + 1 for at, token in enumerate(tokens) if token == _SEPARATOR)]
            for word, start in zip(unknown, starts, strict=False):
                if tokens[start] == _SEPARATOR:
                    raise EngineFailure(400, f"{word!r} has no token")
                self._first_tokens[word] = tokens[start]
        return {word: self._first_tokens[word] for word in words}

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of token ids."""
        answer = await self._post("/detokenize", {"tokens": _ends(list(tokens), self._most)})
        return str(answer["content"])

    async def prompt_of(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """`messages` in the model's own chat template; a last assistant message is continued."""
        cut = [{**said, "content": _ends(said["content"], self._most)} for said in messages]
        answer = await self._post("/apply-template", {"messages": cut})
        return str(answer["prompt"])

    async def embed(self, texts: Sequence[Sequence[int]]) -> list[list[float]]:
        """One vector for each text, given as tokens. Needs `loading.embedding`."""
        body = {"content": [list(text) for text in texts], "embd_normalize": -1}
        answers = await self._request("/embedding", body)
        return [answer["embedding"][0] for answer in answers]

    async def slots(self) -> list[dict[str, Any]]:
        """llama.cpp's slots: `id`, `n_ctx`, `is_processing` and more."""
        response = await self._http.get("/slots")
        return cast(list[dict[str, Any]], response.json())

    async def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return cast(dict[str, Any], await self._request(path, body))

    async def _request(self, path: str, body: Mapping[str, Any]) -> Any:
        response = await self._http.post(path, json=body)
        if response.status_code != 200:
            raise _failure(response.status_code, response.content)
        return response.json()


def _start(model: Path, loading: Loading, key: str) -> Any:
    # Native and large: only a process that loads a model pays for the import.
    import xllamacpp

    params = xllamacpp.CommonParams()
    # Vectors are compared with those of other engines, so their weights stay as they came.
    files = Loadable(model) if loading.embedding else loadable(model)
    params.model.path = str(files.weights)
    if files.adapter is not None:
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path, adapter.scale = str(files.adapter), 1.0
        params.lora_adapters = [adapter]
    params.n_ctx = loading.num_ctx
    params.cpuparams.n_threads = -(-loading.num_thread // WRITING_SHARE)
    params.cpuparams_batch.n_threads = loading.num_thread
    batch = loading.num_ctx if loading.embedding else PROMPT_BATCH
    params.n_batch = batch
    params.n_ubatch = batch
    if loading.embedding:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.n_parallel = 1
    params.cache_ram_mib = PREFIX_CACHE_MIB
    params.fit_params = False
    params.port = 0
    params.api_keys = [key]
    params.cors_origins = ""
    params.ui = False
    params.verbosity = 1
    return xllamacpp.Server(params)


def _ends(whole: Whole, most: int) -> Whole:
    return whole if len(whole) <= 2 * most else whole[:most] + whole[-most:]


def _drop(holder: list[Any]) -> None:
    holder.clear()


async def _events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    # The closing event repeats the prompt, with whatever line separators a text may hold.
    splitter = LineSplitter()
    async for chunk in response.aiter_bytes():
        for line in splitter.feed(chunk):
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                if "error" in event:
                    raise _error_of(event["error"])
                yield event
            elif line.startswith(b"error: "):
                raise _error_of(json.loads(line[7:]))


def _failure(status: int, content: bytes) -> EngineFailure:
    try:
        return _error_of(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        return EngineFailure(status, content.decode(errors="replace") or f"status {status}")


def _error_of(error: Mapping[str, Any]) -> EngineFailure:
    if error.get("type") == "exceed_context_size_error":
        return ContextExceeded()
    return EngineFailure(int(error.get("code", 500)), str(error.get("message", error)))
