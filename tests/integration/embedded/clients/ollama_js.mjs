// The `ollama` package of npm against the engine at argv[2]; prints what came back as JSON.
// argv[4] is the folder that holds its node_modules.
import { createRequire } from "node:module";
import { join } from "node:path";

const [, , host, schema, folder] = process.argv;
const { Ollama } = createRequire(join(folder, "package.json"))("ollama");

const model = "smollm2:135m";
const options = { temperature: 0, num_predict: 40 };
const messages = [{ role: "user", content: "I lost my keys. How do I feel?" }];
const client = new Ollama({ host });

async function joined(stream, text) {
  let all = "";
  for await (const part of await stream) all += text(part);
  return all;
}

const unknown = await client.generate({ model: "nope:1b", prompt: "x" }).then(
  () => "",
  (error) => `${error.status_code} ${error.message}`,
);
const hello = { model, prompt: "Say hello.", options };
const chat = { model, messages, options };
const aborting = new Ollama({ host });
const long = await aborting.generate({ model, prompt: "1, 2, 3, 4,", raw: true, stream: true });
let aborted = "";
try {
  for await (const part of long) {
    if (part.response) aborting.abort();
  }
} catch (error) {
  aborted = error.name;
}
console.log(
  JSON.stringify({
    list: (await client.list()).models.map((each) => each.name),
    show: (await client.show({ model })).model_info["general.architecture"],
    ps: (await client.ps()).models.map((each) => each.name),
    generate: (await client.generate(hello)).response,
    generate_streamed: await joined(client.generate({ ...hello, stream: true }), (p) => p.response),
    chat: (await client.chat(chat)).message.content,
    chat_streamed: await joined(client.chat({ ...chat, stream: true }), (p) => p.message.content),
    structured: (await client.chat({ ...chat, format: JSON.parse(schema) })).message.content,
    embedding: (await client.embed({ model, input: "hello" })).embeddings[0].length,
    pull: await joined(client.pull({ model, stream: true }), (p) => `${p.status}\n`),
    aborted,
    unknown,
  }),
);
