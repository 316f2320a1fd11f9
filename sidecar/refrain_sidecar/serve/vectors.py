"""Vectors are kept one by one: of five hundred texts, only those never seen go upstream."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

from attrs import frozen

from refrain_cache import AsyncCache, fingerprint
from refrain_sidecar.serve.asked import Asked, input_parts
from refrain_sidecar.serve.digests import Behind
from refrain_sidecar.serve.wholeness import UnkeptError

FOR_EVER: Final = float("inf")
# A list of numbers, or (OpenAI's `encoding_format: base64`) a text after the key it belongs to.
_VECTOR: Final = re.compile(rb'\[[-+.0-9eE,\s]+\]|(?<="embedding":)"[A-Za-z0-9+/=]+"')


@frozen
class Frame:
    """An answer without its vectors: what stands before, between and after them."""

    pieces: Sequence[bytes]

    def around(self, vectors: Sequence[bytes]) -> bytes:
        """The answer with `vectors` in it."""
        between = chain.from_iterable(zip(vectors, self.pieces[1:], strict=True))
        return b"".join([self.pieces[0], *between])

    def holding(self, number: int) -> Frame:
        """The same for another number of vectors. Raises UnkeptError where it cannot be made."""
        first, last = self.pieces[0], self.pieces[-1]
        if first.endswith(b"["):
            return Frame([first, *([b","] * (number - 1)), last])
        # OpenAI's: each vector in an object that ends with its index.
        end = re.match(rb'(,"index":)0(\})', self.pieces[1])
        begin = re.search(rb'\{[^{}]*"embedding":$', first)
        if end is None or begin is None:
            raise UnkeptError("its vectors stand in a form that is not known")
        tail = re.sub(rb'^,"index":\d+\}', b"", last)
        ends = [end[1] + str(index).encode() + end[2] for index in range(number)]
        return Frame([first, *(one + b"," + begin[0] for one in ends[:-1]), ends[-1] + tail])


def cut(body: bytes, number: int) -> tuple[Frame, list[bytes]]:
    """An answer's frame and its vectors. Raises UnkeptError unless there are `number` of them."""
    vectors, pieces, at = [], [], 0
    for found in _VECTOR.finditer(body):
        vectors.append(found[0])
        pieces.append(body[at : found.start()])
        at = found.end()
    pieces.append(body[at:])
    if len(vectors) != number:
        raise UnkeptError(f"it has {len(vectors)} vectors for {number} texts")
    return Frame(pieces), vectors


class Vectors:
    """The vectors of one request's texts: those stored, and those still to be asked for."""

    def __init__(self, cache: AsyncCache, asked: Asked, behind: Behind) -> None:
        assert asked.inputs is not None
        self._cache = cache
        self._asked = asked
        self._behind = behind
        self.inputs = asked.inputs
        self._found: dict[str, bytes] = {}

    async def look(self) -> None:
        """Find what is stored."""
        for at, text in enumerate(dict.fromkeys(self.inputs)):
            hit = await self._cache.find(self._print(text))
            if hit is not None and isinstance(hit.value, str):
                self._found[text] = hit.value.encode()
            if at % 64 == 63:
                await asyncio.sleep(0)

    @property
    def missing(self) -> list[str]:
        """The texts to be asked for, each once."""
        return [text for text in dict.fromkeys(self.inputs) if text not in self._found]

    @property
    def all(self) -> list[bytes]:
        """A vector for each text; to be asked for once none is missing."""
        return [self._found[text] for text in self.inputs]

    def asking_for(self, texts: Sequence[str]) -> bytes:
        """The request's body for these texts only."""
        return json.dumps({**self._asked.body, "input": list(texts)}, ensure_ascii=False).encode()

    def add(self, texts: Sequence[str], vectors: Sequence[bytes]) -> None:
        """What upstream made of `texts`."""
        self._found.update(zip(texts, vectors, strict=True))

    async def keep(self, texts: Sequence[str], cost_ms: float, label: str) -> None:
        """Store the vectors of `texts`, which took `cost_ms` together."""
        each = cost_ms / max(1, len(texts))
        await asyncio.gather(
            *(
                self._cache.set(
                    cache_type=self._asked.endpoint.kind,
                    value=self._found[text].decode(),
                    ttl=FOR_EVER,
                    cost_ms=each,
                    label=label,
                    **self._parts(text),
                )
                for text in texts
            )
        )

    def _parts(self, text: str) -> dict[str, Any]:
        return input_parts(self._asked, text, self._behind.digest, self._behind.version)

    def _print(self, text: str) -> Any:
        parts: Mapping[str, Any] = self._parts(text)
        return fingerprint(
            self._asked.endpoint.kind,
            parts["content"],
            params=parts["params"],
            identity=parts["identity"],
        )
