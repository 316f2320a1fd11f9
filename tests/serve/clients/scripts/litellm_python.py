"""litellm by its three ways: ollama, ollama_chat and openai; and its embeddings."""

import json
import os

# Its import fetches a price list from the network otherwise.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm

MODEL, ASK, URL = os.environ["MODEL"], os.environ["ASK"], os.environ["BASE_URL"]
WAYS = {"ollama": URL, "ollama_chat": URL, "openai": f"{URL}/v1"}
litellm.suppress_debug_info = True


def complete(way, **more):
    """One completion by `way`."""
    return litellm.completion(
        model=f"{way}/{MODEL}",
        messages=[{"role": "user", "content": ASK}],
        api_base=WAYS[way],
        api_key="none",
        temperature=0,
        seed=7,
        max_tokens=12,
        **more,
    )


texts, chunks = {}, {}
for way in WAYS:
    texts[way] = complete(way).choices[0].message.content
    parts = list(complete(way, stream=True))
    texts[f"{way}_streamed"] = "".join(part.choices[0].delta.content or "" for part in parts)
    chunks[f"{way}_streamed"] = len(parts)
embeddings = litellm.embedding(model=f"ollama/{MODEL}", input=[ASK, "another"], api_base=URL)
print(
    json.dumps(
        {
            "texts": texts,
            "chunks": chunks,
            "embeddings": [each["embedding"] for each in embeddings.data],
        }
    )
)
