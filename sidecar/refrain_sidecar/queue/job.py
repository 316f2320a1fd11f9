"""A job and its result as they are written: JSON, named by a SHA-256, sealed by a secret. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import asdict, frozen

from refrain_sidecar.queue.errors import JobRefused

# A reflection has some hundred bytes, an enriched one some thousand.
MAX_JOB_BYTES: Final = 1_048_576
MAX_RESULT_BYTES: Final = 4 * MAX_JOB_BYTES
STAGES: Final = ((1,), (1, 2))
_VERSION: Final = 1
_ID_CHARS: Final = 32
_SEAL_CHARS: Final = 64


@frozen
class CarriedRecipe:
    """A recipe as it goes to machines that do not have its file: its text, and its schema."""

    name: str
    source: str
    output: Mapping[str, Any] | None


@frozen
class Job:
    """A line of input, and what is to be run on it: stages, or a recipe."""

    run: tuple[int, ...] | CarriedRecipe
    line: Mapping[str, Any]

    def encoded(self) -> bytes:
        """Equal jobs are equal bytes."""
        whole: dict[str, Any] = {"v": _VERSION, "line": self.line}
        if isinstance(self.run, CarriedRecipe):
            whole |= {"run": "recipe", "recipe": asdict(self.run)}
        else:
            whole |= {"run": "enrich", "stages": self.run}
        return json.dumps(
            whole, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
        ).encode()


def job_id(body: bytes) -> str:
    """What a job is called, and its result: equal jobs share both."""
    return hashlib.sha256(body).hexdigest()[:_ID_CHARS]


def decoded(body: bytes) -> Job:
    """The job that `body` says. Raises JobRefused with the reason if it is none of ours."""
    whole = _object(body, MAX_JOB_BYTES)
    reads: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "enrich": ("stages", _stages),
        "recipe": ("recipe", _recipe),
    }
    kind = whole.get("run")
    if whole.get("v") != _VERSION or not isinstance(kind, str) or kind not in reads:
        raise JobRefused(
            f"a job of another kind or version than this worker knows (v {whole.get('v')!r:.20}, "
            f"run {kind!r:.40}): update it"
        )
    key, read = reads[kind]
    if whole.keys() != {"v", "run", key, "line"}:
        raise JobRefused("not the keys of a job")
    run, line = read(whole[key]), whole["line"]
    if not isinstance(line, dict):
        raise JobRefused('"line" must be an object')
    return Job(run, line)


def _stages(stages: Any) -> tuple[int, ...]:
    if not isinstance(stages, list) or tuple(stages) not in STAGES:
        raise JobRefused('"stages" must be [1] or [1,2]')
    return tuple(stages)


def _recipe(recipe: Any) -> CarriedRecipe:
    if not isinstance(recipe, dict) or recipe.keys() != {"name", "source", "output"}:
        raise JobRefused('"recipe" must have name, source and output')
    texts, output = (recipe["name"], recipe["source"]), recipe["output"]
    if not all(isinstance(text, str) for text in texts) or not isinstance(output, dict | None):
        raise JobRefused("not a recipe")
    return CarriedRecipe(*texts, output)


def result_encoded(result: Mapping[str, Any]) -> bytes:
    """A result as JSON. What half a character a model may have written becomes its escape."""
    text = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


@frozen
class Seal:
    """What the holders of a secret put to what they write, so that nobody else's is believed.

    Without a secret nothing is sealed and everything is believed.
    """

    namespace: str
    secret: bytes | None

    def of_job(self, body: bytes) -> str:
        """The seal of a job, empty without a secret."""
        return self._made(b"job", b"", body)

    def check_job(self, body: bytes, seal: str) -> None:
        """Raises JobRefused."""
        if not hmac.compare_digest(self.of_job(body).encode(), seal.encode()) and self.secret:
            raise JobRefused("not sealed with the secret of this worker's caching.shared")

    def on_result(self, id_: str, body: bytes) -> bytes:
        """A result as it is written: its seal, if there is a secret, and itself."""
        return self._made(b"result", id_.encode(), body).encode() + body

    def result(self, id_: str, written: bytes) -> dict[str, Any]:
        """The result that was written for a job. Raises JobRefused if it is not to be believed."""
        if len(written) > MAX_RESULT_BYTES:
            raise JobRefused(f"its result is longer than {MAX_RESULT_BYTES:,} bytes")
        seal, body = b"", written
        if not written.startswith(b"{"):
            seal, body = written[:_SEAL_CHARS], written[_SEAL_CHARS:]
        if self.secret and not hmac.compare_digest(self.on_result(id_, body), seal + body):
            raise JobRefused("its result is not sealed with the secret of caching.shared")
        return _object(body, MAX_RESULT_BYTES)

    def _made(self, what: bytes, name: bytes, body: bytes) -> str:
        if not self.secret:
            return ""
        # None of the first three has a line end in it, so that no two of these are alike.
        sealed = b"\n".join((b"refrain queue", self.namespace.encode(), what, name, body))
        return hmac.new(self.secret, sealed, hashlib.sha256).hexdigest()


def _object(body: bytes, limit: int) -> dict[str, Any]:
    if len(body) > limit:
        raise JobRefused(f"longer than {limit:,} bytes")
    try:
        whole = json.loads(body.decode("utf-8"))
    except RecursionError:
        raise JobRefused("nested too deep") from None
    except ValueError as error:
        raise JobRefused(f"not JSON ({error})") from None
    if not isinstance(whole, dict):
        raise JobRefused("not a JSON object")
    return whole
