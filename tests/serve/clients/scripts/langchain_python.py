"""langchain-ollama: OllamaLLM, ChatOllama (which always streams) and OllamaEmbeddings."""

import json
import os

from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM

MODEL, ASK, URL = os.environ["MODEL"], os.environ["ASK"], os.environ["BASE_URL"]
HOW = {"model": MODEL, "base_url": URL, "temperature": 0, "seed": 7, "num_predict": 12}

llm, chat = OllamaLLM(**HOW), ChatOllama(**HOW)
embeddings = OllamaEmbeddings(model=MODEL, base_url=URL)
pieces = list(llm.stream(ASK))
message = chat.invoke(ASK)
chunks = list(chat.stream(ASK))
print(
    json.dumps(
        {
            "texts": {
                "generate": llm.invoke(ASK),
                "generate_streamed": "".join(pieces),
                "chat": message.content,
                "chat_streamed": "".join(chunk.content for chunk in chunks),
            },
            "chunks": {"generate_streamed": len(pieces), "chat_streamed": len(chunks)},
            "embeddings": embeddings.embed_documents([ASK, "another"]),
            "whole": [message.response_metadata, *(chunk.response_metadata for chunk in chunks)],
        }
    )
)
