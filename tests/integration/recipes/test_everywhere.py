"""A recipe used from six places gives one entry, one miss and five hits.

The editor is the seventh: see `tests/e2e/journeys`.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.recipes.elsewhere import counted, everywhere


async def test_one_entry_one_miss_and_equal_answers(tmp_path: Path) -> None:
    settings = {
        "inference": {"engine": "embedded", "num_threads": 1},
        "networking": {"first_token_timeout": 600, "token_timeout": 600},
        "caching": {"cache_dir": "./cache"},
    }
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "perf_config.json").write_text(json.dumps(settings))
    recipes = tmp_path / ".refrain" / "recipes"
    recipes.mkdir(parents=True)
    (recipes / "title.recipe.md").write_text(
        "---\noptions: {num_predict: 60, temperature: 0}\n---\n"
        "Answer with a title of three words for: ${text}"
    )
    text = "The ship left at dawn and came back at noon."

    came = [each async for each in everywhere(tmp_path, "title", text)]

    assert [each.where for each in came] == [
        *("command line", "worker", "queue", "Python", "MCP", "language server"),
    ]
    assert [each.outcome for each in came] == ["miss", *["hit"] * 5]
    assert len({each.output for each in came}) == 1
    kind = await counted(tmp_path)
    assert (kind["entries"], kind["hits"], kind["misses"]) == (1, 5, 1)
