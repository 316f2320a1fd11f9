"""Whatever is asked of `refrain`, it ends with a status and a sentence, never in a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Home

BINARY = "\udcff\udcfe"
HUGE = "9" * 30
NOBODY = {"engine": "ollama", "base_url": "http://127.0.0.1:1"}


def configure(home: Home, **inference: object) -> None:
    sections = {"inference": inference, "caching": {"cache_dir": "./cache"}}
    home.config.write_text(json.dumps(sections), encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("warm", "folder"), 2, "folder"),
        (("warm", "binary"), 1, "not text in UTF-8"),
        (("warm", "--feeling", ""), 1, "'' is not on the wheel"),
        (("enrich",), 1, "not text in UTF-8"),
        (("worker", "binary", "-o", "binary/x"), 1, "binary/x cannot be used: not a directory"),
        (("worker", "folder"), 1, "folder cannot be used: is a directory"),
        (("--config", "deep.json", "stats"), 2, "deep.json:1: not valid JSON: Values are nested"),
        (("entries", "--limit", HUGE), 2, "--limit"),
        (("purge", "-n", "--least-used", HUGE), 2, "--least-used"),
        (("purge", "-n", "--older-than", "1e400d"), 2, "'1e400d' is not a duration"),
        (("export", ""), 2, "no name of a file"),
        (("explain", "--key", "\U0001f600"), 1, "'\U0001f600' is not the beginning of a key"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_used_is_named(
    home: Home, arguments: tuple[str, ...], status: int, said: str
) -> None:
    (home.folder / "folder").mkdir()
    (home.folder / "binary").write_bytes(b"\xff\xfe")
    (home.folder / "deep.json").write_text("[" * 9**6)

    run = home.refrain(*arguments, answer=BINARY)

    assert (run.status, run.out) == (status, "")
    assert said in run.err
    assert "Traceback" not in run.err


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "utf-8"])
def test_an_output_that_cannot_hold_a_character_gets_its_escape(home: Home, encoding: str) -> None:
    with home.cache() as cache:
        assert cache.set(content="x", cache_type="api", value=1, label="süß 😀")

    told = home.refrain("entries", PYTHONIOENCODING=encoding)
    as_json = home.refrain("entries", "--json", PYTHONIOENCODING=encoding)

    assert (told.status, told.err) == (0, "")
    escaped = "süß 😀".encode(encoding, "backslashreplace")
    assert escaped in told.out.encode("utf-8", "surrogateescape")
    assert as_json.json["entries"][0]["label"] == "süß 😀"


@pytest.mark.parametrize("source", ["same.jsonl", "link.jsonl", "hard.jsonl", "-"])
def test_a_worker_refuses_to_write_over_its_input(home: Home, source: str) -> None:
    same = home.folder / "same.jsonl"
    same.write_text('{"rid": 1, "normalized_text": "a"}\n{"rid": 2, "normal')
    (home.folder / "link.jsonl").symlink_to(same)
    (home.folder / "hard.jsonl").hardlink_to(same)
    before = same.read_bytes()

    with same.open("rb") as stdin:
        run = subprocess.run(
            [sys.executable, "-m", "refrain_sidecar.cli", "worker", source, "-o", "same.jsonl"],
            cwd=home.folder,
            stdin=stdin,
            capture_output=True,
            check=False,
        )

    assert run.returncode == 2
    assert b"Input and output are one file" in run.stderr
    assert same.read_bytes() == before


def test_a_worker_names_each_bad_line_goes_on_and_ends_with_status_1(home: Home) -> None:
    lines = ['{"rid": 1, "normalized_text": "\\ud800"}', "[" * 9**5, '{"rid": 3}', ""]
    (home.folder / "in.jsonl").write_text("\n".join(lines))

    runs = [home.refrain("worker", "in.jsonl", "-o", "out.jsonl") for _ in range(2)]

    for run in runs:
        assert run.status == 1
        assert "line 1 skipped: it holds half a character" in run.err
        assert "line 2 skipped: its values are nested too deep" in run.err
        assert "line 3 skipped" in run.err
        assert "0 enriched, 3 skipped." in run.err


def test_doctor_makes_every_check_with_a_wrong_configuration(home: Home) -> None:
    configure(home, num_threads="many", temprature=1, **NOBODY)

    run = home.refrain("doctor", "--json")

    failed = [check["message"] for check in run.json["checks"] if check["name"] == "Configuration"]
    assert run.status == 1
    assert [check["name"] for check in run.json["checks"]] == [
        "Python",
        "Configuration",
        "Configuration",
        "Cache",
        "Engine",
        "Embedded engine",
        "CPU threads",
    ]
    assert f'{home.config}:1: inference.num_threads: expected "auto"' in failed[0]
    assert "inference.temprature: unknown key; did you mean 'temperature'?" in failed[1]
    assert run.err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_what_nobody_foresaw_is_a_sentence_and_a_traceback_when_asked_for(home: Home) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        with Path("/dev/full").open("w") as full:
            return subprocess.run(
                [sys.executable, "-m", "refrain_sidecar.cli", *arguments],
                cwd=home.folder,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )

    short, long = run("stats", "--json"), run("-v", "stats")

    assert (short.returncode, long.returncode) == (1, 1)
    assert short.stderr == (
        "refrain: OSError: [Errno 28] No space left on device. `refrain -v …` shows where it came "
        "from.\n"
    )
    assert "Traceback" in long.stderr


@pytest.mark.parametrize("arguments", [("stats", "--json"), ("stats",), ("--help",)], ids=str)
def test_a_reader_that_left_ends_it_quietly(home: Home, arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        run = subprocess.run(
            [sys.executable, "-m", "refrain_sidecar.cli", *arguments],
            cwd=home.folder,
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)

    assert run.stderr == b""


@pytest.mark.parametrize("command", [("stats",), ("purge", "--everything")], ids=lambda c: c[0])
def test_a_cache_that_cannot_be_opened_is_told_of_once(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "file").touch()

    run = Home(tmp_path).refrain(
        *command, HOME=str(tmp_path / "file"), XDG_CACHE_HOME=str(tmp_path / "file")
    )

    assert run.err.count("Cache bypassed") == 1
