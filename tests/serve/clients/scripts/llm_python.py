"""llm with its plugin llm-ollama, which takes OLLAMA_HOST."""

import json
import os

os.environ["OLLAMA_HOST"] = os.environ["BASE_URL"]
import llm

MODEL, ASK = os.environ["MODEL"], os.environ["ASK"]
OPTIONS = {"temperature": 0, "seed": 7, "num_predict": 12}

model = llm.get_model(f"ollama/{MODEL}")
whole = model.prompt(ASK, stream=False, **OPTIONS)
text = whole.text()
streamed = list(model.prompt(ASK, stream=True, **OPTIONS))
print(
    json.dumps(
        {
            "texts": {"chat": text, "chat_streamed": "".join(streamed)},
            "chunks": {"chat_streamed": len(streamed)},
            "whole": whole.response_json,
        }
    )
)
