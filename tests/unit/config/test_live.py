"""Edits apply without a restart; a bad edit leaves the last good configuration in force."""

import asyncio
from pathlib import Path

import pytest

from refrain_sidecar.config import LiveConfig
from refrain_sidecar.config.settings import Settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "perf_config.json"
    path.write_text('{"inference": {"temperature": 0.5}}', encoding="utf-8")
    return path


class Applied(list[Settings]):
    async def __call__(self, settings: Settings) -> None:
        self.append(settings)


async def test_a_good_edit_is_applied_once(path: Path) -> None:
    live, applied = LiveConfig(path), Applied()
    path.write_text('{"inference": {"temperature": 0.75}}', encoding="utf-8")
    await live.refresh(applied)
    await live.refresh(applied)
    assert [s.inference.temperature for s in applied] == [0.75]


async def test_a_bad_edit_changes_nothing_and_is_reported(path: Path) -> None:
    live, applied = LiveConfig(path), Applied()
    path.write_text('{"inference": {"temperature": "hot!"}}', encoding="utf-8")
    await live.refresh(applied)
    assert applied == []
    assert live.settings.inference.temperature == 0.5
    assert [p.key for p in live.problems] == ["inference.temperature"]
    path.write_text('{"inference": {"temperature": 1}}', encoding="utf-8")
    await live.refresh(applied)
    assert live.problems == ()
    assert [s.inference.temperature for s in applied] == [1]


async def test_following_sees_an_edit_by_itself(path: Path) -> None:
    live = LiveConfig(path)
    seen = asyncio.get_running_loop().create_future()

    async def apply(settings: Settings) -> None:
        seen.set_result(settings.caching.enabled)

    task = asyncio.create_task(live.follow(apply))
    path.write_text('{"caching": {"enabled": false}}', encoding="utf-8")
    assert await asyncio.wait_for(seen, 30) is False
    task.cancel()
