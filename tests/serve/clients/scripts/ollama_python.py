"""The `ollama` package of PyPI: generate, chat, embed, embeddings, and what passes through."""

import json
import os

import ollama

MODEL, ASK = os.environ["MODEL"], os.environ["ASK"]
OPTIONS = {"temperature": 0, "seed": 7, "num_predict": 12}
QUESTION = [{"role": "user", "content": ASK}]

client = ollama.Client(host=os.environ["BASE_URL"])
try:
    client.generate(model="nope:1b", prompt="x")
    unknown = ""
except ollama.ResponseError as error:
    unknown = f"{error.status_code} {error.error}"
wrote = client.generate(model=MODEL, prompt=ASK, options=OPTIONS)
pieces = list(client.generate(model=MODEL, prompt=ASK, options=OPTIONS, stream=True))
said = client.chat(model=MODEL, messages=QUESTION, options=OPTIONS)
chunks = list(client.chat(model=MODEL, messages=QUESTION, options=OPTIONS, stream=True))
embed = client.embed(model=MODEL, input=[ASK, "another"])
embeddings = client.embeddings(model=MODEL, prompt=ASK)
print(
    json.dumps(
        {
            "texts": {
                "generate": wrote.response,
                "generate_streamed": "".join(piece.response for piece in pieces),
                "chat": said.message.content,
                "chat_streamed": "".join(chunk.message.content for chunk in chunks),
            },
            "chunks": {"generate_streamed": len(pieces), "chat_streamed": len(chunks)},
            "embeddings": [*embed.embeddings, embeddings.embedding],
            "whole": [part.model_dump(mode="json") for part in (wrote, *pieces, said, *chunks)],
            "through": {
                "list": sorted(each.model for each in client.list().models),
                "show": client.show(MODEL).modelinfo["general.architecture"],
                "ps": [each.model for each in client.ps().models],
                "unknown": unknown,
            },
        }
    )
)
