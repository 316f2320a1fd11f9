"""A bad value is named by its line, its key and what was expected."""

import json
from pathlib import Path

import attrs
import jsonschema
import pytest

from refrain_cache import CacheConfigError, CacheSettings, SharedSettings, read_cache_settings
from refrain_sidecar.config import ConfigError, check, load_settings, read_settings
from refrain_sidecar.config.schema import schema
from refrain_sidecar.config.settings import (
    InferenceSettings,
    LoggingSettings,
    NetworkingSettings,
    ServeSettings,
)

REPOSITORY = Path(__file__).parents[3]

BAD = """{
  "inference": {
    "num_threads": "many",
    "num_predict_short": 120.5,
    "temprature": 0.3
  },
  "caching": {
    "enabled": "yes",
    "default_ttl": 2592000
  }
}
"""


def test_every_problem_is_found_in_one_go_with_line_key_and_expectation() -> None:
    assert [problem.at("f.json") for problem in check(BAD).problems] == [
        'f.json:3: inference.num_threads: expected "auto" or a whole number from 1 to 512, '
        'got "many"',
        "f.json:4: inference.num_predict_short: expected a whole number from 16 to 4096, got 120.5",
        "f.json:5: inference.temprature: unknown key; did you mean 'temperature'?",
        'f.json:8: caching.enabled: expected true or false, got "yes"',
    ]


def test_the_good_values_beside_bad_ones_are_kept() -> None:
    assert check(BAD).values == {"inference": {}, "caching": {"default_ttl": 2592000}}


def test_the_span_covers_the_value_alone() -> None:
    span = check(BAD).problems[0].span
    assert BAD.splitlines()[span.line][span.column : span.end_column] == '"many"'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{\n "caching": {,}\n}', "f.json:2: not valid JSON: Expected a key in double quotes"),
        ("", "f.json:1: not valid JSON: Expected a value"),
        ("[]", "f.json:1: expected an object, got []"),
        ("[\n" * 9**6, "f.json:52: not valid JSON: Values are nested too deep"),
        ('{"inference":\n 1e400}', "f.json:2: not valid JSON: The number is too large"),
        (f"[1{'0' * 5000}]", "f.json:1: not valid JSON: The number is too large"),
        ('{"logging": 3}', "f.json:1: logging: expected an object, got 3"),
        (
            '{"logging": {"redact": true,\n "redact": false}}',
            "f.json:2: not valid JSON: The key 'redact' is given twice",
        ),
    ],
)
def test_a_file_that_is_no_configuration_says_where(text: str, complaint: str) -> None:
    (problem,) = check(text).problems
    assert problem.at("f.json") == complaint


def test_a_wrong_file_is_an_error_for_who_asks_for_exact_settings(tmp_path: Path) -> None:
    path = tmp_path / "perf_config.json"
    path.write_text('{"caching": {"ttl_api": 0}}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"perf_config.json:1: caching.ttl_api: .* above 0"):
        load_settings(path)
    assert read_settings(path).settings.caching.ttl_api == 86_400


INTEGERS = [
    (section, key)
    for section, spec in schema()["properties"].items()
    for key, values in spec.get("properties", {}).items()
    if any(part.get("type") == "integer" for part in values.get("anyOf", [values]))
]


@pytest.mark.parametrize(("section", "key"), INTEGERS)
def test_a_whole_number_is_one_however_it_is_written(
    tmp_path: Path, section: str, key: str
) -> None:
    path = tmp_path / "perf_config.json"
    limits = schema()["properties"][section]["properties"][key]
    value = max(limits.get("minimum", 2), 2)
    path.write_text(f'{{"{section}": {{"{key}": {value}.0}}}}', encoding="utf-8")

    read = [getattr(getattr(load_settings(path), section), key)]
    if section == "caching":
        read.append(getattr(read_cache_settings(path), key))
    path.write_text(f'{{"{section}": {{"{key}": {value}.5}}}}', encoding="utf-8")

    assert [(type(number), number) for number in read] == [(int, value)] * len(read)
    with pytest.raises(ConfigError, match=f"{section}.{key}: expected .* got {value}.5"):
        load_settings(path)
    if section == "caching":
        with pytest.raises(CacheConfigError, match=f"caching.{key} is {value}.5"):
            read_cache_settings(path)


@pytest.mark.parametrize("text", ["[" * 9**6, '{"caching": {"ttl_api": 1e400}}'])
def test_the_library_alone_refuses_what_the_sidecar_refuses(tmp_path: Path, text: str) -> None:
    path = tmp_path / "perf_config.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CacheConfigError, match=r"perf_config\.json"):
        read_cache_settings(path)


def test_the_cache_folder_is_resolved_against_the_folder_that_holds_config(tmp_path: Path) -> None:
    path = tmp_path / "config" / "perf_config.json"
    path.parent.mkdir()
    for text in ('{"caching": {"cache_dir": "./cache"}}', "{}"):
        path.write_text(text, encoding="utf-8")
        assert load_settings(path).caching.cache_dir == tmp_path / "cache"
        assert load_settings(path).caching == read_cache_settings(path)


def test_the_shipped_configuration_is_right_and_says_what_the_seed_said() -> None:
    path = REPOSITORY / "config" / "perf_config.json"
    jsonschema.validate(json.loads(path.read_bytes()), dict(schema()))
    settings = load_settings(path)
    assert (settings.inference.num_predict_short, settings.inference.num_predict_long) == (120, 160)
    assert settings.inference.temperature == 0.3
    assert settings.inference.keep_alive == "30m"
    assert (settings.caching.default_ttl, settings.caching.ttl_api) == (2_592_000, 86_400)


@pytest.mark.parametrize(
    ("section", "cls"),
    [
        ("inference", InferenceSettings),
        ("caching", CacheSettings),
        ("networking", NetworkingSettings),
        ("logging", LoggingSettings),
        ("serve", ServeSettings),
    ],
)
def test_schema_and_settings_name_the_same_keys_and_defaults(section: str, cls: type) -> None:
    jsonschema.Draft7Validator.check_schema(dict(schema()))
    keys = schema()["properties"][section]["properties"]
    fields = {a.name: a.default for a in attrs.fields(cls)}
    assert set(keys) == set(fields)
    for name, spec in keys.items():
        if name != "cache_dir":  # None in Python: the user's cache folder when no file says more
            assert fields[name] == spec["default"], name


def test_the_shared_tier_is_described_as_it_is_read(tmp_path: Path) -> None:
    keys = schema()["properties"]["caching"]["properties"]["shared"]["properties"]
    fields = {a.name: a.default for a in attrs.fields(SharedSettings)}
    assert set(keys) == set(fields)
    for name, spec in keys.items():
        assert fields[name] == spec.get("default", attrs.NOTHING if name == "url" else None), name

    path = tmp_path / "config" / "perf_config.json"
    path.parent.mkdir()
    shared = {"url": "redis://cache.lan:6379/0", "secret_file": "secret", "timeout_ms": 20}
    path.write_text(json.dumps({"caching": {"shared": shared}}), encoding="utf-8")
    expected = SharedSettings(shared["url"], secret_file=tmp_path / "secret", timeout_ms=20)
    assert load_settings(path).caching.shared == read_cache_settings(path).shared == expected


@pytest.mark.parametrize(
    ("shared", "message"),
    [
        ({}, r"caching\.shared: lacks url"),
        ({"url": "http://a"}, r'caching\.shared\.url: .* such as "redis://'),
        ({"url": "redis://a", "namespace": "a*"}, r"caching\.shared\.namespace"),
        ({"url": "redis://a", "timeout_ms": 0}, r"caching\.shared\.timeout_ms: .* 1 to 10000"),
        ({"url": "redis://a", "password": "x"}, r"caching\.shared\.password: unknown"),
        ([], r"caching\.shared: expected an object"),
    ],
)
def test_a_bad_shared_tier_is_named_by_the_sidecar_and_by_the_library(
    tmp_path: Path, shared: object, message: str
) -> None:
    path = tmp_path / "perf_config.json"
    path.write_text(json.dumps({"caching": {"shared": shared}}), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_settings(path)
    with pytest.raises(CacheConfigError, match=message.partition(":")[0]):
        read_cache_settings(path)
