"""The faces for plain workers: no arguments, one engine and one cache a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

# Two would wait for each other beside other work.
ONE_THREAD = {"engine": "embedded", "num_threads": 1}
WORKER = """
import json, threading
from refrain_cache import get_cache
from refrain_sidecar.enrichment import HybridScorer, PostEnricher

text = "I'm feeling grateful for my friends and this beautiful day."
first = HybridScorer().enrich(text, history=["Earlier."], timestamp="2026-10-29T08:00:00")
whole = PostEnricher().run_post_enrichment(first)
again = []
threads = [threading.Thread(target=lambda: again.append(
    HybridScorer().enrich(text, timestamp="2026-10-29T09:00:00"))) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
stats = get_cache().get_stats()
print(json.dumps({"first": first, "whole": whole, "again": again,
    "lookups": stats["lookups"], "misses": stats["misses"], "entries": stats["entries"]}))
"""


def run(tmp_path: Path, caching: dict[str, object]) -> dict[str, object]:
    config = tmp_path / "config" / "perf_config.json"
    config.parent.mkdir(exist_ok=True)
    config.write_text(json.dumps({"inference": ONE_THREAD, "caching": caching}))
    done = subprocess.run(
        [sys.executable, "-c", WORKER],
        env={**os.environ, "REFRAIN_CONFIG": str(config)},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_a_worker_is_answered_from_one_cache(tmp_path: Path) -> None:
    said = run(tmp_path, {"cache_dir": "./cache"})
    assert said["again"] == [said["first"]] * 4
    assert said["whole"]["wheel"] == said["first"]["wheel"]  # type: ignore[index]
    assert (said["lookups"], said["misses"], said["entries"]) == (6, 2, 2)
    assert (tmp_path / "cache" / "perf_cache.db").exists()


def test_a_worker_is_answered_without_any_usable_cache(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    said = run(tmp_path, {"cache_dir": "./cache"})
    assert said["first"]["wheel"]["primary"] == "happy"  # type: ignore[index]
    assert (said["misses"], said["entries"]) == (0, 0)


FORKING = """
import os, sys, time
from refrain_sidecar.enrichment import HybridScorer

scorer = HybridScorer()
first = scorer.enrich("I'm feeling grateful for this day.")
child = os.fork()
if child == 0:
    print(scorer.enrich("I'm feeling grateful for this day.") == first, flush=True)
    sys.exit(0)
for _ in range(600):
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid:
        break
    time.sleep(0.1)
else:
    os.kill(child, 9)
print(pid == child and status == 0)
print(scorer.enrich("I'm feeling grateful for this day.") == first)
"""


def test_a_forked_worker_is_answered_and_ends(tmp_path: Path) -> None:
    config = tmp_path / "config" / "perf_config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"inference": ONE_THREAD}))
    done = subprocess.run(
        [sys.executable, "-c", FORKING],
        env={**os.environ, "REFRAIN_CONFIG": str(config)},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.split() == ["True", "True", "True"]
