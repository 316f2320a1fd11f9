"""A key is the same for the same question, and another for any other."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refrain_cache import FingerprintError, fingerprint
from refrain_cache.fingerprint import derive_key

# Keys that users' files hold. If one of these changes, every stored answer becomes unreachable:
# raise FINGERPRINT_VERSION on purpose, and say so in the release notes.
GOLDEN: list[tuple[str, dict[str, Any]]] = [
    (
        "c4d9104b01d8f6652dd49686b7debb31e0d83145030c82a2fae5ebea94ffb80f",
        {"kind": "api", "content": "hello"},
    ),
    (
        "c64d15dc28a9bebb8564c148fed99bb0ac59ab72b53798285db8b8acf48dd02a",
        {
            "kind": "stage1_enrichment",
            "content": "I'm feeling grateful today. Café́",
            "params": {"phase": "morning"},
            "identity": {
                "digest": "sha256:abc",
                "engine": "embedded",
                "prompt": "p1",
                "options": {"temperature": 0.3, "seed": 7, "num_predict": 120, "stop": []},
            },
        },
    ),
    (
        "29e4d513a055aea5457ce7bda595e4cb28c677c12b4701ad3caa67c82d05e8ab",
        {
            "kind": "stage2_enrichment",
            "content": {
                "primary": "happy",
                "secondary": "grateful",
                "tertiary": "thankful",
                "invoked": ["joy", "calm"],
            },
            "params": {"phase": "night"},
            "identity": {"digest": "sha256:abc"},
            "private": (),
        },
    ),
    (
        "37e74b9e2d7ab94ea5d21872038d03805caa6150687f948313b07fa68561868f",
        {"kind": "vision_inference", "content": b"\x89PNG\r\n", "identity": {"model": "llava"}},
    ),
    (
        "be0b89b50d62bf1e8f3f16ac6d0e10349d9ced3ff6a2a03eba0fd6681e8c5de6",
        {
            "kind": "api",
            "content": {
                "url": "https://example.org",
                "page": 2.0,
                "deep": [1e300, -0.0, None, True],
            },
            "private": (),
        },
    ),
    (
        "64a61534ec537e3a2ba6a84bf79202f81d9cc307722447946acb28036876df23",
        {"kind": "api", "content": "", "params": {"a.b": {"c d": 1}}},
    ),
]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=8), JSON, max_size=5)


def canonical(value: Any) -> Any:
    """What makes two ingredients the same, said another way: numbers as tagged decimals."""
    if isinstance(value, bool) or value is None:
        return ("plain", value)
    if isinstance(value, (int, float)):
        return ("number", int(value) if float(value).is_integer() else value)
    if isinstance(value, str):
        return ("text", value)
    if isinstance(value, list):
        return ("list", [canonical(v) for v in value])
    return ("object", {name: canonical(v) for name, v in value.items()})


@pytest.mark.parametrize(("key", "asked"), GOLDEN)
def test_golden_vectors(key: str, asked: dict[str, Any]) -> None:
    assert fingerprint(**asked).key == key


@given(OBJECTS)
def test_the_order_of_keys_does_not_matter(params: dict[str, Any]) -> None:
    backwards = dict(reversed(params.items()))
    assert (
        fingerprint("api", "x", params=params).key == fingerprint("api", "x", params=backwards).key
    )


@given(JSON, JSON)
def test_contents_share_a_key_exactly_when_they_are_the_same(one: Any, other: Any) -> None:
    if isinstance(one, str) or isinstance(other, str):
        return
    same = canonical(one) == canonical(other)
    for private in ((), ("content",)):
        keys = {fingerprint("api", c, private=private).key for c in (one, other)}
        assert (len(keys) == 1) is same


@given(OBJECTS, OBJECTS)
def test_params_share_a_key_exactly_when_they_are_the_same(one: Any, other: Any) -> None:
    same = canonical(one) == canonical(other)
    assert (
        fingerprint("api", "x", params=one).key == fingerprint("api", "x", params=other).key
    ) is same


@given(OBJECTS)
def test_params_and_identity_are_not_interchangeable(part: dict[str, Any]) -> None:
    if part:
        assert fingerprint("a", "x", params=part).key != fingerprint("a", "x", identity=part).key


@given(JSON, OBJECTS, OBJECTS)
def test_the_stored_ingredients_are_enough_to_derive_the_key(
    content: Any, params: dict[str, Any], identity: dict[str, Any]
) -> None:
    made = fingerprint("api", content, params=params, identity=identity)
    assert derive_key(made.kind, made.content, made.recipe) == made.key


def test_numbers_that_are_equal_read_alike_and_types_are_told_apart() -> None:
    keys = {name: fingerprint("api", value).key for name, value in SAMENESS.items()}
    assert keys["0"] == keys["0.0"] == keys["-0.0"]
    distinct = {keys[name] for name in ("0", "1", "text 1", "true", "false", "null", "[1]", "{}")}
    assert len(distinct) == 8


SAMENESS = {
    "0": 0,
    "0.0": 0.0,
    "-0.0": -0.0,
    "1": 1,
    "text 1": "1",
    "true": True,
    "false": False,
    "null": None,
    "[1]": [1],
    "{}": {},
}


@given(st.text(max_size=30))
def test_text_is_normalised(text: str) -> None:
    untidy = "\r\n " + unicodedata.normalize("NFD", text).replace("\n", "\r\n") + "\t"
    tidy = unicodedata.normalize("NFC", text).replace("\r", "\n").strip()
    if "\r" not in text:
        assert fingerprint("api", untidy).key == fingerprint("api", tidy).key


HALF = "\ud83d"


@pytest.mark.parametrize(
    ("named", "asked"),
    [
        ("content", {"content": HALF}),
        ("content", {"content": {"a": [HALF]}, "private": ()}),
        ("content.a", {"content": {"a": HALF}, "private": ("content.a",)}),
        ("params", {"content": "x", "params": {HALF: 1}}),
        ("identity", {"content": "x", "identity": {"model": HALF}}),
        ("kind", {"kind": HALF, "content": "x"}),
    ],
)
def test_half_a_surrogate_pair_is_refused_by_name(named: str, asked: dict[str, Any]) -> None:
    with pytest.raises(FingerprintError, match=f"{named} .*surrogate"):
        fingerprint(**{"kind": "api", **asked})


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": [value]}
    return value


@pytest.mark.parametrize("name", ["content", "params", "identity"])
def test_what_is_nested_too_deep_is_refused_by_name(name: str) -> None:
    circle: dict[str, Any] = {}
    circle["a"] = circle
    fingerprint(**{"kind": "api", "content": "x", name: nested(99)})
    for deep in (nested(101), nested(100_000), circle):
        with pytest.raises(FingerprintError, match=f"{name}.* nested deeper than 200"):
            fingerprint(**{"kind": "api", "content": "x", name: deep})


def test_a_number_too_long_to_be_written_is_refused_by_name() -> None:
    with pytest.raises(FingerprintError, match="params"):
        fingerprint("api", "x", params={"n": 10**5000})


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), object(), {1: 2}])
def test_what_has_no_canonical_form_is_refused_by_name(bad: Any) -> None:
    with pytest.raises(FingerprintError, match=r"params\.options"):
        fingerprint("api", "x", params={"options": bad})


def test_private_parts_appear_only_as_hashes() -> None:
    made = fingerprint(
        "stage1_enrichment",
        "my secret diary",
        params={"user": "anna", "phase": "morning"},
        identity={"model": "m"},
        private=("content", "params.user"),
    )
    shown = repr(made) + json.dumps(dict(made.ingredients))
    assert "secret" not in shown
    assert "anna" not in shown
    assert made.ingredients["params.phase"] == '"morning"'
    assert made.ingredients["content"].startswith("sha256:")
    assert made.ingredients["params.user"].startswith("sha256:")


@pytest.mark.parametrize(
    "private",
    [
        "content",
        "",
        b"content",
        ("contents",),
        ("content", "user"),
        ("content", "parms.user"),
        ("content", "params.usr"),
        ("content", "params.user.name"),
        ("content", "identity.headers"),
        ("content.secret",),
        ("",),
    ],
)
def test_a_private_path_that_hides_nothing_is_refused(private: Any) -> None:
    # Twice: what was refused once is not remembered as right.
    for _ in range(2):
        with pytest.raises(FingerprintError, match="hide"):
            fingerprint(
                "api", "x", params={"user": "anna"}, identity={"model": "m"}, private=private
            )


def test_an_absent_private_ingredient_is_given_as_none() -> None:
    paths = ("content", "params.user", "identity.headers")
    assert fingerprint("api", "x", private=paths).key == fingerprint("api", "x").key
    asked = fingerprint(
        "api", "x", params={"user": None}, identity={"headers": {}, "v": 1}, private=list(paths)
    )
    assert asked.ingredients["params.user"].startswith("sha256:")


def test_what_looks_alike_to_python_is_told_apart_however_often_it_was_asked() -> None:
    """Recipes are made canonical once: by their values and types, not by equality or identity."""
    number = type("Number", (float,), {})
    alike: list[Any] = [0, 0.0, -0.0, False, 1, 1.0, True, number(1), "1", b"1", bytearray(b"1")]
    alike += [[1], (1,), [True], {"a": 1}, {"a": True}, struct.pack("<d", 1.0), None]
    first = [fingerprint("api", "x", params={"a": value}).key for value in alike]
    for _ in range(2):
        assert [fingerprint("api", "x", params={"a": value}).key for value in alike] == first
    by_canonical: dict[str, set[str]] = {}
    for value, key in zip(alike, first, strict=True):
        plain = f"bytes {bytes(value)!r}" if isinstance(value, (bytes, bytearray)) else None
        by_canonical.setdefault(plain or repr(canonical(_listed(value))), set()).add(key)
    assert all(len(keys) == 1 for keys in by_canonical.values())
    assert len(set(first)) == len(by_canonical)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def test_a_recipe_changed_in_place_has_another_key() -> None:
    identity: dict[str, Any] = {"options": {"seed": 1, "stop": []}}
    keys = [fingerprint("api", "x", identity=identity).key]
    identity["options"]["seed"] = 2
    keys.append(fingerprint("api", "x", identity=identity).key)
    identity["options"]["stop"].append("\n")
    keys.append(fingerprint("api", "x", identity=identity).key)
    assert len(set(keys)) == 3
    fresh = {"options": {"seed": 2, "stop": ["\n"]}}
    assert fingerprint("api", "x", identity=fresh).key == keys[2]


def test_a_key_that_is_no_text_is_refused_after_its_like_was_taken() -> None:
    fingerprint("api", "x", params={"a": {"1": 2}})
    with pytest.raises(FingerprintError, match=r"params\.a"):
        fingerprint("api", "x", params={"a": {1: 2}})


def test_the_model_is_named_unless_it_is_private() -> None:
    identity = {"model": "smollm2:135m", "digest": "d"}
    assert fingerprint("api", "x", identity=identity).model == "smollm2:135m"
    assert fingerprint("api", "x", identity=identity, private=("identity",)).model == ""
    assert fingerprint("api", "x").model == ""


def test_a_text_that_looks_like_a_hash_is_not_the_text_it_would_be_the_hash_of() -> None:
    private = fingerprint("api", "secret")
    posing = fingerprint("api", private.ingredients["content"], private=())
    assert posing.key != private.key


def test_bytes_count_as_their_hash() -> None:
    image = fingerprint("vision_inference", b"\x89PNG")
    assert image.key == fingerprint("vision_inference", bytearray(b"\x89PNG")).key
    assert image.key != fingerprint("vision_inference", b"\x89PNH").key
    assert image.ingredients["content"].startswith("sha256:")


def test_names_with_dots_do_not_run_into_nested_ones() -> None:
    nested = fingerprint("api", "x", params={"a.b": b"1", "a": {"b": "2"}})
    swapped = fingerprint("api", "x", params={"a.b": "2", "a": {"b": b"1"}})
    assert set(nested.ingredients) != {"content", "params.a.b"}
    assert nested.key != swapped.key


def test_ingredients_are_flattened_by_path() -> None:
    made = fingerprint(
        "stage2_enrichment",
        {"primary": "happy", "invoked": ["joy"]},
        identity={"options": {"temperature": 0.3, "stop": []}},
        private=(),
    )
    assert made.ingredients == {
        "content.primary": '"happy"',
        "content.invoked": '["joy"]',
        "identity.options.temperature": "0.3",
        "identity.options.stop": "[]",
    }


def test_keys_are_equal_in_another_process_with_another_hash_seed() -> None:
    program = (
        "from refrain_cache import fingerprint;"
        "print(fingerprint('api', {'b': 1.5, 'a': ['é', None]}, identity={'z': 1, 'y': 2}).key)"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert keys == {fingerprint("api", {"a": ["é", None], "b": 1.5}, identity={"y": 2, "z": 1}).key}
