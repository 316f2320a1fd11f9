"""What people use today, each filled with the same entries and asked the way its users ask it.

Every one gives back a value made of Python objects: JSON is decoded on our side and on raw
sqlite3's, and the peers decode or unpickle as they do. LangChain decodes one string.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import warnings
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

from attrs import frozen
from tests.bench.cache.questions import answer, question

SELECT = "SELECT value FROM entries WHERE key = ?"
_INSERT = "INSERT INTO entries VALUES (?, ?)"


class Raw:
    """The stdlib's sqlite3 as one would write it: WAL, synchronous = NORMAL (both as ours), a table
    with a text key, each store its own commit.

    A WITHOUT ROWID table would be slower at this size of row, for reads and for writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.conn = sqlite3.connect(path, isolation_level=None)
        self.conn.execute("PRAGMA journal_mode = WAL")
        self.conn.execute("PRAGMA synchronous = NORMAL")
        self.conn.execute("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value TEXT)")

    def fill(self, keys: list[str], first: int = 0) -> None:
        self.conn.execute("BEGIN")
        self.conn.executemany(
            _INSERT, ((key, json.dumps(answer(n))) for n, key in enumerate(keys, first))
        )
        self.conn.execute("COMMIT")

    def get(self, key: str) -> Any:
        return json.loads(self.conn.execute(SELECT, (key,)).fetchone()[0])

    def set(self, key: str, value: Any) -> None:
        self.conn.execute(_INSERT, (key, json.dumps(value)))

    def close(self) -> None:
        self.conn.close()


class DiskCache:
    """diskcache; with `counts`, least recently used goes first and hits are counted, as ours are
    (its default does neither)."""

    def __init__(self, folder: Path, *, counts: bool) -> None:
        import diskcache

        policy = "least-recently-used" if counts else "least-recently-stored"
        self.cache = diskcache.Cache(str(folder), statistics=counts, eviction_policy=policy)

    def fill(self, keys: list[str]) -> None:
        with self.cache.transact():
            for n, key in enumerate(keys):
                self.cache.set(key, answer(n))

    def get(self, key: str) -> Any:
        return self.cache.get(key)

    def set(self, key: str, value: Any) -> None:
        self.cache.set(key, value)

    def close(self) -> None:
        self.cache.close()


class LiteLLM:
    """litellm's disk cache, given the key (it would hash the request first)."""

    def __init__(self, folder: Path) -> None:
        # Its import fetches a price list from the network otherwise.
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        from litellm.caching.disk_cache import DiskCache as LiteLLMDiskCache

        self.cache = LiteLLMDiskCache(disk_cache_dir=str(folder))

    def fill(self, keys: list[str]) -> None:
        with self.cache.disk_cache.transact():
            for n, key in enumerate(keys):
                self.cache.set_cache(key, answer(n))

    def get(self, key: str) -> Any:
        return self.cache.get_cache(key)

    def set(self, key: str, value: Any) -> None:
        self.cache.set_cache(key, value)

    def close(self) -> None:
        self.cache.disk_cache.close()


class LangChain:
    """LangChain's SQLiteCache, which looks up by prompt and description of the model."""

    _LLM = "a local model"

    def __init__(self, path: Path) -> None:
        with warnings.catch_warnings():
            # It is being sunset, it says; it is what LangChain programs use all the same.
            warnings.simplefilter("ignore")
            from langchain_community import cache
            from langchain_core.outputs import Generation

        self._module, self._generation = cache, Generation
        self.cache = cache.SQLiteCache(database_path=str(path))

    def fill(self, prompts: list[str]) -> None:
        from langchain_core.load.dump import dumps
        from sqlalchemy.orm import Session

        with Session(self.cache.engine) as session, session.begin():
            for n, prompt in enumerate(prompts):
                response = dumps(self._generation(text=json.dumps(answer(n))))
                row = self.cache.cache_schema(
                    prompt=prompt, llm=self._LLM, response=response, idx=0
                )
                session.add(row)

    def get(self, prompt: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.cache.lookup(prompt, self._LLM)

    def set(self, prompt: str, value: Any) -> None:
        self.cache.update(prompt, self._LLM, [self._generation(text=json.dumps(value))])

    def close(self) -> None:
        self.cache.engine.dispose()


@frozen
class Filled:
    """The candidates of every table, filled with the same entries."""

    raw: Raw
    counted: DiskCache
    litellm: LiteLLM
    langchain: LangChain

    @classmethod
    def into(cls, stack: AsyncExitStack, folder: Path, keys: list[str]) -> Filled:
        """Open and fill them; `stack` closes them. The n-th key is that of question n."""
        raw = stack.enter_context(closing(Raw(folder / "raw.db")))
        raw.fill(keys)
        counted = stack.enter_context(closing(DiskCache(folder / "counted", counts=True)))
        counted.fill(keys)
        litellm = stack.enter_context(closing(LiteLLM(folder / "litellm")))
        litellm.fill(keys)
        langchain = stack.enter_context(closing(LangChain(folder / "langchain.db")))
        langchain.fill([question(n) for n in range(len(keys))])
        return cls(raw, counted, litellm, langchain)


class GPTCache:
    """GPTCache over SQLite and faiss, with an embedding that costs next to nothing (a hash)."""

    def __init__(self, folder: Path) -> None:
        # One search of so few vectors needs no second thread, and the threads of faiss wait
        # spinning, which would slow down whoever has the next turn.
        os.environ["OMP_NUM_THREADS"] = "1"
        import numpy
        from gptcache import Cache
        from gptcache.adapter import api
        from gptcache.manager import CacheBase, VectorBase, get_data_manager
        from gptcache.processor.pre import get_prompt
        from gptcache.similarity_evaluation.distance import SearchDistanceEvaluation

        folder.mkdir()
        # It saves itself once more when the program ends, and complains that its folder is gone.
        os.environ["IS_CI"] = "1"

        def embedded(prompt: str, **_: Any) -> Any:
            digest = hashlib.shake_128(prompt.encode()).digest(64)
            return numpy.frombuffer(digest, dtype=numpy.uint8).astype("float32") / 255

        self._api, self._embedded = api, embedded
        self._manager = get_data_manager(
            CacheBase("sqlite", sql_url=f"sqlite:///{folder / 'gptcache.db'}"),
            VectorBase("faiss", dimension=64, index_path=str(folder / "faiss")),
        )
        self.cache = Cache()
        self.cache.init(
            pre_embedding_func=get_prompt,
            embedding_func=embedded,
            data_manager=self._manager,
            similarity_evaluation=SearchDistanceEvaluation(),
        )

    def fill(self, prompts: list[str]) -> None:
        self._manager.import_data(
            prompts,
            [json.dumps(answer(n)) for n in range(len(prompts))],
            [self._embedded(prompt) for prompt in prompts],
            [None] * len(prompts),
        )

    def get(self, prompt: str) -> Any:
        return self._api.get(prompt, cache_obj=self.cache)

    def close(self) -> None:
        self._manager.close()
