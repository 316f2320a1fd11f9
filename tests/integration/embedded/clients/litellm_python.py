"""litellm against the engine at argv[1], by both of its Ollama routes; prints JSON."""

import json
import sys

import litellm

MODEL = "smollm2:135m"
SCHEMA = json.loads(sys.argv[2])
HELLO = [{"role": "user", "content": "Say hello."}]
QUESTION = [{"role": "user", "content": "I lost my keys. How do I feel?"}]
HOW = {"api_base": sys.argv[1], "temperature": 0, "max_tokens": 40}

litellm.suppress_debug_info = True


def whole(route, messages, **more):
    """The text of one completion."""
    answer = litellm.completion(model=f"{route}/{MODEL}", messages=messages, **HOW, **more)
    return answer.choices[0].message.content


def streamed(route, messages):
    """The text of one streamed completion."""
    chunks = litellm.completion(model=f"{route}/{MODEL}", messages=messages, stream=True, **HOW)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


try:
    litellm.completion(model="ollama_chat/nope:1b", messages=HELLO, **HOW)
    unknown = ""
except Exception as error:
    unknown = str(error)
shape = {"type": "json_schema", "json_schema": {"name": "feeling", "schema": SCHEMA}}
print(
    json.dumps(
        {
            "show": litellm.get_model_info(f"ollama/{MODEL}", api_base=sys.argv[1])["key"],
            "generate": whole("ollama", HELLO),
            "generate_streamed": streamed("ollama", HELLO),
            "chat": whole("ollama_chat", QUESTION),
            "chat_streamed": streamed("ollama_chat", QUESTION),
            "structured": whole("ollama_chat", QUESTION, response_format=shape),
            "embedding": len(
                litellm.embedding(
                    model=f"ollama/{MODEL}", input=["hello"], api_base=sys.argv[1]
                ).data[0]["embedding"]
            ),
            "unknown": unknown,
        }
    )
)
