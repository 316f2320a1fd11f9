// The `ollama` package of npm: generate, chat, embed, and what passes through.
import { createRequire } from "node:module";

const { Ollama } = createRequire(`${process.env.CLIENTS}/`)("ollama");
const { BASE_URL: host, MODEL: model, ASK: prompt } = process.env;
const options = { temperature: 0, seed: 7, num_predict: 12 };
const messages = [{ role: "user", content: prompt }];
const client = new Ollama({ host });

async function all(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

const unknown = await client.generate({ model: "nope:1b", prompt }).then(
  () => "",
  (error) => `${error.status_code} ${error.message}`,
);
const wrote = await client.generate({ model, prompt, options });
const pieces = await all(await client.generate({ model, prompt, options, stream: true }));
const said = await client.chat({ model, messages, options });
const chunks = await all(await client.chat({ model, messages, options, stream: true }));
const { embeddings } = await client.embed({ model, input: [prompt, "another"] });
console.log(
  JSON.stringify({
    texts: {
      generate: wrote.response,
      generate_streamed: pieces.map((piece) => piece.response).join(""),
      chat: said.message.content,
      chat_streamed: chunks.map((chunk) => chunk.message.content).join(""),
    },
    chunks: { generate_streamed: pieces.length, chat_streamed: chunks.length },
    embeddings,
    whole: [wrote, ...pieces, said, ...chunks],
    through: {
      list: (await client.list()).models.map((each) => each.name).sort(),
      show: (await client.show({ model })).model_info["general.architecture"],
      ps: (await client.ps()).models.map((each) => each.name),
      unknown,
    },
  }),
);
