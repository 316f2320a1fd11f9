"""A reflection through each face of the product, answered by a real Ollama."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.lsp.conftest import SIDECAR
from tests.lsp.framing import Frames
from tests.ollama.serving import MODEL, RealOllama
from tests.ollama.workspaces import refrain, run, workspace

from refrain_sidecar.enrichment import WHEEL, Place, schemas
from refrain_sidecar.enrichment.stage2.writing import check_writing

TEXT = "I'm feeling grateful for my friends and this beautiful day."

PLAIN_WORKER = """
import json, sys
from refrain_cache import get_cache
from refrain_sidecar.enrichment import HybridScorer, PostEnricher

first = HybridScorer().enrich(sys.argv[1])
whole = PostEnricher().run_post_enrichment(first)
again = PostEnricher().run_post_enrichment(HybridScorer().enrich(sys.argv[1]))
print(json.dumps({"whole": whole, "again": again, "misses": get_cache().get_stats()["misses"]}))
"""


@pytest.fixture
def config(tmp_path: Path, ollama: RealOllama) -> Path:
    return workspace(tmp_path, ollama)


def outcomes(answer: dict[str, Any]) -> list[str]:
    return [stage["outcome"] for stage in answer["stages"]]


def hold_whole(answer: dict[str, Any], written: dict[str, Any]) -> None:
    """It is an answer a person can be shown: on the wheel, and written to the end."""
    assert WHEEL.has(Place(**answer["wheel"]))
    assert sum(answer["scores"].values()) == pytest.approx(1, abs=0.001)
    assert 0 < answer["confidence"] <= 1
    assert set(answer["invoked"]) | set(answer["expressed"]) <= set(WHEEL.words)
    for event in answer["events"]:
        assert event in TEXT
    check_writing(written)
    assert written["tone"] in schemas.TONES


def test_the_command_line_misses_then_hits(config: Path) -> None:
    first = json.loads(refrain(config, "enrich", "--json", TEXT))
    second = json.loads(refrain(config, "enrich", "--json", f"  {TEXT}\n"))

    assert outcomes(first) == ["miss", "miss"]
    assert outcomes(second) == ["hit", "hit"]
    hold_whole(first, first["postEnrichment"])
    assert first["wheel"]["primary"] == "happy"
    assert (first["engine"]["name"], first["engine"]["model"]) == ("ollama", MODEL)
    for name in ("wheel", "scores", "invoked", "expressed", "events", "postEnrichment", "engine"):
        assert second[name] == first[name]


def test_a_file_goes_through_the_worker(config: Path, tmp_path: Path) -> None:
    texts = [TEXT, "My dog died this morning and I cannot stop crying.", TEXT]
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        "".join(
            json.dumps({"rid": rid, "normalized_text": text}) + "\n"
            for rid, text in enumerate(texts)
        )
    )
    refrain(config, "worker", source, "-o", output)

    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["rid"] for line in lines] == [0, 1, 2]
    assert [line["wheel"]["primary"] for line in lines] == ["happy", "sad", "happy"]
    assert lines[2]["post_enrichment"] == lines[0]["post_enrichment"]
    for line in lines:
        check_writing(line["post_enrichment"])
        assert line["provenance"]["engine"] == "ollama"


def test_plain_python_is_answered(config: Path) -> None:
    said = json.loads(run(config, sys.executable, "-c", PLAIN_WORKER, TEXT))

    hold_whole(said["whole"], said["whole"]["post_enrichment"])
    assert said["again"] == said["whole"]
    assert said["misses"] == 2


def test_an_editor_is_answered(config: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        SIDECAR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        frames = Frames(process)
        frames.initialize(config.parents[1].as_uri())
        frames.send({"method": "initialized", "params": {}})
        first = frames.request("refrain/enrich", {"text": TEXT})["result"]
        second = frames.request("refrain/enrich", {"text": TEXT})["result"]
        frames.request("shutdown")
        frames.send({"method": "exit"})
        assert frames.rest() == b""
    finally:
        process.kill()
        process.wait()

    hold_whole(first, first["postEnrichment"])
    assert (first["engine"]["name"], first["engine"]["model"]) == ("ollama", MODEL)
    assert outcomes(first) == ["miss", "miss"]
    assert outcomes(second) == ["hit", "hit"]
