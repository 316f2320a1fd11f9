// Vercel's AI SDK with @ai-sdk/openai-compatible: generateText, streamText, embedMany.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.CLIENTS}/`);
const { embedMany, generateText, streamText } = require("ai");
const { createOpenAICompatible } = require("@ai-sdk/openai-compatible");
const { BASE_URL, MODEL, ASK: prompt } = process.env;
const provider = createOpenAICompatible({ name: "ollama", baseURL: `${BASE_URL}/v1` });
const settings = { temperature: 0, seed: 7, maxOutputTokens: 12, maxRetries: 0 };
const how = { model: provider(MODEL), prompt, ...settings };

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
    whole: [whole.response.id, whole.response.timestamp, whole.usage, (await streamed.response).id],
    cache_status: whole.response.headers["cache-status"] ?? null,
  }),
);
