// The `openai` package of npm: chat, responses and embeddings.
import { createRequire } from "node:module";

const { OpenAI } = createRequire(`${process.env.CLIENTS}/`)("openai");
const { BASE_URL, MODEL: model, ASK } = process.env;
const messages = [{ role: "user", content: ASK }];
const how = { model, messages, temperature: 0, seed: 7, max_tokens: 12 };
const answering = { model, input: ASK, temperature: 0, max_output_tokens: 12 };
const client = new OpenAI({ baseURL: `${BASE_URL}/v1`, apiKey: "none", maxRetries: 0 });

async function all(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

const unknown = await client.chat.completions.create({ ...how, model: "nope:1b" }).then(
  () => "",
  (error) => `${error.status} ${error.error.message}`,
);
const { data: chat, response } = await client.chat.completions.create(how).withResponse();
const chunks = await all(await client.chat.completions.create({ ...how, stream: true }));
const answer = await client.responses.create(answering);
const events = await all(await client.responses.create({ ...answering, stream: true }));
const embeddings = await client.embeddings.create({ model, input: [ASK, "another"] });
console.log(
  JSON.stringify({
    texts: {
      chat: chat.choices[0].message.content,
      chat_streamed: chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""),
      responses: answer.output_text,
      responses_streamed: events
        .filter((event) => event.type === "response.output_text.delta")
        .map((event) => event.delta)
        .join(""),
    },
    chunks: { chat_streamed: chunks.length, responses_streamed: events.length },
    embeddings: embeddings.data.map((each) => each.embedding),
    whole: [chat, ...chunks, answer, ...events],
    through: { models: (await client.models.list()).data.map((each) => each.id), unknown },
    cache_status: response.headers.get("cache-status"),
  }),
);
