"""Where recipes lie, which one of a name is run, and what is never read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.enrichment.recipes.finding import ENDING, IN_WORKSPACE, Folders, folders_here

SHIPPED = {"commit-message", "explain-code", "summarise", "translate"}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    root, user = tmp_path / "work", tmp_path / "user"
    (root / IN_WORKSPACE).mkdir(parents=True)
    user.mkdir()
    return Folders((root,), user=user)


def write(folders: Folders, name: str, text: str, *, user: bool = False) -> Path:
    folder = folders.user if user else folders.workspaces[0] / IN_WORKSPACE
    path = folder / f"{name}{ENDING}"
    path.write_text(text, "utf-8")
    return path


def said(folders: Folders, name: str) -> object:
    return folders.one(name).turns[0].template.parts[0]


def test_what_is_shipped_is_sound(folders: Folders) -> None:
    found = folders.all()
    assert {each.name for each in found} == SHIPPED
    assert all(each.reading.definition and each.reading.definition.description for each in found)
    assert [each.reading.problems for each in found] == [()] * len(SHIPPED)


def test_the_nearest_of_a_name_is_run(folders: Folders) -> None:
    assert "You sum up" in str(said(folders, "summarise"))
    write(folders, "summarise", "mine ${text}", user=True)
    assert said(folders, "summarise") == "mine "
    write(folders, "summarise", "ours ${text}")
    assert said(folders, "summarise") == "ours "
    assert sum(each.name == "summarise" for each in folders.all()) == 1


def test_broken_ones_are_listed_and_not_run(folders: Folders) -> None:
    path = write(folders, "broken", "${nothing}")
    assert [each.name for each in folders.all() if each.reading.problems] == ["broken"]
    with pytest.raises(InputRefused, match=f"{path}:1: unknown variable"):
        folders.one("broken")


def test_an_untrusted_workspace_is_not_read(folders: Folders) -> None:
    write(folders, "ours", "ours ${text}")
    write(folders, "summarise", "ours ${text}")
    wary = Folders(folders.workspaces, trusted=False, user=folders.user)
    assert {each.name for each in wary.all()} == SHIPPED
    assert "You sum up" in str(said(wary, "summarise"))
    with pytest.raises(InputRefused, match="not trusted"):
        wary.one("ours")
    assert wary.new("mine").parent == folders.user


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "a\\b", ".", "..", "", ".hidden", "x\0y", "a" * 200]
)
def test_a_name_leads_nowhere_else(folders: Folders, name: str) -> None:
    with pytest.raises(InputRefused, match="name"):
        folders.one(name)
    with pytest.raises(InputRefused, match="name"):
        folders.new(name)


@pytest.mark.parametrize("name", ["日本語", "mit Blank", "🎉", "a.b", "Größe"])
def test_a_name_may_be_in_any_script(folders: Folders, name: str) -> None:
    path = folders.new(name)
    assert path == folders.workspaces[0] / IN_WORKSPACE / f"{name}{ENDING}"
    assert folders.one(name).name == name
    with pytest.raises(InputRefused, match="already"):
        folders.new(name)


def test_a_link_out_of_the_folder_is_not_followed(folders: Folders, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret ${text}")
    write(folders, "real", "${text}")
    there = folders.workspaces[0] / IN_WORKSPACE
    (there / f"out{ENDING}").symlink_to(secret)
    (there / f"inside{ENDING}").symlink_to(there / f"real{ENDING}")
    assert folders.one("inside").name == "inside"
    with pytest.raises(InputRefused, match="leads out of its folder"):
        folders.one("out")


def test_what_is_no_file_is_not_waited_for(folders: Folders) -> None:
    there = folders.workspaces[0] / IN_WORKSPACE
    os.mkfifo(there / f"pipe{ENDING}")
    (there / f"folder{ENDING}").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(InputRefused, match=r"is not a file|is a directory"):
            folders.one(name)


@pytest.mark.parametrize(
    ("beside", "held", "says"),
    [
        ("../secret.json", None, "not the name of a file beside"),
        ("/etc/passwd", None, "not the name of a file beside"),
        ("absent.json", None, "no such file"),
        ("bad.json", b"{", "not valid JSON"),
        ("deep.json", b"[" * 100_000, "nested too deep|not valid JSON|too large"),
        ("latin.json", "é".encode("latin-1"), "not text in UTF-8"),
        ("large.json", b" " * 300_000, "longer than"),
        ("list.json", b"[]", "expected a JSON schema"),
    ],
)
def test_a_schema_is_a_plain_file_beside_the_recipe(
    folders: Folders, beside: str, held: bytes | None, says: str
) -> None:
    there = folders.workspaces[0] / IN_WORKSPACE
    if held is not None:
        (there / beside).write_bytes(held)
    write(folders, "r", f"---\noutput: {beside}\n---\n${{text}}")
    with pytest.raises(InputRefused, match=says):
        folders.one("r")


def test_a_program_finds_the_nearest_folder(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folders, "ours", "ours ${text}")
    below = folders.workspaces[0] / "src" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert folders_here().one("ours").name == "ours"


def test_a_changed_recipe_is_read_anew_and_so_is_the_schema_beside_it(folders: Folders) -> None:
    write(folders, "a", "One: ${text}")
    assert said(folders, "a") == said(folders, "a") == "One: "
    write(folders, "a", "Two: ${text}")
    assert said(folders, "a") == "Two: "

    write(folders, "b", "---\noutput: b.json\n---\n${text}")
    schema = folders.workspaces[0] / IN_WORKSPACE / "b.json"
    for kind in ("string", "integer"):
        schema.write_text(f'{{"type": "{kind}"}}')
        assert folders.one("b").output == {"type": kind}
    schema.unlink()
    with pytest.raises(InputRefused, match=r"b\.json"):
        folders.one("b")


def test_the_stamp_tells_when_recipes_came_went_or_changed(folders: Folders) -> None:
    seen = [folders.stamp()]
    path = write(folders, "a", "One: ${text}")
    seen.append(folders.stamp())
    assert folders.stamp() == seen[-1]
    path.write_text("Three: ${text}")
    seen.append(folders.stamp())
    path.unlink()
    assert folders.stamp() == seen[0]
    assert len(set(seen)) == 3
