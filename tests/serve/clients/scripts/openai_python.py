"""The `openai` package of PyPI: chat, completions, responses and embeddings, with their headers."""

import json
import os

import openai

MODEL, ASK = os.environ["MODEL"], os.environ["ASK"]
HOW = {"model": MODEL, "temperature": 0, "seed": 7, "max_tokens": 12}
QUESTION = [{"role": "user", "content": ASK}]

client = openai.OpenAI(base_url=f"{os.environ['BASE_URL']}/v1", api_key="none", max_retries=0)
try:
    client.chat.completions.create(model="nope:1b", messages=QUESTION)
    unknown = ""
except openai.NotFoundError as error:
    unknown = f"{error.status_code} {error.body['message']}"
answer = client.chat.completions.with_raw_response.create(messages=QUESTION, **HOW)
chat = answer.parse()
chunks = list(
    client.chat.completions.create(
        messages=QUESTION, stream=True, stream_options={"include_usage": True}, **HOW
    )
)
completion = client.completions.create(prompt=ASK, **HOW)
pieces = list(client.completions.create(prompt=ASK, stream=True, **HOW))
answering = {"model": MODEL, "input": ASK, "temperature": 0, "max_output_tokens": 12}
response = client.responses.create(**answering)
events = list(client.responses.create(stream=True, **answering))
embeddings = client.embeddings.create(model=MODEL, input=[ASK, "another"])
print(
    json.dumps(
        {
            "texts": {
                "chat": chat.choices[0].message.content,
                "chat_streamed": "".join(
                    choice.delta.content or "" for chunk in chunks for choice in chunk.choices
                ),
                "completions": completion.choices[0].text,
                "completions_streamed": "".join(
                    choice.text for piece in pieces for choice in piece.choices
                ),
                "responses": response.output_text,
                "responses_streamed": "".join(
                    event.delta for event in events if event.type == "response.output_text.delta"
                ),
            },
            "chunks": {
                "chat_streamed": len(chunks),
                "completions_streamed": len(pieces),
                "responses_streamed": len(events),
            },
            "embeddings": [each.embedding for each in embeddings.data],
            "whole": [
                part.model_dump(mode="json")
                for part in (chat, *chunks, completion, *pieces, response, *events)
            ],
            "through": {
                "models": [each.id for each in client.models.list()],
                "unknown": unknown,
            },
            "cache_status": answer.headers.get("cache-status"),
        }
    )
)
