"""Two processes enrich while Ollama is killed, started, replaced, and its model made anew.

Every text is answered, by one engine or the other, and nothing is kept as another model's.
"""

from __future__ import annotations

import gzip
import json
import os
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import define, field
from tests.ollama.serving import MODEL, RealOllama, serving
from tests.ollama.workspaces import refrain, workspace

from refrain_sidecar.inference.models.manifest import manifest, weights_path

# More for a long night: REFRAIN_CHANGES_TEXTS=200.
TEXTS = int(os.environ.get("REFRAIN_CHANGES_TEXTS", "14"))
PROCESSES = 2
# A change after so many answers, within so many seconds: mostly in the middle of others.
ANSWERS_A_CHANGE = 2
WITHIN_S = 1.5
GENEROUS_S = 300.0
# From the last look at the model's name to the moment an answer counts as stored.
STORING_S = 3.0

WHO = (
    *("My sister", "Our neighbour", "My boss", "The nurse", "My oldest friend", "My son"),
    *("The landlord", "My teacher", "A stranger", "My mother"),
)
DID = (
    *("forgot my birthday.", "held my hand all night.", "shouted at me again."),
    *("called to say it was nothing.", "sang in the kitchen.", "left without a word."),
    *("believed in me.", "lied to me.", "sat with me by the lake.", "did not come home."),
    *("made me laugh.", "took what was mine.", "asked me to stay.", "is very ill."),
    *("thanked me.", "does not answer.", "forgave me.", "stood up for me.", "is following me."),
    "has gone for good.",
)


def texts() -> list[str]:
    return [f"{WHO[n % len(WHO)]} {DID[n // len(WHO) % len(DID)]}" for n in range(TEXTS)]


@define
class Span:
    """How long `digest` may have been what Ollama has under the model's name."""

    digest: str
    since: float
    until: float = field(default=float("inf"))


@define
class Changes:
    """Does to Ollama what a user can, one thing after another, and remembers what it had when.

    Two Ollamas share a port; `at` says whose turn it is.
    """

    both: Sequence[RealOllama]
    spans: list[Span] = field(factory=list)
    at: int = 0
    made: int = 0
    _left: Iterator[Callable[[], None]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._left = iter(())

    def next(self) -> None:
        """The next change, of a round of seven."""
        change = next(self._left, None)
        if change is None:
            round_ = (self.kill, self.start, self.make, self.replace, self.stop, self.start)
            self._left = iter((*round_, self.make))
            change = next(self._left)
        change()

    def make(self) -> None:
        """The model anew under its name: its weights with another parameter."""
        self.made += 1
        began = time.time()
        self.both[self.at].create(
            MODEL, f"FROM {weights_path(manifest())}\nPARAMETER seed {1000 + self.made}\n"
        )
        self._is_now(began)

    def kill(self) -> None:
        self.both[self.at].kill()

    def stop(self) -> None:
        self.both[self.at].stop()

    def start(self) -> None:
        began = time.time()
        self.both[self.at].start()
        self._is_now(began)

    def replace(self) -> None:
        self.kill()
        self.at = 1 - self.at
        self.start()

    def _is_now(self, began: float) -> None:
        """Write down what it has since some moment after `began`."""
        tags = httpx.get(f"{self.both[self.at].base_url}/api/tags", trust_env=False).json()
        digest = next(tag["digest"] for tag in tags["models"] if tag["name"] == MODEL)
        if self.spans and self.spans[-1].digest == digest:
            return
        if self.spans:
            self.spans[-1].until = time.time()
        self.spans.append(Span(digest, began))

    def had(self, digest: str, since: float, until: float) -> bool:
        """Whether it may have had `digest` at some moment of that time."""
        return any(
            span.digest == digest and span.since <= until and since <= span.until
            for span in self.spans
        )


@pytest.fixture
def changes() -> Iterator[Changes]:
    with serving() as first, tempfile.TemporaryDirectory(prefix="refrain-ollama-") as home:
        second = RealOllama(first.binary, Path(home), first.port)
        first.kill()
        changes = Changes((first, second), at=1)
        try:
            second.start()
            changes.make()
            changes.replace()
            yield changes
        finally:
            second.stop()


def enriching(config: Path, own: Sequence[str], name: str) -> subprocess.Popen[str]:
    file = config.with_name(f"{name}.txt")
    file.write_text("\n".join(own), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ollama.enricher", str(file)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "REFRAIN_CONFIG": str(config)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=config.with_name(f"{name}.log").open("wb"),
        encoding="utf-8",
    )


def answers_of(processes: Sequence[subprocess.Popen[str]]) -> Iterator[dict[str, Any]]:
    """What they say, as it comes, until all of them have ended."""
    said: queue.Queue[str | None] = queue.Queue()

    def follow(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.put(line)
        said.put(None)

    for process in processes:
        threading.Thread(target=follow, args=(process,), daemon=True).start()
    running = len(processes)
    while running:
        line = said.get(timeout=GENEROUS_S)
        if line is None:
            running -= 1
        else:
            yield json.loads(line)


def stored(config: Path) -> list[dict[str, Any]]:
    file = config.with_name("export.jsonl.gz")
    refrain(config, "export", file)
    _, *entries = gzip.decompress(file.read_bytes()).decode().splitlines()
    return [json.loads(entry) for entry in entries]


def test_every_text_is_answered_and_nothing_kept_as_another_models(
    changes: Changes, tmp_path: Path
) -> None:
    config = workspace(tmp_path, changes.both[0], engine="auto")
    asked = texts()
    processes = [
        enriching(config, asked[number::PROCESSES], f"worker-{number}")
        for number in range(PROCESSES)
    ]
    moments = random.Random(7)
    answers = []
    try:
        for answer in answers_of(processes):
            answers.append(answer)
            if len(answers) % ANSWERS_A_CHANGE == 0 and len(answers) < TEXTS:
                time.sleep(moments.uniform(0, WITHIN_S))
                changes.next()
    finally:
        for process in processes:
            process.kill()
            process.wait()
    entries = stored(config)

    own = manifest().weights.sha256
    for answer in answers:
        digest = answer["digest"]
        if answer["engine"] == "embedded":
            assert digest == own
        elif answer["engine"] == "ollama":
            assert changes.had(digest, answer["asked"], answer["answered"])
    for entry in entries:
        identity = json.loads(entry["recipe"])["identity"]
        if entry["kind"] == "stage1_enrichment":
            made_by = entry["answer"]["provenance"]
            for name in ("engine", "model", "digest", "version"):
                assert identity[name] == made_by[name]
        if identity["engine"] == "ollama":
            at = entry["created_at"]
            assert changes.had(identity["digest"], at - STORING_S, at)
    print(
        f"{len(answers)} answers, {len(entries)} entries, {len(changes.spans)} models in turn; by "
        f"{len({answer['digest'] for answer in answers})} digests, slowest "
        f"{max(answer['answered'] - answer['asked'] for answer in answers):.1f} s"
    )
    assert len(answers) == TEXTS
    assert [answer["error"] for answer in answers if answer["error"]] == []
    # Otherwise nothing was tried.
    assert {answer["engine"] for answer in answers} == {"ollama", "embedded"}
