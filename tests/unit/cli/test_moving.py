"""`refrain export`, `import` and `verify`: real processes on real files."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Home

from refrain_cache import fingerprint


def fill(home: Home, count: int = 3) -> None:
    with home.cache() as cache:
        for n in range(count):
            assert cache.set(content=f"text {n}", cache_type="api", value={"n": n}, ttl=3600)


def answers(home: Home) -> list[object]:
    with home.cache() as cache:
        return [cache.get(content=f"text {n}", cache_type="api") for n in range(3)]


def change(home: Home, statement: str, *values: object) -> None:
    connection = sqlite3.connect(home.database)
    with connection:
        connection.execute(statement, values)
    connection.close()


def lines_of(file: Path) -> list[str]:
    return gzip.decompress(file.read_bytes()).decode().splitlines()


def test_what_one_machine_exports_another_imports(home: Home, other_home: Home) -> None:
    fill(home)
    file = home.folder / "answers.jsonl.gz"

    exported = home.refrain("export", "answers.jsonl.gz")
    assert exported.status == 0, exported.err
    assert "Exported 3 entries" in exported.out
    imported = other_home.refrain("import", file, "--json")
    assert imported.status == 0, imported.err
    assert (imported.json["entries"], imported.json["rejected"]) == (3, [])
    assert answers(other_home) == [{"n": 0}, {"n": 1}, {"n": 2}]

    again = other_home.refrain("import", file)
    assert again.status == 0
    assert [line.split()[-1] for line in again.out.splitlines()] == ["0", "3", "0", "0"]


def test_each_entry_that_was_changed_on_the_way_is_refused_by_its_line(
    home: Home, other_home: Home
) -> None:
    fill(home)
    file = home.folder / "answers.jsonl.gz"
    assert home.refrain("export", file).status == 0
    header, first, second, third = lines_of(file)
    forged = json.dumps(json.loads(second) | {"answer": {"n": "forged"}})
    file.write_bytes(gzip.compress("\n".join([header, first, forged, third]).encode()))

    imported = other_home.refrain("import", file)

    assert imported.status == 1
    assert "line 3" in imported.out
    assert "not the one exported" in imported.out
    assert answers(other_home) == [{"n": 0}, None, {"n": 2}]


def test_a_file_that_stands_there_is_replaced_only_when_asked_for(home: Home) -> None:
    fill(home)
    file = home.folder / "precious"
    file.write_text("precious")

    refused = home.refrain("export", file, answer="n\n")
    assert refused.status == 1
    assert file.read_text() == "precious"
    assert home.refrain("export", file, answer="y\n").status == 0
    assert len(lines_of(file)) == 1 + 3


@pytest.mark.parametrize(
    ("command", "name", "complaint"),
    [
        ("import", "missing", "missing cannot be read: no such file or directory"),
        ("import", "folder", "folder cannot be read: is a directory"),
        ("import", "notes.md", "notes.md is not an export of a Refrain cache"),
        ("export", "missing/file", "missing/file cannot be written: no such file or directory"),
        ("export", "folder", "folder cannot be written: is a directory"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    home: Home, command: str, name: str, complaint: str
) -> None:
    fill(home)
    (home.folder / "folder").mkdir()
    (home.folder / "notes.md").write_text("# notes")

    run = home.refrain(command, name)

    assert run.status == 1
    assert run.err == f"refrain: {complaint}.\n"


def test_verify_is_content_with_what_is_whole(home: Home) -> None:
    fill(home)

    run = home.refrain("verify")

    assert (run.status, run.out) == (0, "3 entries checked: all match, and the file is whole.\n")


def test_verify_names_what_does_not_match_and_fails(home: Home) -> None:
    fill(home)
    key = fingerprint("api", "text 1").key
    change(home, "UPDATE entry SET value = x'31' WHERE key = ?", bytes.fromhex(key))

    told, as_json = home.refrain("verify"), home.refrain("verify", "--json")

    assert (told.status, as_json.status) == (1, 1)
    assert key[:12] in told.out
    assert "the answer is damaged" in told.out
    assert list(as_json.json["damaged"]) == [key]
    assert as_json.json["checked"] == 3


COMMANDS = (("export", "file"), ("import", "file"), ("verify",), ("purge", "--everything", "-y"))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_cache_that_is_off_is_said_to_be(home: Home, command: tuple[str, ...]) -> None:
    fill(home)
    home.configure(enabled=False)

    run = home.refrain(*command)

    assert run.status == 1
    assert "off by configuration" in run.err
    assert '"enabled": true' in run.err
    assert not (home.folder / "file").exists()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_bypassed_cache_is_said_to_be_with_the_reason(
    home: Home, command: tuple[str, ...]
) -> None:
    home.database.parent.mkdir()
    change(home, "CREATE TABLE somebody_elses (x)")

    run = home.refrain(*command)

    assert run.status == 1
    assert "a database of another program" in run.err
    assert not (home.folder / "file").exists()


def test_what_is_stored_can_be_carried_out_of_a_file_that_cannot_be_written(home: Home) -> None:
    fill(home)
    lock = sqlite3.connect(home.database, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        exported = home.refrain("export", "out")
    finally:
        lock.close()

    assert exported.status == 0, exported.err
    assert len(lines_of(home.folder / "out")) == 1 + 3
