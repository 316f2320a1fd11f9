"""What goes over the wire, and what is made of what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from refrain_sidecar.inference.ollama import replies
from refrain_sidecar.inference.ollama.bodies import chat_body, generate_body, load_body
from refrain_sidecar.inference.ollama.messages import (
    ChatRequest,
    Chunk,
    EngineVersion,
    Finish,
    GenerateRequest,
    Message,
    TokenLogprobs,
)
from refrain_sidecar.inference.ollama.replies import MalformedReply

SCHEMA = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "string"}}}


def test_thinking_is_switched_off_unless_asked_for() -> None:
    assert generate_body(GenerateRequest("m", "p"))["think"] is False
    assert generate_body(GenerateRequest("m", "p", think=True))["think"] is True
    assert chat_body(ChatRequest("m", (), think="low"))["think"] == "low"


def test_a_bare_request_says_no_more_than_it_must() -> None:
    assert generate_body(GenerateRequest("m", "p")) == {
        "model": "m",
        "prompt": "p",
        "stream": True,
        "think": False,
        "options": {},
        "truncate": False,
    }


def test_a_full_request_says_everything() -> None:
    request = GenerateRequest(
        "m",
        "p",
        system="s",
        raw=True,
        format=SCHEMA,
        options={"num_ctx": 2048},
        keep_alive="30m",
        images=(b"\x89PNG",),
        top_logprobs=20,
        logprob_tokens=(" sad", " glad"),
    )

    body = generate_body(request, stream=False)

    assert body == {
        "model": "m",
        "prompt": "p",
        "system": "s",
        "raw": True,
        "format": SCHEMA,
        "stream": False,
        "think": False,
        "options": {"num_ctx": 2048},
        "truncate": False,
        "keep_alive": "30m",
        "images": ["iVBORw=="],
        "logprobs": True,
        "top_logprobs": 20,
        "logprob_tokens": [" sad", " glad"],
    }
    assert list(body["format"]["properties"]) == ["b", "a"], "the order of keys is the model's"


def test_a_chat_keeps_its_turns_and_is_never_cut() -> None:
    request = ChatRequest(
        "m",
        (
            Message("system", "be brief"),
            Message("user", "what is it?", images=(b"img",)),
            Message("assistant", "a cat"),
        ),
    )

    body = chat_body(request)

    assert body["truncate"] is False
    assert body["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "what is it?", "images": ["aW1n"]},
        {"role": "assistant", "content": "a cat"},
    ]


def test_loading_sends_the_options_and_no_prompt() -> None:
    assert load_body("m", {"num_ctx": 2048}, 0) == {
        "model": "m",
        "stream": False,
        "options": {"num_ctx": 2048},
        "keep_alive": 0,
    }


def test_the_last_line_of_an_answer_carries_its_durations_in_ms() -> None:
    chunk = replies.generate_chunk(
        {
            "model": "m",
            "response": "",
            "done": True,
            "done_reason": "length",
            "total_duration": 5_043_500_667,
            "load_duration": 5_025_959,
            "prompt_eval_count": 26,
            "prompt_eval_duration": 325_953_000,
            "eval_count": 290,
            "eval_duration": 4_709_213_000,
        }
    )

    assert chunk == Chunk(
        "",
        finish=Finish(
            done_reason="length",
            prompt_tokens=26,
            tokens=290,
            load_ms=5.025959,
            prompt_ms=325.953,
            decode_ms=4709.213,
            total_ms=5043.500667,
        ),
    )


def test_log_probabilities_keep_the_order_of_their_alternatives() -> None:
    chunk = replies.generate_chunk(
        {
            "response": "sad",
            "done": False,
            "logprobs": [
                {
                    "token": "sad",
                    "logprob": -0.25,
                    "bytes": [115, 97, 100],
                    "top_logprobs": [
                        {"token": "sad", "logprob": -0.25},
                        {"token": "low", "logprob": -2},
                    ],
                }
            ],
        }
    )

    assert chunk.logprobs == (TokenLogprobs("sad", -0.25, (("sad", -0.25), ("low", -2.0))),)


def test_a_chat_piece_carries_text_and_thought() -> None:
    message = {"role": "assistant", "content": "a", "thinking": "hm"}

    assert replies.chat_chunk({"message": message, "done": False}) == Chunk("a", thinking="hm")


@pytest.mark.parametrize(
    ("reply", "version"),
    [
        ({"version": "0.33.1"}, EngineVersion("0.33.1", 20)),
        ({"version": "1", "refrain": {"max_top_logprobs": 512}}, EngineVersion("1", 512)),
        (
            {"version": "1", "refrain": {"max_top_logprobs": 512, "keeps_prompts": True}},
            EngineVersion("1", 512, keeps_prompts=True),
        ),
    ],
)
def test_an_engine_may_offer_more_log_probabilities_than_ollama(
    reply: dict[str, Any], version: EngineVersion
) -> None:
    assert replies.version(reply) == version


def test_no_models_is_an_empty_list_also_when_it_is_null() -> None:
    assert replies.tags({"models": []}) == replies.tags({"models": None}) == ()
    assert replies.running({"models": None}) == ()


@pytest.mark.parametrize(
    ("read", "reply"),
    [
        (replies.version, {}),
        (replies.version, {"version": None}),
        (replies.tags, {"models": [{"name": "m"}]}),
        (replies.tags, {"models": 7}),
        (replies.generate_chunk, {"response": ["a"]}),
        (replies.generate_chunk, {"response": "a", "logprobs": [{"token": "a"}]}),
        (replies.generate_chunk, {"response": "a", "done": True, "eval_count": "many"}),
        (replies.chat_chunk, {"message": "hello"}),
    ],
)
def test_a_reply_of_another_shape_is_malformed(read: Any, reply: dict[str, Any]) -> None:
    with pytest.raises(MalformedReply):
        read(reply)
