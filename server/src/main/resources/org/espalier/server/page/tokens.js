// The text as tokens: coloured by probability, walked through with pointer or keys.

const RAW = /^bytes:((?:\\x[0-9a-f]{2})+)$/;
const encoder = new TextEncoder();

function bytesOf(name) {
  const raw = RAW.exec(name);
  return raw
    ? Uint8Array.from(raw[1].slice(2).split("\\x"), (digits) => parseInt(digits, 16))
    : encoder.encode(name);
}

/** How a token is shown where it must be visible whatever it is. */
export function visible(name) {
  return name.replaceAll("\n", "↵").replaceAll("\t", "⇥").replaceAll(" ", "␣");
}

export class Tokens {
  /** All tokens in order: {name, probability, alternatives, layers, ofPrompt, span}. */
  list = [];

  #frame;
  #decoder;
  #choose;
  #chosen = -1;
  #pinned = false;

  /** @param choose called with the index of the token to look at, −1 for none */
  constructor(frame, choose) {
    this.#frame = frame;
    this.#choose = choose;
    frame.addEventListener("pointerover", (event) => this.#point(event));
    frame.addEventListener("pointerleave", () => this.#pinned || this.choose(-1));
    frame.addEventListener("click", (event) => this.#pin(event));
    frame.addEventListener("keydown", (event) => this.#walk(event));
    frame.addEventListener("blur", () => this.#unpin());
  }

  clear() {
    this.list = [];
    this.#decoder = new TextDecoder();
    this.#pinned = false;
    this.#frame.replaceChildren();
    this.choose(-1);
  }

  /** Appends a token. */
  add(token) {
    const text = this.#decoder.decode(bytesOf(token.name), { stream: true });
    const span = document.createElement("span");
    span.className = "token" + (token.ofPrompt ? " of-prompt" : "");
    span.textContent = text;
    span.dataset.index = this.list.length;
    if (text.includes("\n") && text.trim() === "") {
      span.classList.add("break");
    }
    if (token.probability !== null) {
      // Square root: the difference of 0.9 and 0.99 matters less than that of 0.1 and 0.2.
      const surprise = 1 - Math.sqrt(token.probability);
      span.style.setProperty("--surprise", (62 * surprise).toFixed(1) + "%");
    }
    const atEnd =
      this.#frame.scrollHeight - this.#frame.scrollTop - this.#frame.clientHeight < 30;
    this.#frame.append(span);
    if (atEnd && !this.#pinned) {
      this.#frame.scrollTop = this.#frame.scrollHeight;
    }
    this.list.push({ ...token, text, span });
  }

  /** All of it as one text. */
  text() {
    return this.list.map((token) => token.text).join("");
  }

  /** Looks at one token. */
  choose(index) {
    this.list[this.#chosen]?.span.classList.remove("chosen");
    this.#chosen = index;
    this.list[index]?.span.classList.add("chosen");
    this.#choose(index);
  }

  /** Marks the tokens that a condition holds for. */
  mark(condition) {
    for (const token of this.list) {
      token.span.classList.toggle("uses", condition(token));
    }
  }

  #indexOf(event) {
    return event.target.dataset?.index === undefined ? -1 : Number(event.target.dataset.index);
  }

  #point(event) {
    const index = this.#indexOf(event);
    if (index >= 0 && !this.#pinned) {
      this.choose(index);
    }
  }

  #pin(event) {
    const index = this.#indexOf(event);
    this.#pinned = index >= 0 && !(this.#pinned && index === this.#chosen);
    this.choose(this.#pinned ? index : -1);
  }

  #unpin() {
    this.#pinned = false;
    this.choose(-1);
  }

  #walk(event) {
    const last = this.list.length - 1;
    const next = {
      ArrowRight: Math.min(this.#chosen + 1, last),
      ArrowLeft: this.#chosen < 0 ? last : Math.max(this.#chosen - 1, 0),
      Home: 0,
      End: last,
    }[event.key];
    if (next !== undefined && last >= 0) {
      event.preventDefault();
      this.#pinned = true;
      this.choose(next);
      this.list[next].span.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Escape" && this.#pinned) {
      event.stopPropagation();
      this.#unpin();
    }
  }
}
