import { Experts } from "./experts.js";
import { ServerError, ask, complete, count } from "./stream.js";
import { Tokens, visible } from "./tokens.js";

const ALTERNATIVES = 5;

/** Name in requests, label, least, most, step, default; the server says what its defaults are. */
const KNOBS = [
  ["max_tokens", "Length", 1, 1024, 1, 120],
  ["temperature", "Temperature", 0, 2, 0.05, 0.8],
  ["top_k", "Top-k", 0, 200, 1, 40],
  ["top_p", "Top-p", 0, 1, 0.01, 0.95],
  ["min_p", "Min-p", 0, 1, 0.01, 0.05],
  ["repeat_penalty", "Repeat penalty", 0.5, 2, 0.05, 1],
];

const element = (id) => document.getElementById(id);
const prompt = element("prompt");
const status = element("status");
const tip = element("tip");

let key = "";
let running = null;

const experts = new Experts(element("grid"), element("cell"), (cell) => {
  tokens.mark((token) => cell !== null && uses(token, cell));
});
const tokens = new Tokens(element("tokens"), (index) => look(index));

function uses(token, cell) {
  const used = token.layers?.find((one) => one.layer === cell.layer);
  return used !== undefined && used.experts.includes(cell.expert);
}

// What is shown of one token

function look(index) {
  const token = tokens.list[index];
  const latest = tokens.list.findLast((one) => one.layers);
  experts.show(token ?? latest ?? null);
  tip.hidden = token === undefined;
  if (token !== undefined) {
    describe(token);
    place(token.span.getClientRects()[0] ?? token.span.getBoundingClientRect());
  }
}

function line(className, ...texts) {
  const row = document.createElement("div");
  row.className = className;
  for (const text of texts) {
    const span = document.createElement("span");
    span.textContent = text;
    row.append(span);
  }
  row.lastElementChild.className = "number";
  return row;
}

function percent(probability) {
  const share = 100 * probability;
  return share >= 0.1 || share === 0 ? share.toFixed(1) + " %" : "< 0.1 %";
}

function describe(token) {
  const known = token.probability !== null;
  tip.replaceChildren(line("title", visible(token.name), known ? percent(token.probability) : ""));
  if (!known) {
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = "The first token: nothing precedes it.";
    tip.append(note);
    return;
  }
  for (const [name, probability] of token.alternatives) {
    const row = line("row", visible(name), percent(probability));
    row.classList.toggle("taken", name === token.name);
    const bar = document.createElement("div");
    bar.className = "bar";
    bar.style.setProperty("--share", (100 * probability).toFixed(1) + "%");
    row.prepend(bar);
    tip.append(row);
  }
}

function place(box) {
  const width = tip.offsetWidth;
  const left = Math.min(Math.max(8, box.left), document.documentElement.clientWidth - width - 8);
  const below = box.bottom + 8;
  const fits = below + tip.offsetHeight < window.innerHeight;
  const top = fits ? below : box.top - tip.offsetHeight - 8;
  tip.style.left = left + window.scrollX + "px";
  tip.style.top = top + window.scrollY + "px";
}

// Generating

function say(text, isError) {
  status.textContent = text;
  status.classList.toggle("error", Boolean(isError));
}

function request() {
  const wanted = { prompt: prompt.value, echo: true, logprobs: ALTERNATIVES, experts: true };
  for (const [name] of KNOBS) {
    wanted[name] = Number(element("knob-" + name).value);
  }
  const seed = element("knob-seed").value.trim();
  if (seed !== "") {
    wanted.seed = Number(seed);
  }
  const stop = element("knob-stop").value;
  if (stop !== "") {
    wanted.stop = stop.replaceAll("\\n", "\n");
  }
  wanted.stream_options = { include_usage: true };
  return wanted;
}

async function generate() {
  stop();
  const mine = new AbortController();
  running = mine;
  tokens.clear();
  experts.clear();
  setBusy(true);
  say("waiting …");
  element("speed").textContent = "";
  const progress = { begun: 0, promptTokens: 0, routed: [] };
  try {
    const wanted = request();
    progress.promptTokens = await count(wanted.prompt, key, mine.signal);
    for await (const chunk of complete(wanted, key, mine.signal)) {
      take(chunk, progress);
    }
    say(progress.end === "length" ? "stopped at the length asked for" : "the text has ended");
  } catch (failure) {
    explain(failure);
  }
  if (running === mine) {
    running = null;
    setBusy(false);
  }
}

function take(chunk, progress) {
  if (chunk.usage) {
    element("speed").textContent =
      `${chunk.usage.prompt_tokens} + ${chunk.usage.completion_tokens} tokens · ` +
      element("speed").textContent;
  }
  const choice = chunk.choices[0];
  if (choice === undefined) {
    return;
  }
  progress.end = choice.finish_reason ?? progress.end;
  const before = tokens.list.length;
  addTokens(choice, progress);
  for (const routed of choice.experts) {
    progress.routed[routed.position] = routed.layers;
    experts.add(routed.layers);
  }
  // Tokens and their experts come one after the other, in either order.
  tokens.list.forEach((token, i) => (token.layers ??= progress.routed[i]));
  if (tokens.list.length > before) {
    say("generating …");
    showSpeed(progress);
  }
  if (tip.hidden) {
    look(-1);
  }
}

function addTokens(choice, progress) {
  const { tokens: names, token_logprobs: logs, top_logprobs: tops } = choice.logprobs;
  names.forEach((name, i) => {
    tokens.add({
      name,
      ofPrompt: tokens.list.length < progress.promptTokens,
      probability: logs[i] === null ? null : Math.exp(logs[i]),
      alternatives: Object.entries(tops[i] ?? {})
        .map(([other, log]) => [other, Math.exp(log)])
        .sort((a, b) => b[1] - a[1]),
    });
  });
  if (tokens.list.length > progress.promptTokens) {
    progress.begun ||= performance.now();
  }
}

function showSpeed(progress) {
  const seconds = (performance.now() - progress.begun) / 1000;
  const drawn = tokens.list.length - progress.promptTokens;
  if (drawn > 1 && seconds > 0.05) {
    element("speed").textContent = ((drawn - 1) / seconds).toFixed(1) + " tokens/s";
  }
}

function explain(failure) {
  if (failure.name === "AbortError") {
    say("stopped");
  } else if (failure instanceof ServerError && failure.status === 401) {
    say("a key is needed", true);
    element("key-form").hidden = false;
    element("key").focus();
  } else if (failure instanceof ServerError) {
    say(failure.message, true);
  } else {
    say("the server cannot be reached", true);
  }
}

function stop() {
  running?.abort();
}

function setBusy(busy) {
  element("stop").disabled = !busy;
  element("continue").disabled = busy || tokens.list.length === 0;
}

// Controls

function addKnob([name, label, least, most, step, standard]) {
  const title = document.createElement("label");
  title.textContent = label;
  title.htmlFor = "knob-" + name;
  const slider = document.createElement("input");
  const number = document.createElement("input");
  slider.type = "range";
  number.type = "number";
  number.id = "knob-" + name;
  slider.setAttribute("aria-label", label);
  slider.tabIndex = -1; // the number beside it does the same
  for (const input of [slider, number]) {
    Object.assign(input, { min: least, max: most, step, value: standard });
  }
  slider.addEventListener("input", () => (number.value = slider.value));
  number.addEventListener("input", () => (slider.value = number.value));
  element("knobs").append(title, slider, number);
}

function addText(name, label, placeholder) {
  const title = document.createElement("label");
  title.textContent = label;
  title.htmlFor = "knob-" + name;
  const input = document.createElement("input");
  Object.assign(input, { id: "knob-" + name, placeholder, className: "wide", autocomplete: "off" });
  element("knobs").append(title, input);
}

function setDefaults() {
  for (const [name, , , , , standard] of KNOBS) {
    const number = element("knob-" + name);
    number.value = standard;
    number.dispatchEvent(new Event("input"));
  }
  element("knob-seed").value = "";
  element("knob-stop").value = "";
}

/** A canvas cannot resolve light-dark() by itself. */
function resolveColours() {
  const probe = document.createElement("i");
  document.body.append(probe);
  for (const name of ["cell", "leaf", "rust", "faint"]) {
    probe.style.color = `var(--${name})`;
    document.documentElement.style.setProperty(`--${name}-now`, getComputedStyle(probe).color);
  }
  probe.remove();
}

async function introduce() {
  try {
    const properties = await ask("/props", key);
    element("model").textContent = properties.model_alias;
    document.title = properties.model_alias + " · Espalier";
    const settings = properties.default_generation_settings;
    for (const knob of KNOBS) {
      knob[5] = Math.round((settings.params[knob[0]] ?? knob[5]) * 1000) / 1000;
    }
    setDefaults();
    element("key-form").hidden = true;
    say("");
  } catch (failure) {
    explain(failure);
    if (failure instanceof ServerError && failure.status === 503) {
      setTimeout(introduce, 1000);
    }
  }
}

KNOBS.forEach(addKnob);
addText("seed", "Seed", "random");
addText("stop", "Stop at", "never; \\n is a line break");
resolveColours();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  resolveColours();
  experts.draw();
});
element("generate").addEventListener("click", generate);
element("stop").addEventListener("click", stop);
element("defaults").addEventListener("click", setDefaults);
element("continue").addEventListener("click", () => {
  prompt.value = tokens.text();
  generate();
});
element("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key = element("key").value;
  introduce();
});
for (const view of document.querySelectorAll("input[name=view]")) {
  view.addEventListener("change", () => (experts.all = view.value === "all"));
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    generate();
  } else if (event.key === "Escape" && running) {
    stop();
  }
});
experts.draw();
introduce();
