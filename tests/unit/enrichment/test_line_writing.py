"""Writing a page with a model that writes what the test says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, cast

import pytest
from attrs import define, field

from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.errors import AnswerInvalid
from refrain_sidecar.enrichment.results import PostEnrichment
from refrain_sidecar.enrichment.stage2.line_writing import (
    CLOSINGS,
    IMPATIENT,
    REQUESTS,
    SAMPLING,
    TONES,
    VERBS,
    WARMER,
    write_lines,
)
from refrain_sidecar.enrichment.stage2.writing import check_writing
from refrain_sidecar.enrichment.stage2.writing_prompt import example_lines, page
from refrain_sidecar.enrichment.wheel import WHEEL, Place
from refrain_sidecar.inference.choose import Engine
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.ollama.messages import Message

PLACE = Place("sad", "lonely", "alone")
POEM = ["The lamp is lit along the stair,", "a kettle hums its single note,", "and warm is all."]
TIPS = ["Call the friend you thought of", "Walk once around the pond", "Sleep an hour earlier"]
CLOSING = "What you carry is seen."
WHOLE = page((*POEM, *TIPS, CLOSING, "hopeful")).removeprefix(page(()))
CAP = 140


@define
class Scripted:
    """Writes `texts` in turn, the last one again and again, and remembers what it was asked.

    It ends where it is told to, as engines do.
    """

    texts: list[str]
    piece: int = 3
    ends: bool = True
    asked: list[dict[str, Any]] = field(factory=list)
    stopped: list[str] = field(factory=list)

    async def text(
        self,
        engine: Engine,
        messages: Sequence[Message],
        *,
        cap: int,
        attempt: int,
        warmer: float,
        sampling: Mapping[str, Any],
    ) -> AsyncGenerator[str, None]:
        begun = messages[-1]
        assert begun.role == "assistant"
        stop = sampling["stop"]
        self.asked.append(
            {"begun": begun.content, "cap": cap, "attempt": attempt, "warmer": warmer, "stop": stop}
        )
        assert {**sampling, **SAMPLING} == sampling
        text = self.texts[min(attempt, len(self.texts) - 1)]
        ends = [text.find(one) for one in stop if one in text]
        if ends and self.ends:
            text = f"{text[: min(ends)]}\n"
        try:
            for at in range(0, len(text), self.piece):
                yield text[at : at + self.piece]
        except GeneratorExit:
            self.stopped.append(begun.content)
            raise


async def written(
    model: Scripted, heard: list[tuple[int, str]] | None = None, place: Place = PLACE
) -> PostEnrichment:
    engine = Engine("ollama", "m:1", "d", "1", "http://x", cast(OllamaClient, None))
    hear = (
        (lambda at, line: heard.append((at, line))) if heard is not None else lambda _at, _l: None
    )
    page = await write_lines(cast(Asking, model), engine, place, (), None, cap=CAP, told=hear)
    check_writing(page)
    return page


@pytest.mark.parametrize("piece", [1, 3, 1000])
async def test_a_good_page_takes_one_request_however_it_comes_in_pieces(piece: int) -> None:
    model, heard = Scripted([WHOLE], piece), list[tuple[int, str]]()
    found = await written(model, heard)
    assert found == {"poem": POEM, "tips": TIPS, "closing": CLOSING, "tone": "hopeful"}
    assert heard == list(enumerate([*POEM, *TIPS, CLOSING]))
    (asked,) = model.asked
    assert (asked["begun"], asked["cap"], asked["warmer"]) == ("Poem\n1.", CAP, WARMER)


async def test_a_model_that_ends_with_its_closing_has_ended_the_page() -> None:
    model = Scripted([WHOLE.split("\nTone")[0]])
    assert (await written(model))["closing"] == CLOSING
    assert len(model.asked) == 1


async def test_a_page_without_a_tone_has_the_tone_of_its_primary() -> None:
    model = Scripted([WHOLE.replace("hopeful", "gloomy")])
    assert (await written(model))["tone"] == TONES["sad"]
    assert set(TONES) == set(WHEEL.primaries)


async def test_a_model_that_goes_on_and_on_is_stopped() -> None:
    model = Scripted([f"{WHOLE}\n" + "And then I went on.\n" * 500])
    await written(model)
    assert model.stopped == ["Poem\n1."]


async def test_a_model_that_ends_early_is_asked_for_the_rest() -> None:
    first = WHOLE.split("\nTips")[0] + "\nTips\na. Walk half a wa"
    model = Scripted([first, f" it down somewhere\nb. {TIPS[1]}\nc. {TIPS[2]}\n", f" {CLOSING}\n"])
    found = await written(model)
    assert found["tips"][1:] == TIPS[1:], "what was cut off in the middle is not taken"
    assert found["tips"][0].split()[0] in VERBS
    assert found["tips"][0].endswith(" it down somewhere")
    assert [asked["attempt"] for asked in model.asked] == [0, 1, 2]
    assert model.asked[1]["begun"].rsplit(" ", 1)[0] == page(POEM)
    before, opening = model.asked[2]["begun"].rsplit(" ", 1)
    assert (before, opening in CLOSINGS) == (page((*POEM, *found["tips"])), True)
    assert found["closing"] == f"{opening} {CLOSING}"
    assert [asked["cap"] for asked in model.asked] == [CAP, CAP, CAP // 2]


async def test_only_the_line_that_will_not_do_is_written_anew() -> None:
    bad = WHOLE.replace(POEM[1], "You are worthless to them")
    model, heard = Scripted([bad, f" {POEM[1]}\nand so it goes on\n"]), list[tuple[int, str]]()
    found = await written(model, heard)
    assert found["poem"] == [POEM[0], POEM[2], POEM[1].rstrip(",")]
    assert (found["tips"], found["closing"], found["tone"]) == (TIPS, CLOSING, "hopeful")
    assert [at for at, _ in heard] == [0, 1, 3, 4, 5, 6, 2]
    assert model.asked[1]["begun"] == page([POEM[0], POEM[2]])
    assert model.asked[1]["stop"] == ["\n"], "it ends by itself with the line"


async def test_a_model_that_does_not_end_where_it_is_told_to_is_stopped() -> None:
    bad = WHOLE.replace(POEM[1], "You are worthless to them")
    model = Scripted([bad, f" {POEM[1]}\nand so it goes on\n"], ends=False)
    assert (await written(model))["poem"][2] == POEM[1].rstrip(",")
    assert model.stopped[-1] == model.asked[1]["begun"]


@pytest.mark.parametrize("telling", ["I will be your friend", "You are loved", "It's alright"])
async def test_a_tip_that_tells_is_broken_off_and_begun_with_a_verb_no_example_begins_with(
    telling: str,
) -> None:
    bad = WHOLE.replace(TIPS[1], telling)
    rest = f" a walk along the shore\nc. {TIPS[2]}\nClosing: {CLOSING}\nTone: calm"
    model = Scripted([bad, rest])
    found = await written(model)
    before, verb = model.asked[1]["begun"].rsplit(" ", 1)
    assert (before, verb in VERBS) == (page((*POEM, TIPS[0])), True)
    assert found["tips"] == [TIPS[0], f"{verb} a walk along the shore", TIPS[2]]
    assert (found["closing"], found["tone"]) == (CLOSING, "calm"), "the page went on from there"
    assert [asked["cap"] for asked in model.asked] == [CAP, CAP]
    assert not any(line.startswith(verb) for line in example_lines("sad"))


async def test_after_a_few_tries_tips_that_tell_are_heard_out_and_taken_at_last() -> None:
    model = Scripted(
        [f"{WHOLE.split('Tips')[0]}Tips\na. The sea is there\n", " I am.\nb. The sky is\n"]
    )
    model.texts.append(
        f" a song\nb. The sky will be there\nc. The sea will too\nClosing: {CLOSING}\n"
    )
    found = await written(model)
    assert found["tips"][1].endswith(" a song")
    assert found["tips"][2] == "The sky will be there"
    assert len(model.asked) == IMPATIENT + 1


async def test_a_poem_without_an_end_is_ended_and_the_tips_begun() -> None:
    endless = WHOLE.replace("\nTips", "\n4. and on it goes,\n5. and on,\nTips")
    rest = f" the shore\nb. {TIPS[1]}\nc. {TIPS[2]}\nClosing: {CLOSING}\n"
    model = Scripted([endless, rest])
    assert (await written(model))["poem"] == POEM
    assert model.asked[1]["begun"].rsplit(" ", 1)[0] == page(POEM)


async def test_copies_of_the_examples_are_taken_when_nothing_better_comes() -> None:
    copy = sorted(line for line in example_lines("sad") if line.endswith((",", ";")))[0]
    model = Scripted([WHOLE.replace(POEM[2], copy), f" {copy}\n"])
    assert (await written(model))["poem"] == [*POEM[:2], copy.rstrip(",;")]
    assert [asked["attempt"] for asked in model.asked] == [0, 1], "one more try was enough to see"


@pytest.mark.parametrize("text", ["", "...\n", "\n\n\n", "You are worthless\n" * 9, "Tone: warm"])
async def test_a_model_that_cannot_is_given_up_and_the_last_fault_said(text: str) -> None:
    model, heard = Scripted([text]), list[tuple[int, str]]()
    with pytest.raises(
        AnswerInvalid, match=r"m:1 wrote no usable line in 10 tries.*Nothing was sto"
    ):
        await written(model, heard)
    assert len(model.asked) == REQUESTS
    assert heard == []


@pytest.mark.parametrize("primary", WHEEL.primaries)
def test_there_are_verbs_left_for_every_request(primary: str) -> None:
    shown = example_lines(primary)
    left = [verb for verb in VERBS if not any(line.startswith(verb) for line in shown)]
    assert len(left) >= REQUESTS
