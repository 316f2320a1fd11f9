"""instructor over openai: an answer under a schema, whole and as it is made."""

import json
import os
from typing import Literal

import instructor
import openai
from pydantic import BaseModel


class Feeling(BaseModel):
    """What is asked for."""

    word: Literal["happy", "sad"]


ASK = {
    "model": os.environ["MODEL"],
    "messages": [{"role": "user", "content": f'{os.environ["ASK"]} Say {{"word":"happy"}}'}],
    "temperature": 0,
    "seed": 7,
    "max_tokens": 40,
    "max_retries": 0,
}

client = instructor.from_openai(
    openai.OpenAI(base_url=f"{os.environ['BASE_URL']}/v1", api_key="none", max_retries=0),
    mode=instructor.Mode.JSON_SCHEMA,
)
feeling, answer = client.chat.completions.create_with_completion(response_model=Feeling, **ASK)
partial = list(client.chat.completions.create_partial(response_model=Feeling, **ASK))
print(
    json.dumps(
        {
            "texts": {"schema": feeling.word, "schema_streamed": partial[-1].word},
            "chunks": {"schema_streamed": len(partial)},
            "whole": answer.model_dump(mode="json"),
        }
    )
)
