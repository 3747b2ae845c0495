// Drives a server through OpenAI's official client. Arguments: base URL, name of the model.
import assert from "node:assert/strict";
import OpenAI from "openai";

const [baseURL, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });
const greedy = { model, temperature: 0, max_tokens: 24 };
const prompt = "Once upon a time";

const models = await client.models.list();
assert.deepEqual(models.data.map((one) => one.id), [model]);
assert.equal((await client.models.retrieve(model)).id, model);

const whole = await client.completions.create({ ...greedy, prompt });
assert.equal(whole.object, "text_completion");
assert.equal(whole.choices[0].finish_reason, "length");
assert.equal(whole.usage.completion_tokens, 24);

const stream = await client.completions.create({
  ...greedy,
  prompt,
  stream: true,
  stream_options: { include_usage: true },
});
let text = "";
let chunks = 0;
let usage = null;
for await (const chunk of stream) {
  text += chunk.choices[0]?.text ?? "";
  chunks++;
  usage = chunk.usage ?? usage;
}
assert.equal(text, whole.choices[0].text);
assert.ok(chunks > 20, `${chunks} chunks`);
assert.equal(usage.total_tokens, whole.usage.total_tokens);

const scored = await client.completions.create({
  ...greedy,
  prompt: [[1, 2, 3], [4, 5]],
  max_tokens: 1,
  echo: true,
  logprobs: 1,
});
assert.equal(scored.choices.length, 2);
assert.equal(scored.choices[0].logprobs.token_logprobs.length, 4);
assert.equal(scored.choices[1].logprobs.tokens.length, 3);

const aborted = new AbortController();
const endless = await client.completions.create(
  { ...greedy, prompt, max_tokens: 480, stream: true, ...{ ignore_eos: true } },
  { signal: aborted.signal },
);
let seen = 0;
for await (const _ of endless) {
  if (++seen === 5) {
    aborted.abort();
  }
}
assert.ok(seen < 480, `${seen} chunks after the abort`);

await assert.rejects(
  client.completions.create({ ...greedy, prompt, max_tokens: "many" }),
  (error) => error instanceof OpenAI.BadRequestError && /max_tokens/.test(error.message),
);

const messages = [
  { role: "system", content: "Tell tales." },
  { role: "user", content: "Tell me of a king." },
];
const answer = await client.chat.completions.create({ ...greedy, messages, logprobs: true });
assert.equal(answer.choices[0].message.role, "assistant");
assert.equal(answer.choices[0].logprobs.content.length, 24);
let told = "";
const roles = [];
for await (const chunk of await client.chat.completions.create({
  ...greedy,
  messages,
  stream: true,
})) {
  told += chunk.choices[0].delta.content ?? "";
  roles.push(chunk.choices[0].delta.role);
}
assert.equal(told, answer.choices[0].message.content);
assert.deepEqual(roles.filter(Boolean), ["assistant"]);

console.log(JSON.stringify({ text }));
