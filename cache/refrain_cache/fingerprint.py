"""The identity of a question: canonical JSON and SHA-256, with no I/O.

    key = SHA-256(canonical({content, kind, recipe: {hashed, identity, params}, v}))

Canonical is UTF-8 JSON with sorted keys and no blanks, in which numbers that are equal read alike
(`0`, `0.0`, `-0.0`). Private parts and bytes enter as their own SHA-256, so the stored ingredients
hold no private text and are still enough to derive the key again.
"""

from __future__ import annotations

import functools
import json
import marshal
import math
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from json.encoder import encode_basestring as _quoted
from typing import Any, NamedTuple

from refrain_cache.errors import FingerprintError

# Leads every canonical form. Raising it makes every stored answer unreachable: the golden vectors
# in the tests are there to make that a decision and never an accident.
FINGERPRINT_VERSION = 1
HASH_PREFIX = "sha256:"

_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


_CONTENT_ONLY: tuple[str, ...] = ("content",)


# Made for every lookup: a tuple is, in half the time of a frozen class.
class Fingerprint(NamedTuple):
    """What makes a question the same question.

    `key` is 64 hex characters. `content` and `recipe` are the canonical JSON texts behind it, with
    private parts hashed; entries that differ only in model, prompt or options share `content`.
    """

    key: str
    kind: str
    content: str
    recipe: str

    @property
    def ingredients(self) -> Mapping[str, str]:
        """Every ingredient as `path -> canonical JSON text`; private ones as `sha256:<hex>`."""
        return dict(ingredients_of(self.content, self.recipe))

    @property
    def model(self) -> str:
        """The `identity.model` ingredient, or an empty text."""
        return _model_of(self.recipe)


@functools.lru_cache(maxsize=256)
def _model_of(recipe: str) -> str:
    identity = json.loads(recipe)["identity"]
    # A private identity is a hash, and names nothing.
    model = identity.get("model") if isinstance(identity, dict) else None
    return model if isinstance(model, str) else ""


def fingerprint(
    kind: str,
    content: Any,
    *,
    params: Mapping[str, Any] | None = None,
    identity: Mapping[str, Any] | None = None,
    private: Collection[str] = _CONTENT_ONLY,
) -> Fingerprint:
    """The fingerprint of `content` asked as `kind` under `params` and `identity`.

    Args:
        kind: names the sort of answer; no two kinds share an entry.
        content: JSON or bytes. Text is normalised: Unicode NFC, `\\n` line ends, outer blanks
            trimmed. Bytes count as their SHA-256.
        params: what the caller says matters.
        identity: what answers: the model's digest, the prompt's hash, sampling options.
        private: paths (`content`, `params.user`) kept only as hashes. Each must name something, for
            a misspelt one would hide nothing: an ingredient that is absent this time is given as
            None, unless all of `params` or `identity` is.

    Raises:
        FingerprintError: an ingredient is NaN, infinite, not JSON, half a surrogate pair or nested
            deeper than 200 levels, or a private path names none; the message names it.

    >>> fingerprint("api", "caf\\u00e9\\r\\n").key == fingerprint("api", "cafe\\u0301").key
    True
    >>> fingerprint("api", 0).key == fingerprint("api", -0.0).key
    True
    >>> fingerprint("api", 1).key == fingerprint("api", "1").key
    False
    """
    if not isinstance(kind, str) or not kind:
        raise FingerprintError(f"The kind of a fingerprint must be a text, not {kind!r}.")
    is_text = isinstance(content, str)
    if is_text:
        content = normalised(content)
    if is_text and private == _CONTENT_ONLY:
        # The commonest by far: not worth walking.
        paths, hashed = _CONTENT_ONLY, _CONTENT_HASHED
        content_text = f'"{HASH_PREFIX}{_sha256(_quoted(content), "content")}"'
    else:
        paths = _paths(private)
        canonical = _Canonical(paths, {})
        content_text = canonical.text(content, "content")
        hashed = tuple(canonical.hashed.items())
    packed = _packed((identity, params)) if identity or params else _NEITHER
    if packed is not None:
        recipe, end = _recipe_again(kind, packed, paths, hashed)
    else:
        recipe, end = _recipe_of(kind, identity, params, paths, hashed)
    return Fingerprint(_sha256(_BEGIN + content_text + end, ""), kind, content_text, recipe)


def derive_key(kind: str, content: str, recipe: str) -> str:
    """The key that belongs to stored ingredients: 64 hex characters."""
    return _sha256(_BEGIN + content + _end(kind, recipe), "A stored ingredient")


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
        where = _text(hashed, "hashed")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FingerprintError(f"its ingredients cannot be read: {error}") from error
    whole = again.recipe.replace('{"hashed":{}', f'{{"hashed":{where}', 1)
    if (again.content, whole) != (content, recipe):
        raise FingerprintError("its ingredients are not written as they must be")
    for path, value in ingredients_of(content, recipe):
        if path in hashed and not str(value).startswith(HASH_PREFIX):
            raise FingerprintError(f"its ingredient {path} is no hash")
    return Fingerprint(key, kind, content, recipe)


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


_BEGIN = '{"content":'
_Hashed = tuple[tuple[str, str], ...]
_CONTENT_HASHED: _Hashed = (("content", "json"),)
_NEITHER = marshal.dumps((None, None))
# A walk as deep as this is within reach of most callers' stacks.
_DEEPEST = 200
_NAMES = frozenset({str})
_LEAVES = frozenset({str, int, float, bool, bytes, type(None)})
# What is larger is seldom asked for again.
_PACKED_BYTES = 8192
_ROOT = re.compile(r"(content|identity|params)(?![^.[])")


def _recipe_of(
    kind: str, identity: Any, params: Any, private: tuple[str, ...], hashed: _Hashed
) -> tuple[str, str]:
    """The canonical text of a recipe, and the end that a whole document has with it."""
    canonical = _Canonical(private, dict(hashed))
    who, how = canonical.text(identity or {}, "identity"), canonical.text(params or {}, "params")
    recipe = f'{{"hashed":{_encode(canonical.hashed)},"identity":{who},"params":{how}}}'
    return recipe, _end(kind, recipe)


def _end(kind: str, recipe: str) -> str:
    return f',"kind":{_text(kind, "The kind")},"recipe":{recipe},"v":{FINGERPRINT_VERSION}}}'


def _paths(private: Collection[str]) -> tuple[str, ...]:
    # A text is a collection too: of its letters, none of which names an ingredient.
    if isinstance(private, (str, bytes)) or not all(map(_ROOT.match, private)):
        raise FingerprintError(
            f"private={private!r} would not hide what it should: pass a collection of paths, each "
            "of which begins with content, params or identity."
        )
    return tuple(private)


# Params and identity are the same for thousands of questions. Their bytes tell whether they are,
# never which object they are: that may have changed since.
@functools.lru_cache(maxsize=256)
def _recipe_again(
    kind: str, packed: bytes, private: tuple[str, ...], hashed: _Hashed
) -> tuple[str, str]:
    identity, params = marshal.loads(packed)
    return _recipe_of(kind, identity, params, private, hashed)


def _packed(value: Any) -> bytes | None:
    """Bytes that no other value has; None for what is large or not quite plain."""
    try:
        # Version 2: later ones tell which parts are one object, too.
        packed = marshal.dumps(value, 2) if _is_plain(value) else b""
    except (ValueError, RecursionError):
        return None
    return packed if 0 < len(packed) <= _PACKED_BYTES else None


def _is_plain(value: Any) -> bool:
    # By its very class: marshal packs a float of numpy's as the bytes it is made of.
    kind = type(value)
    if kind is dict and _NAMES.issuperset(map(type, value)):
        value = value.values()
    elif kind is not list and kind is not tuple:
        return kind in _LEAVES
    return _LEAVES.issuperset(map(type, value)) or all(map(_is_plain, value))


class _Canonical:
    """Walks ingredients into plain JSON, hashing what is private and noting where it did."""

    def __init__(self, private: tuple[str, ...], hashed: dict[str, str]) -> None:
        self.hashed = hashed
        self._private = private
        self._unnamed = set(private)

    def text(self, value: Any, name: str) -> str:
        """A whole ingredient as canonical text."""
        text = _text(self._of(value, name, _DEEPEST), name)
        for path in self._unnamed if value else ():
            if path.startswith(name):
                raise FingerprintError(
                    f"The private path {path!r} names nothing here, so it would hide nothing: "
                    "correct it, or give what is absent as None."
                )
        return text

    def _of(self, value: Any, path: str, deeper: int) -> Any:
        self._unnamed.discard(path)
        if isinstance(value, (bytes, bytearray, memoryview)):
            self.hashed[path] = "bytes"
            return HASH_PREFIX + sha256(value).hexdigest()
        plain = self._plain(value, path, deeper)
        if path in self._private and plain != {}:
            self.hashed[path] = "json"
            return HASH_PREFIX + _sha256(_text(plain, path), path)
        return plain

    def _plain(self, value: Any, path: str, deeper: int) -> Any:
        if value is None or isinstance(value, (str, bool, int)):
            return value
        if isinstance(value, float):
            if not math.isfinite(value):
                raise FingerprintError(
                    f"{path} is {value!r}, which equals nothing and cannot be looked up again: "
                    "leave it out or pass a finite number."
                )
            return int(value) if value.is_integer() else value
        if not deeper:
            raise FingerprintError(f"{path:.40}… is nested deeper than {_DEEPEST} levels.")
        if isinstance(value, Mapping):
            plain = {}
            for name, inner in value.items():
                if not isinstance(name, str):
                    raise FingerprintError(
                        f"{path} has the key {name!r}; keys of an ingredient must be texts."
                    )
                plain[name] = self._of(inner, _below(path, name), deeper - 1)
            return plain
        if isinstance(value, (list, tuple)):
            # A loop: a comprehension would take a second frame of the stack for every level.
            items = []
            for at, inner in enumerate(value):
                items.append(self._of(inner, f"{path}[{at}]", deeper - 1))
            return items
        raise FingerprintError(
            f"{path} is a {type(value).__name__}, which has no canonical form: "
            "pass JSON (texts, numbers, booleans, None, lists, mappings) or bytes."
        )


def _text(plain: Any, path: str) -> str:
    try:
        text = _encode(plain)
        text.encode()
    except ValueError as error:
        # Half a surrogate pair, or more digits than Python writes.
        raise FingerprintError(f"{path} cannot be written as UTF-8: {error}") from error
    return text


def _below(path: str, name: str) -> str:
    # Quoted where a dot or bracket in the name could be read as a step of the path.
    return f"{path}.{name}" if name.isidentifier() else f"{path}[{_encode(name)}]"


def _sha256(text: str, path: str) -> str:
    try:
        return sha256(text.encode()).hexdigest()
    except UnicodeEncodeError as error:
        raise FingerprintError(f"{path} holds half a surrogate pair: take it out.") from error
