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
    IMPATIENT,
    REQUESTS,
    SAMPLING,
    WARMER,
    write_lines,
)
from refrain_sidecar.enrichment.stage2.writing import check_writing
from refrain_sidecar.enrichment.stage2.writing_prompt import (
    CLOSINGS,
    LINE_MARKS,
    PICTURES,
    VERBS,
    example_lines,
    page,
    tone_of,
)
from refrain_sidecar.enrichment.wheel import WHEEL, Place
from refrain_sidecar.inference.choose import Engine
from refrain_sidecar.inference.ollama.client import OllamaClient
from refrain_sidecar.inference.ollama.messages import Message

PLACE = Place("sad", "lonely", "alone")
# What the model is given to begin with, and what it makes of it.
SHOWN = example_lines("sad")
PICTURE = PICTURES[WHEEL.tertiaries.index("alone") % len(PICTURES)]
LEFT = [verb for verb in VERBS if not any(line.startswith(verb) for line in SHOWN)]
VERB, NEXT = [LEFT[(WHEEL.tertiaries.index("alone") + n) % len(LEFT)] for n in (0, 1)]
POEM = [f"{PICTURE} lamp along the stair,", "a kettle hums its single note,", "and warm is all."]
TIPS = [f"{VERB} the friend you thought of", "Walk once around the pond", "Sleep an hour earlier"]
CLOSING = "What you carry is seen."
FIRST = page(POEM).removeprefix(f"{page(())} {PICTURE}")
REST = page((*POEM, *TIPS, CLOSING)).removeprefix(f"{page(POEM)} {VERB}")
BEGUN = [f"{page(())} {PICTURE}", f"{page(POEM)} {VERB}"]
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
async def test_a_good_page_takes_two_requests_however_it_comes_in_pieces(piece: int) -> None:
    model, heard = Scripted([FIRST, REST], piece), list[tuple[int, str]]()
    found = await written(model, heard)
    assert found == {"poem": POEM, "tips": TIPS, "closing": CLOSING, "tone": tone_of(PLACE)}
    assert heard == list(enumerate([*POEM, *TIPS, CLOSING]))
    assert [asked["begun"] for asked in model.asked] == BEGUN
    assert {(asked["cap"], asked["warmer"]) for asked in model.asked} == {(CAP, WARMER)}
    assert model.stopped == [], "the engine ends each by itself"


async def test_a_model_that_writes_the_whole_page_at_once_is_not_asked_again() -> None:
    model = Scripted([f"{FIRST.removesuffix('4')}{TIPS[0]}\n{REST.partition(chr(10))[2]}"])
    model.ends = False
    assert (await written(model))["tips"] == TIPS
    assert len(model.asked) == 1


async def test_a_model_that_goes_on_and_on_is_stopped() -> None:
    model = Scripted([FIRST, f"{REST}\n" + "And then I went on.\n" * 500], ends=False)
    await written(model)
    assert model.stopped == BEGUN[1:]


async def test_a_model_that_ends_early_is_asked_for_the_rest() -> None:
    model = Scripted([FIRST, f" half a wa\n5 {TIPS[1]}\n6 {TIPS[2]}", f" {CLOSING}\n"])
    model.texts[1] = REST.rpartition("\n")[0] + "\n7 What you ca"
    found = await written(model)
    before, opening = model.asked[2]["begun"].split(f"\n{LINE_MARKS[-1]} ")
    assert (f"{before}\n{LINE_MARKS[-1]}", opening) == (page((*POEM, *TIPS)), CLOSINGS[0])
    assert found["closing"] == f"{opening} {CLOSING}", "what was cut off in the middle is not taken"
    assert [asked["attempt"] for asked in model.asked] == [0, 1, 2]
    assert [asked["cap"] for asked in model.asked] == [CAP, CAP, CAP // 2]


async def test_only_the_line_that_will_not_do_is_written_anew() -> None:
    bad = FIRST.replace(POEM[1], "You are worthless to them")
    model, heard = Scripted([bad, " sky is wide\nand so on\n", REST]), list[tuple[int, str]]()
    found = await written(model, heard)
    assert found["poem"][:2] == [POEM[0], POEM[2]]
    assert found["poem"][2].endswith(" sky is wide")
    assert [at for at, _ in heard] == [0, 1, 2, 3, 4, 5, 6]
    assert model.asked[1]["begun"].startswith(f"{page([POEM[0], POEM[2]])} ")
    assert model.asked[1]["stop"] == ["\n"], "it ends by itself with the line"


async def test_what_comes_to_nothing_twice_is_written_anew_as_a_whole() -> None:
    bad = FIRST.replace(POEM[1], "You are worthless to them")
    again = " moon is up,\n2 a boat goes out,\n3 and the tide with it.\nTips\n4"
    model = Scripted([bad, " ...\n", again, REST])
    found = await written(model)
    assert model.asked[2]["begun"].startswith(page(())), "its first line too"
    assert found["poem"][:2] == [POEM[0], POEM[2]], "what is good stays"
    assert found["poem"][2].endswith(" moon is up")


async def test_a_model_that_does_not_end_where_it_is_told_to_is_stopped() -> None:
    bad = FIRST.replace(POEM[1], "You are worthless to them")
    model = Scripted([bad.removesuffix("Tips\n4"), " sky is wide\nand so on\n", REST], ends=False)
    assert (await written(model))["poem"][2].endswith(" sky is wide")
    assert model.stopped[0] == model.asked[1]["begun"]


@pytest.mark.parametrize("telling", ["I will be your friend", "You are loved", "It's alright"])
async def test_a_tip_that_tells_is_broken_off_and_begun_with_another_verb(telling: str) -> None:
    rest = f" a walk along the shore\n6 {TIPS[2]}\nClosing\n7 {CLOSING}"
    model = Scripted([FIRST, REST.replace(TIPS[1], telling), rest])
    found = await written(model)
    assert model.asked[2]["begun"] == f"{page((*POEM, TIPS[0]))} {NEXT}"
    assert found["tips"] == [TIPS[0], f"{NEXT} a walk along the shore", TIPS[2]]
    assert found["closing"] == CLOSING, "the page went on from there"
    assert not any(line.startswith((VERB, NEXT)) for line in SHOWN)


async def test_after_a_few_tries_tips_that_tell_are_heard_out_and_taken_at_last() -> None:
    telling = f" a song\n5 The sky will be there\n6 The sea will too\nClosing\n7 {CLOSING}"
    model = Scripted([FIRST, telling, telling])
    found = await written(model)
    assert found["tips"] == [f"{VERB} a song", f"{NEXT} a song", "The sky will be there"]
    assert len(model.asked) == IMPATIENT + 1


async def test_a_poem_without_an_end_is_ended_and_the_tips_begun() -> None:
    endless = FIRST.replace("\nTips", "\n4 and on it goes,\n5 and on,\nTips")
    model = Scripted([endless, REST])
    assert (await written(model))["poem"] == POEM
    assert model.asked[1]["begun"] == BEGUN[1]


async def test_copies_of_the_examples_are_taken_when_nothing_better_comes() -> None:
    copy = next(line for line in sorted(SHOWN) if line.startswith("Tears make"))
    model = Scripted([FIRST, REST.replace(CLOSING, copy), " ...\n"])
    assert (await written(model))["closing"] == copy.rstrip(",;")
    assert [asked["attempt"] for asked in model.asked] == [0, 1, 2], "one more try was enough"


@pytest.mark.parametrize("text", ["", "...\n", "\n\n\n", "You are worthless\n" * 9, " die"])
async def test_a_model_that_cannot_is_given_up_and_the_last_fault_said(text: str) -> None:
    model, heard = Scripted([text]), list[tuple[int, str]]()
    said = rf"m:1 wrote no usable line in {REQUESTS} tries.*Nothing was sto"
    with pytest.raises(AnswerInvalid, match=said):
        await written(model, heard)
    assert len(model.asked) == REQUESTS
    assert heard == []


@pytest.mark.parametrize("primary", WHEEL.primaries)
def test_there_are_verbs_left_for_every_request(primary: str) -> None:
    shown = example_lines(primary)
    left = [verb for verb in VERBS if not any(line.startswith(verb) for line in shown)]
    assert len(left) >= REQUESTS
