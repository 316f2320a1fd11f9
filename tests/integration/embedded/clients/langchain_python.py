"""langchain-ollama against the engine at argv[1]; prints what came back as JSON."""

import json
import sys

from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM

MODEL = "smollm2:135m"
SCHEMA = {"title": "Feeling", "description": "A feeling.", **json.loads(sys.argv[2])}
QUESTION = [("human", "I lost my keys. How do I feel?")]

how = {"base_url": sys.argv[1], "temperature": 0, "num_predict": 40}
llm = OllamaLLM(model=MODEL, **how)
chat = ChatOllama(model=MODEL, **how)
structured = chat.with_structured_output(SCHEMA, method="json_schema")
try:
    ChatOllama(model="nope:1b", **how).invoke(QUESTION)
    unknown = ""
except Exception as error:
    unknown = str(error)
print(
    json.dumps(
        {
            "generate": llm.invoke("Say hello."),
            "generate_streamed": "".join(llm.stream("Say hello.")),
            "chat": chat.invoke(QUESTION).content,
            "chat_streamed": "".join(str(chunk.content) for chunk in chat.stream(QUESTION)),
            "structured": json.dumps(structured.invoke(QUESTION)),
            "embedding": len(
                OllamaEmbeddings(model=MODEL, base_url=sys.argv[1]).embed_query("hello")
            ),
            "unknown": unknown,
        }
    )
)
