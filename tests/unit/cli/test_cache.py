"""`refrain purge` takes each condition there is; lists fit their terminal; errors are sentences."""

from __future__ import annotations

import sqlite3

import pytest
from tests.unit.cli.conftest import Home

from refrain_cache import fingerprint

KEY = fingerprint("api", "text 3").key


@pytest.fixture
def filled(home: Home) -> Home:
    """Six entries: one long made, one of another model, one of another kind, one used often."""
    with home.cache() as cache:
        for n in range(4):
            cache.set(content=f"text {n}", cache_type="api", value=n, model="small", cost_ms=1500)
        cache.set(content="text 4", cache_type="api", value=4, model="large")
        cache.set(content="text 5", cache_type="stage2_enrichment", value=5, model="small")
        for _ in range(3):
            cache.get(content="text 0", cache_type="api")
    date_back(home, "created_at", "text 2")
    return home


def date_back(home: Home, column: str, content: str) -> None:
    """Set a moment of an entry three years back."""
    key = bytes.fromhex(fingerprint("api", content).key)
    with sqlite3.connect(home.database) as database:
        database.execute(f"UPDATE entry SET {column} = {column} - 1e8 WHERE key = ?", (key,))
    database.close()


@pytest.mark.parametrize(
    ("condition", "entries"),
    [
        (("--kind", "stage2_enrichment"), 1),
        (("--model", "small"), 5),
        (("--model", "small", "--kind", "api"), 4),
        (("--older-than", "7d"), 1),
        (("--least-used", "2"), 2),
        (("--key", KEY[:10]), 1),
        (("--everything",), 6),
        (("--expired", "--key", KEY), 0),
    ],
)
def test_a_dry_run_counts_what_the_purge_then_takes(
    filled: Home, condition: tuple[str, ...], entries: int
) -> None:
    dry = filled.refrain("purge", *condition, "--dry-run", "--json").json
    assert (dry["entries"], dry["dryRun"]) == (entries, True)
    assert held(filled) == 6
    gone = filled.refrain("purge", *condition, "--yes", "--json").json
    assert (gone["entries"], gone["dryRun"]) == (entries, False)
    assert held(filled) == 6 - entries


def test_what_expired_goes_without_a_question(filled: Home) -> None:
    date_back(filled, "expires_at", "text 1")

    assert filled.refrain("purge", "--expired").status == 0
    assert held(filled) == 5


def held(home: Home) -> int:
    with home.cache() as cache:
        return cache.entries().total


def test_a_purge_asks_first_and_takes_no_for_an_answer(filled: Home) -> None:
    asked = filled.refrain("purge", "--kind", "stage2_enrichment", answer="n\n")

    assert asked.status == 1
    assert "Purge 1 entry" in asked.err
    assert held(filled) == 6


def test_json_asked_for_is_not_consent(filled: Home) -> None:
    (filled.folder / "precious").write_text("precious")

    purge = filled.refrain("purge", "--everything", "--json", answer="y\n")
    export = filled.refrain("export", "precious", "--json", answer="y\n")

    assert (purge.status, export.status) == (2, 2)
    assert "Purge 6 entries" in purge.err
    assert "--yes" in purge.err
    assert "Replace precious? Say --yes" in export.err
    assert held(filled) == 6
    assert (filled.folder / "precious").read_text() == "precious"


@pytest.mark.parametrize("command", [("purge", "-n"), ("explain",)], ids=lambda c: c[0])
def test_what_is_no_key_is_refused_in_a_sentence(home: Home, command: tuple[str, ...]) -> None:
    run = home.refrain(*command, "--key", "zz")

    assert run.status == 1
    assert run.err == "refrain: 'zz' is not the beginning of a key: keys are 64 hex characters.\n"


@pytest.mark.parametrize("command", ["entries", "stats"])
def test_names_stay_whole_in_eighty_columns(filled: Home, command: str) -> None:
    shown = filled.refrain(command).out

    assert "stage2_enrichment" in shown
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_log_is_shown_when_asked_for(home: Home) -> None:
    assert home.refrain("stats").err == ""
    assert "[PERF] Cache enabled: True" in home.refrain("--verbose", "stats").err
