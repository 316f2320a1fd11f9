"""What of a text that is far too long llama.cpp gets to read."""

from __future__ import annotations

from types import SimpleNamespace

from tests.faults.inference.misbehaving import Exchange, MisbehavingServer

from refrain_sidecar.inference.embedded.llama import LONGEST_TOKEN, LlamaServer, Loading

START, END = "once upon a time ", " happily ever after"
LONG = START + "word " * 1_000_000 + END


async def everything(exchange: Exchange) -> None:
    await exchange.reply(200, {"tokens": [1], "content": "x", "prompt": "x"})


async def test_of_a_text_too_long_only_both_ends_are_read() -> None:
    native = MisbehavingServer([everything])
    await native.start()
    llama = LlamaServer(SimpleNamespace(listening_address=native.url), "key", Loading(512, 1))
    short = START + "word " * 1000 + END
    for text in (short, LONG):
        await llama.tokenize(text)
        await llama.prompt_of([{"role": "user", "content": text}])
        async with llama.completion({"prompt": text, "n_predict": 1}):
            pass
    await llama.detokenize([5] * 1_000_000)
    await llama.unload()
    await native.stop()

    *asked, tokens = [exchange.json for exchange in native.requests]
    texts = [
        body.get("content") or body.get("prompt") or body["messages"][0]["content"]
        for body in asked
    ]
    assert texts[:3] == [short] * 3
    for text in texts[3:]:
        assert text.startswith(START)
        assert text.endswith(END)
        # Each end alone fills the context whatever its tokens are, so none that is kept is lost.
        assert len(text) == 2 * 512 * LONGEST_TOKEN
    assert len(tokens["tokens"]) <= 2 * 512 * LONGEST_TOKEN
