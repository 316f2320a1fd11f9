"""Whatever comes in, what is stored is on the wheel and valid: fuzzed and multilingual texts.

For a long night, `REFRAIN_VARIED_INPUTS=300` before pytest.
"""

import json
import os
import random
import unicodedata
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
from attrs import evolve

from refrain_cache import AsyncCache, normalised
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.enrichment import WHEEL, AsyncHybridScorer, AsyncPostEnricher, Place
from refrain_sidecar.enrichment.stage1.hybrid_scorer import validate
from refrain_sidecar.enrichment.stage2.writing import check_writing

from .conftest import Stages

pytestmark = pytest.mark.asyncio(loop_scope="module")

INPUTS = int(os.environ.get("REFRAIN_VARIED_INPUTS", "14"))
MULTILINGUAL = (
    "Heute habe ich endlich die Stelle bekommen, auf die ich so lange gehofft habe.",
    "Je n'arrive plus à dormir depuis qu'il est parti.",
    "Estoy harto de que nadie me escuche en esta casa.",
    "Ho paura di quello che dirà il medico domani.",
    "Eu me sinto em paz quando olho o mar.",
    "Ik ben zo trots op mijn dochter, ze heeft het helemaal zelf gedaan.",
    "Jestem wściekły, znowu mnie okłamali.",
    "Сегодня умерла моя собака, и дом пуст.",
    "Σήμερα γελάσαμε μέχρι δακρύων.",
    "今日は友達と海に行って、とても楽しかった。でも少し疲れた。",
    "我很害怕明天的考试,睡不着觉。",
    "오늘은 혼자 밥을 먹었다. 외롭다.",
    "أنا ممتن لعائلتي ولكل ما لدي",
    "אני כועס עליו מאוד",
    "मुझे डर लग रहा है कि कल क्या होगा",
    "ฉันคิดถึงแม่มาก",
    "Bugün her şey yolunda gitti, çok mutluyum!",
    "Tänään on hiljaista, ja se tuntuu hyvältä.",
)
ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz      ,.!?'\"",
    "{}[]<>|\\/`$%^&*_=+~#@:;\"' ",
    "0123456789.,-+eE ",
    "äöüßéèñçøåłđğşıœæ¿¡«» ",
    "漢字かなカナ한글ไทยالعربيةעברית ",
    "😀😢😡😱🥰🏔️👩‍👩‍👧 \u200b\u200d\ufeff",
    "\x00\x07\x1b\x7f\u202e\u2028 a",
)


def inputs(count: int) -> Iterator[str]:
    """`count` texts, the same ones every time: languages, sentences cut and mixed, noise."""
    draw = random.Random(20261122)
    folder = Path(__file__).parents[2] / "bench/data"
    sentences = [
        json.loads(line)["text"]
        for name in ("emotion_tuning.jsonl", "emotion_heldout.jsonl")
        for line in (folder / name).read_text("utf-8").splitlines()
    ]
    makers = (
        lambda: draw.choice(MULTILINGUAL),
        lambda: " ".join(draw.sample(sentences, draw.randint(1, 4))),
        lambda: draw.choice(sentences)[: draw.randint(1, 40)],
        lambda: "".join(draw.sample(text := draw.choice(sentences), len(text))),
        lambda: draw.choice(sentences).upper() + "!" * draw.randint(0, 9),
        lambda: f"{draw.choice(MULTILINGUAL)} {draw.choice(sentences)}",
        lambda: "".join(draw.choices(draw.choice(ALPHABETS), k=draw.randint(1, 120))),
    )
    seen: set[str] = set()
    for make in cycle(makers):
        if len(seen) == count:
            return
        text = make()
        if text not in seen and any(unicodedata.category(c)[0] in "LNPS" for c in normalised(text)):
            seen.add(text)
            yield text


async def test_every_result_is_on_the_wheel_and_every_stored_answer_valid(
    stages: Stages, embedded_settings: Settings
) -> None:
    texts = list(inputs(INPUTS))
    for text in texts:
        first = await stages.scorer.score(text)
        validate(first.value)
        assert WHEEL.has(Place(**first.value["wheel"]))
        check_writing((await stages.writer.write(first.value)).value)
    await stages.cache.close()
    from_disk = evolve(embedded_settings.caching, memory_entries=0)
    async with AsyncCache(from_disk) as cache:
        scorer = AsyncHybridScorer(cache, stages.chooser, embedded_settings)
        writer = AsyncPostEnricher(cache, stages.chooser, embedded_settings)
        for text in texts:
            first = await scorer.score(text)
            second = await writer.write(first.value)
            assert (first.tier, second.tier) == ("disk", "disk")
            validate(first.value)
            check_writing(second.value)
