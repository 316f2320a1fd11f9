"""The embedded engine's model sees no pictures, and that is said before it is asked anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import pictures
from tests.integration.enrichment.conftest import Stages
from tests.ollama.counting import counting_requests

from refrain_sidecar.config.settings import Settings
from refrain_sidecar.enrichment import AsyncImageDescriber, InputRefused

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_model_that_does_not_see_is_sent_nothing_and_nothing_is_kept(
    stages: Stages, embedded_settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "red.png").write_bytes(pictures.RED)
    describer = AsyncImageDescriber(stages.cache, stages.chooser, embedded_settings)
    # So that what the model can do is known.
    await stages.scorer.prepare()

    with counting_requests() as requests:
        with pytest.raises(InputRefused, match=r"\(embedded\) sees no pictures.*models use"):
            await describer.describe(str(tmp_path / "red.png"))
        assert requests.since() == 0
    assert (await stages.cache.entries(kind="vision_inference")).total == 0
