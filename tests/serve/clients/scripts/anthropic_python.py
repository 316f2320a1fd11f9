"""The `anthropic` package of PyPI: messages."""

import json
import os

import anthropic

ASK = {
    "model": os.environ["MODEL"],
    "messages": [{"role": "user", "content": os.environ["ASK"]}],
    "max_tokens": 12,
    # It has no parameter for it any more; Ollama still takes it.
    "extra_body": {"temperature": 0},
}

client = anthropic.Anthropic(base_url=os.environ["BASE_URL"], api_key="none", max_retries=0)
answer = client.messages.with_raw_response.create(**ASK)
message = answer.parse()
events = list(client.messages.create(stream=True, **ASK))
print(
    json.dumps(
        {
            "texts": {
                "messages": message.content[0].text,
                "messages_streamed": "".join(
                    event.delta.text
                    for event in events
                    if event.type == "content_block_delta" and event.delta.type == "text_delta"
                ),
            },
            "chunks": {"messages_streamed": len(events)},
            "whole": [part.model_dump(mode="json") for part in (message, *events)],
            "cache_status": answer.headers.get("cache-status"),
        }
    )
)
