// Asks the server for text and hands over what comes, chunk by chunk.

/** An answer with an error status, or an error in the middle of a stream. */
export class ServerError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Headers of every request: the key, where there is one. */
export function headers(key) {
  return key ? { Authorization: "Bearer " + key } : {};
}

/** An object from a path. */
export async function ask(path, key) {
  const response = await fetch(path, { headers: headers(key) });
  await requireOk(response);
  return response.json();
}

/** How many tokens a text has. */
export async function count(text, key, signal) {
  const response = await fetch("/tokenize", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers(key) },
    body: JSON.stringify({ content: text, add_special: true }),
    signal,
  });
  await requireOk(response);
  return (await response.json()).tokens.length;
}

async function requireOk(response) {
  if (!response.ok) {
    const body = await response.json().catch(() => null);
    const message = body?.error?.message ?? response.status + " " + response.statusText;
    throw new ServerError(response.status, message);
  }
}

/** The chunks of a streamed completion, as they come. */
export async function* complete(request, key, signal) {
  const response = await fetch("/v1/completions", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers(key) },
    body: JSON.stringify({ ...request, stream: true }),
    signal,
  });
  await requireOk(response);
  for await (const event of events(response.body)) {
    if (event === "[DONE]") {
      return;
    }
    const chunk = JSON.parse(event);
    if (chunk.error) {
      throw new ServerError(chunk.error.code, chunk.error.message);
    }
    yield chunk;
  }
  throw new ServerError(0, "the answer broke off");
}

/** The data of server-sent events, each of which is one line here. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const lines = (held + value).split("\n");
    held = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data: ")) {
        yield line.slice(6);
      }
    }
  }
}
