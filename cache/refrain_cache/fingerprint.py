"""The identity of a question: canonical JSON and SHA-256, with no I/O.

    key = SHA-256(canonical({content, kind, recipe: {hashed, identity, params}, v}))

Canonical is UTF-8 JSON with sorted keys and no blanks, in which numbers that are equal read alike
(`0`, `0.0`, `-0.0`). Private parts and bytes enter as their own SHA-256, so the stored ingredients
hold no private text and are still enough to derive the key again.
"""

from __future__ import annotations

import functools
import json
import math
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from typing import Any

from attrs import field, frozen

from refrain_cache.errors import FingerprintError

# Leads every canonical form. Raising it makes every stored answer unreachable: the golden vectors
# in the tests are there to make that a decision and never an accident.
FINGERPRINT_VERSION = 1
HASH_PREFIX = "sha256:"

_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


@frozen
class Fingerprint:
    """What makes a question the same question.

    `key` is 64 hex characters. `content` and `recipe` are the canonical JSON texts behind it, with
    private parts hashed; entries that differ only in model, prompt or options share `content`.
    """

    key: str
    kind: str
    content: str
    recipe: str
    _model: str | None = field(default=None, eq=False, repr=False)

    @functools.cached_property
    def ingredients(self) -> Mapping[str, str]:
        """Every ingredient as `path -> canonical JSON text`; private ones as `sha256:<hex>`."""
        return dict(ingredients_of(self.content, self.recipe))

    @property
    def model(self) -> str:
        """The `identity.model` ingredient, or an empty text."""
        if self._model is not None:
            return self._model
        return _model_of(json.loads(self.recipe)["identity"])


def fingerprint(
    kind: str,
    content: Any,
    *,
    params: Mapping[str, Any] | None = None,
    identity: Mapping[str, Any] | None = None,
    private: Collection[str] = ("content",),
) -> Fingerprint:
    """The fingerprint of `content` asked as `kind` under `params` and `identity`.

    Args:
        kind: names the sort of answer; no two kinds share an entry.
        content: JSON or bytes. Text is normalised: Unicode NFC, `\\n` line ends, outer blanks
            trimmed. Bytes count as their SHA-256.
        params: what the caller says matters.
        identity: what answers: the model's digest, the prompt's hash, sampling options.
        private: paths (`content`, `params.user`) kept only as hashes.

    Raises:
        FingerprintError: an ingredient is NaN, infinite or not JSON; the message names it.

    >>> fingerprint("api", "caf\\u00e9\\r\\n").key == fingerprint("api", "cafe\\u0301").key
    True
    >>> fingerprint("api", 0).key == fingerprint("api", -0.0).key
    True
    >>> fingerprint("api", 1).key == fingerprint("api", "1").key
    False
    """
    if not isinstance(kind, str) or not kind:
        raise FingerprintError(f"The kind of a fingerprint must be a text, not {kind!r}.")
    if isinstance(content, str):
        content = normalised(content)
    hashed: dict[str, str] = {}
    canonical = _Canonical(frozenset(private), hashed)
    content_text = _text(canonical.of(content, "content"))
    who = canonical.of(identity, "identity") if identity else {}
    how = canonical.of(params, "params") if params else {}
    recipe = f'{{"hashed":{_text(hashed)},"identity":{_text(who)},"params":{_text(how)}}}'
    key = derive_key(kind, content_text, recipe)
    return Fingerprint(key, kind, content_text, recipe, _model_of(who))


def derive_key(kind: str, content: str, recipe: str) -> str:
    """The key that belongs to stored ingredients: 64 hex characters."""
    version = FINGERPRINT_VERSION
    document = f'{{"content":{content},"kind":{_encode(kind)},"recipe":{recipe},"v":{version}}}'
    return sha256(_utf8(document)).hexdigest()


def restored(key: str, kind: str, content: str, recipe: str) -> Fingerprint:
    """The fingerprint with these parts, which were stored somewhere.

    Raises FingerprintError unless they are what `fingerprint` makes: texts that only look like it
    could be neither asked for nor explained.
    """
    if derive_key(kind, content, recipe) != key:
        raise FingerprintError("its key does not belong to its ingredients")
    try:
        parts = json.loads(recipe)
        hashed, who, how = dict(parts["hashed"]), parts["identity"], parts["params"]
        again = fingerprint(kind, json.loads(content), params=how, identity=who, private=())
        where = _text(hashed)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FingerprintError(f"its ingredients cannot be read: {error}") from error
    whole = again.recipe.replace('{"hashed":{}', f'{{"hashed":{where}', 1)
    if (again.content, whole) != (content, recipe):
        raise FingerprintError("its ingredients are not written as they must be")
    for path, value in ingredients_of(content, recipe):
        if path in hashed and not str(value).startswith(HASH_PREFIX):
            raise FingerprintError(f"its ingredient {path} is no hash")
    return Fingerprint(key, kind, content, recipe, again._model)


def normalised(text: str) -> str:
    """`text` in Unicode NFC, with `\\n` line ends and outer blanks trimmed."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).strip()


def ingredients_of(content: str, recipe: str) -> Iterator[tuple[str, str]]:
    """The ingredients inside canonical texts, flattened: `("identity.options.seed", "7")`."""
    parts = json.loads(recipe)
    hashed: dict[str, str] = parts["hashed"]
    sources = (("content", json.loads(content)), *((n, parts[n]) for n in ("identity", "params")))
    for name, value in sources:
        yield from _flatten(value, name, hashed)


def _flatten(value: Any, path: str, hashed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and (value or path == "content"):
        for name, inner in value.items():
            yield from _flatten(inner, _below(path, name), hashed)
    elif value != {}:
        yield path, value if path in hashed else _encode(value)


class _Canonical:
    """Walks an ingredient into plain JSON, hashing what is private and noting where it did."""

    def __init__(self, private: frozenset[str], hashed: dict[str, str]) -> None:
        self._private = private
        self._hashed = hashed

    def of(self, value: Any, path: str) -> Any:
        if isinstance(value, (bytes, bytearray, memoryview)):
            self._hashed[path] = "bytes"
            return HASH_PREFIX + sha256(value).hexdigest()
        plain = self._plain(value, path)
        if path in self._private and plain != {}:
            self._hashed[path] = "json"
            return HASH_PREFIX + sha256(_utf8(_text(plain))).hexdigest()
        return plain

    def _plain(self, value: Any, path: str) -> Any:
        if value is None or isinstance(value, (str, bool, int)):
            return value
        if isinstance(value, float):
            if not math.isfinite(value):
                raise FingerprintError(
                    f"{path} is {value!r}, which equals nothing and cannot be looked up again: "
                    "leave it out or pass a finite number."
                )
            return int(value) if value.is_integer() else value
        if isinstance(value, Mapping):
            for name in value:
                if not isinstance(name, str):
                    raise FingerprintError(
                        f"{path} has the key {name!r}; keys of an ingredient must be texts."
                    )
            return {name: self.of(inner, _below(path, name)) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.of(inner, f"{path}[{at}]") for at, inner in enumerate(value)]
        raise FingerprintError(
            f"{path} is a {type(value).__name__}, which has no canonical form: "
            "pass JSON (texts, numbers, booleans, None, lists, mappings) or bytes."
        )


def _model_of(identity: Any) -> str:
    # A private identity is a hash, and names nothing.
    model = identity.get("model") if isinstance(identity, dict) else None
    return model if isinstance(model, str) else ""


def _text(plain: Any) -> str:
    # The commonest by far: not worth setting an encoder up for.
    if plain == {}:
        return "{}"
    if plain == _CONTENT_HASHED:
        return _CONTENT_HASHED_TEXT
    return repr(plain) if plain.__class__ is int else _encode(plain)


_CONTENT_HASHED = {"content": "json"}
_CONTENT_HASHED_TEXT = _encode(_CONTENT_HASHED)


def _below(path: str, name: str) -> str:
    # Quoted where a dot or bracket in the name could be read as a step of the path.
    return f"{path}.{name}" if name.isidentifier() else f"{path}[{_encode(name)}]"


def _utf8(text: str) -> bytes:
    # An editor may hand over half a surrogate pair; it still names one text and no other.
    return text.encode("utf-8", "surrogatepass")
