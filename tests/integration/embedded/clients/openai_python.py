"""The `openai` package of PyPI against the engine at argv[1]; prints what came back as JSON."""

import json
import sys

import openai

MODEL = "smollm2:135m"
SCHEMA = json.loads(sys.argv[2])
HOW = {"model": MODEL, "temperature": 0, "max_tokens": 40}
QUESTION = [{"role": "user", "content": "I lost my keys. How do I feel?"}]
RESPOND = {"model": MODEL, "temperature": 0, "max_output_tokens": 40, "input": "Say hello."}

client = openai.OpenAI(base_url=f"{sys.argv[1]}/v1", api_key="none", max_retries=0)
try:
    client.chat.completions.create(model="nope:1b", messages=QUESTION)
    unknown = ""
except openai.NotFoundError as error:
    unknown = str(error)
try:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    client.chat.completions.create(model=MODEL, messages=QUESTION, tools=[tool])
    tools = ""
except openai.BadRequestError as error:
    tools = str(error)
usage = {"stream_options": {"include_usage": True}}
chunks = list(client.chat.completions.create(messages=QUESTION, stream=True, **HOW, **usage))
pieces = list(client.completions.create(prompt="Say hello.", stream=True, **HOW))
with client.responses.stream(**RESPOND) as stream:
    events = [event.type for event in stream]
    responded = stream.get_final_response().output_text
shape = {"type": "json_schema", "json_schema": {"name": "feeling", "schema": SCHEMA}}
print(
    json.dumps(
        {
            "list": [model.id for model in client.models.list()],
            "show": client.models.retrieve(MODEL).id,
            "generate": client.completions.create(prompt="Say hello.", **HOW).choices[0].text,
            "generate_streamed": "".join(piece.choices[0].text for piece in pieces),
            "chat": client.chat.completions.create(messages=QUESTION, **HOW)
            .choices[0]
            .message.content,
            "chat_streamed": "".join(
                chunk.choices[0].delta.content for chunk in chunks if chunk.choices
            ),
            "usage": chunks[-1].usage.completion_tokens,
            "structured": client.chat.completions.create(
                messages=QUESTION, response_format=shape, **HOW
            )
            .choices[0]
            .message.content,
            "respond": client.responses.create(**RESPOND).output_text,
            "respond_streamed": responded,
            "events": events,
            "embedding": len(
                # It asks for base64 and unpacks it.
                client.embeddings.create(model=MODEL, input="hello").data[0].embedding
            ),
            "unknown": unknown,
            "tools": tools,
        }
    )
)
