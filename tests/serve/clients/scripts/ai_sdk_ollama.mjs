// Vercel's AI SDK with ollama-ai-provider-v2: generateText, streamText, embedMany.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.CLIENTS}/`);
const { embedMany, generateText, streamText } = require("ai");
const { createOllama } = require("ollama-ai-provider-v2");
const { BASE_URL, MODEL, ASK: prompt } = process.env;
const provider = createOllama({ baseURL: `${BASE_URL}/api` });
// The SDK's own settings go out at the top level, where Ollama looks for none.
const options = { temperature: 0, seed: 7, num_predict: 12 };
const how = { model: provider(MODEL), prompt, providerOptions: { ollama: { options } }, maxRetries: 0 };

const whole = await generateText(how);
const streamed = streamText(how);
const parts = [];
for await (const part of streamed.textStream) parts.push(part);
const { embeddings } = await embedMany({
  model: provider.textEmbeddingModel(MODEL),
  values: [prompt, "another"],
});
console.log(
  JSON.stringify({
    texts: { chat: whole.text, chat_streamed: parts.join("") },
    chunks: { chat_streamed: parts.length },
    embeddings,
    whole: whole.usage,
    cache_status: whole.response.headers["cache-status"] ?? null,
  }),
);
