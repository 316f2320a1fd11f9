"""The `ollama` package of PyPI against the engine at argv[1]; prints what came back as JSON."""

import json
import sys

import ollama

MODEL = "smollm2:135m"
SCHEMA = json.loads(sys.argv[2])
OPTIONS = {"temperature": 0, "num_predict": 40}
QUESTION = [{"role": "user", "content": "I lost my keys. How do I feel?"}]

client = ollama.Client(host=sys.argv[1])
try:
    client.generate(model="nope:1b", prompt="x")
    unknown = ""
except ollama.ResponseError as error:
    unknown = f"{error.status_code} {error.error}"
chunks = list(client.chat(model=MODEL, messages=QUESTION, options=OPTIONS, stream=True))
pieces = list(client.generate(model=MODEL, prompt="Say hello.", options=OPTIONS, stream=True))
print(
    json.dumps(
        {
            "list": [model.model for model in client.list().models],
            "show": client.show(MODEL).modelinfo["general.architecture"],
            "ps": [model.model for model in client.ps().models],
            "generate": client.generate(model=MODEL, prompt="Say hello.", options=OPTIONS).response,
            "generate_streamed": "".join(piece.response for piece in pieces),
            "chat": client.chat(model=MODEL, messages=QUESTION, options=OPTIONS).message.content,
            "chat_streamed": "".join(chunk.message.content or "" for chunk in chunks),
            "structured": client.chat(
                model=MODEL, messages=QUESTION, options=OPTIONS, format=SCHEMA
            ).message.content,
            "embedding": len(client.embed(model=MODEL, input="hello").embeddings[0]),
            "pull": client.pull(MODEL).status,
            "unknown": unknown,
        }
    )
)
