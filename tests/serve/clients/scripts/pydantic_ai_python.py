"""pydantic-ai with its Ollama provider: a run, and a streamed one."""

import asyncio
import json
import os

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.ollama import OllamaProvider

ASK = os.environ["ASK"]


async def main():
    """Run both and print what came."""
    provider = OllamaProvider(base_url=f"{os.environ['BASE_URL']}/v1", api_key="none")
    model = OpenAIChatModel(os.environ["MODEL"], provider=provider)
    # Its own max_tokens goes out under a name that Ollama does not know.
    settings = {"temperature": 0, "seed": 7, "extra_body": {"max_tokens": 12}}
    agent = Agent(model, model_settings=settings)
    run = await agent.run(ASK)
    async with agent.run_stream(ASK) as result:
        parts = [part async for part in result.stream_text(delta=True, debounce_by=None)]
    print(
        json.dumps(
            {
                "texts": {"run": run.output, "run_streamed": "".join(parts)},
                "chunks": {"run_streamed": len(parts)},
                "whole": [run.usage.input_tokens, run.usage.output_tokens],
            }
        )
    )


asyncio.run(main())
