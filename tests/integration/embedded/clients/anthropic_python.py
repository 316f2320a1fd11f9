"""The `anthropic` package of PyPI against the engine at argv[1]; prints what came back as JSON."""

import json
import sys

import anthropic

HOW = {
    "model": "smollm2:135m",
    "max_tokens": 40,
    "system": "You name feelings.",
    "messages": [{"role": "user", "content": "I lost my keys. How do I feel?"}],
    # The package itself has no word for it any more.
    "extra_body": {"temperature": 0},
}

client = anthropic.Anthropic(base_url=sys.argv[1], api_key="none", max_retries=0)
try:
    client.messages.create(**{**HOW, "model": "nope:1b"})
    unknown = ""
except anthropic.NotFoundError as error:
    unknown = str(error)
with client.messages.stream(**HOW) as stream:
    streamed = "".join(stream.text_stream)
    final = stream.get_final_message()
whole = client.messages.create(**HOW)
print(
    json.dumps(
        {
            "chat": whole.content[0].text,
            "chat_streamed": streamed,
            "usage": whole.usage.model_dump() == final.usage.model_dump(),
            "stop_reason": final.stop_reason,
            "unknown": unknown,
        }
    )
)
