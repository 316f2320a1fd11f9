"""llama-index-llms-ollama: complete (a chat of one message there) and chat."""

import json
import os

from llama_index.core.llms import ChatMessage
from llama_index.llms.ollama import Ollama

ASK = os.environ["ASK"]

llm = Ollama(
    model=os.environ["MODEL"],
    base_url=os.environ["BASE_URL"],
    temperature=0,
    request_timeout=300,
    additional_kwargs={"seed": 7, "num_predict": 12},
)
chat = llm.chat([ChatMessage(role="user", content=ASK)])
chunks = list(llm.stream_chat([ChatMessage(role="user", content=ASK)]))
pieces = list(llm.stream_complete(f"{ASK} Now."))
print(
    json.dumps(
        {
            "texts": {
                "chat": chat.message.content,
                "chat_streamed": "".join(chunk.delta or "" for chunk in chunks),
                "complete": llm.complete(f"{ASK} Now.").text,
                "complete_streamed": "".join(piece.delta or "" for piece in pieces),
            },
            "chunks": {"chat_streamed": len(chunks), "complete_streamed": len(pieces)},
            "whole": [chat.raw["created_at"], *(chunk.raw["created_at"] for chunk in chunks)],
        }
    )
)
