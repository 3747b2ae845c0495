// The grid of experts: a row for each layer, a column for each expert.

const GAP = 1;
const LEFT = 20;
const TOP = 14;
const HIGHEST_CELL = 26;

export class Experts {
  #canvas;
  #caption;
  #point;
  #layers = [];
  #experts = 0;
  #counts = new Map();
  #tokens = 0;
  #shown = null;
  #all = false;
  #cursor = null;

  /** @param point called with {layer, expert} that is pointed at, or null */
  constructor(canvas, caption, point) {
    this.#canvas = canvas;
    this.#caption = caption;
    this.#point = point;
    canvas.addEventListener("pointermove", (event) => this.#moveTo(this.#cellAt(event)));
    canvas.addEventListener("pointerleave", () => this.#moveTo(null));
    canvas.addEventListener("blur", () => this.#moveTo(null));
    canvas.addEventListener("keydown", (event) => this.#walk(event));
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
  }

  clear() {
    this.#counts.clear();
    this.#tokens = 0;
    this.#shown = null;
    this.draw();
  }

  /** Takes what a token used. The grid grows when an expert turns up that it has no column for. */
  add(layers) {
    this.#tokens++;
    for (const { layer, experts } of layers) {
      if (!this.#layers.includes(layer)) {
        this.#layers.push(layer);
        this.#layers.sort((a, b) => a - b);
      }
      for (const expert of experts) {
        const key = layer + ":" + expert;
        this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
        while (this.#experts <= expert) {
          this.#experts = Math.max(8, 2 * this.#experts);
        }
      }
    }
  }

  /** Shows the experts of one token; null for none. */
  show(token) {
    this.#shown = token;
    this.draw();
  }

  /** Whether the grid shows all tokens rather than one. */
  set all(all) {
    this.#all = all;
    this.draw();
  }

  /** From 0 to 1: how strongly a cell is coloured. */
  #strength(layer, expert, most) {
    if (this.#all) {
      return (this.#counts.get(layer + ":" + expert) ?? 0) / most;
    }
    const used = this.#shown?.layers?.find((one) => one.layer === layer);
    const at = used ? used.experts.indexOf(expert) : -1;
    return at < 0 ? 0 : 0.25 + (0.75 * used.weights[at]) / used.weights[0];
  }

  /** Rows, columns and the size of a cell. */
  #measure() {
    const rows = this.#layers.length || 4;
    const columns = this.#experts || 16;
    const width = this.#canvas.parentElement.clientWidth - LEFT;
    const cell = Math.max(4, (width + GAP) / columns - GAP);
    return { rows, columns, cell, height: Math.min(HIGHEST_CELL, Math.max(9, cell)) };
  }

  draw() {
    const { rows, columns, cell, height } = this.#measure();
    const ratio = window.devicePixelRatio || 1;
    const fullWidth = LEFT + columns * (cell + GAP) - GAP;
    const fullHeight = TOP + rows * (height + GAP) - GAP;
    this.#canvas.width = Math.round(fullWidth * ratio);
    this.#canvas.height = Math.round(fullHeight * ratio);
    this.#canvas.style.width = fullWidth + "px";
    this.#canvas.style.height = fullHeight + "px";
    const context = this.#canvas.getContext("2d");
    context.scale(ratio, ratio);
    const style = getComputedStyle(this.#canvas);
    const [ground, leaf, rust, faint] = ["cell", "leaf", "rust", "faint"].map((name) =>
      style.getPropertyValue(`--${name}-now`),
    );
    this.#label(context, faint, rows, columns, cell, height);
    const most = this.#all ? Math.max(1, ...this.#counts.values()) : 1;
    for (let row = 0; row < rows; row++) {
      const layer = this.#layers[row];
      for (let expert = 0; expert < columns; expert++) {
        const x = LEFT + expert * (cell + GAP);
        const y = TOP + row * (height + GAP);
        context.fillStyle = ground;
        context.fillRect(x, y, cell, height);
        context.globalAlpha = layer === undefined ? 0 : this.#strength(layer, expert, most);
        context.fillStyle = leaf;
        context.fillRect(x, y, cell, height);
        context.globalAlpha = 1;
        if (layer !== undefined && this.#cursor?.layer === layer && this.#cursor.expert === expert) {
          context.strokeStyle = rust;
          context.lineWidth = 2;
          context.strokeRect(x + 1, y + 1, cell - 2, height - 2);
        }
      }
    }
    this.#describe();
  }

  #label(context, colour, rows, columns, cell, height) {
    context.fillStyle = colour;
    context.font = "9px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (let row = 0; row < rows; row++) {
      const y = TOP + row * (height + GAP) + height / 2;
      context.fillText(this.#layers[row] ?? row, LEFT - 6, y);
    }
    context.textAlign = "left";
    const step = columns > 32 ? 8 : 4;
    for (let expert = 0; expert < columns; expert += step) {
      context.fillText(expert, LEFT + expert * (cell + GAP), TOP / 2 - 1);
    }
  }

  #describe() {
    if (this.#cursor) {
      const { layer, expert } = this.#cursor;
      const count = this.#counts.get(layer + ":" + expert) ?? 0;
      const share = this.#tokens ? Math.round((100 * count) / this.#tokens) : 0;
      this.#caption.textContent =
        `Layer ${layer}, expert ${expert}: used by ${count} of ${this.#tokens} tokens (${share} %),` +
        " which are underlined in the text.";
    } else if (!this.#all && this.#shown?.layers) {
      this.#caption.textContent =
        "Strongest expert of each layer: " +
        this.#shown.layers.map((used) => used.experts[0]).join(", ") +
        ". The stronger the colour, the more weight the router gave it.";
    } else if (!this.#all && this.#shown) {
      this.#caption.textContent = "The last token drawn has not passed through the model.";
    } else if (this.#tokens) {
      this.#caption.textContent =
        "Rows are layers, columns are experts. Point at a cell, or walk with the arrow keys, to see which tokens used it.";
    }
  }

  #cellAt(event) {
    if (!this.#layers.length) {
      return null;
    }
    const { cell, height } = this.#measure();
    const frame = this.#canvas.getBoundingClientRect();
    const row = Math.floor((event.clientY - frame.top - TOP) / (height + GAP));
    const expert = Math.floor((event.clientX - frame.left - LEFT) / (cell + GAP));
    const layer = this.#layers[row];
    return layer === undefined || expert < 0 || expert >= this.#experts ? null : { layer, expert };
  }

  #moveTo(cell) {
    const same = cell?.layer === this.#cursor?.layer && cell?.expert === this.#cursor?.expert;
    if (!same) {
      this.#cursor = cell;
      this.draw();
      this.#point(cell);
    }
  }

  #walk(event) {
    const step = {
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
    }[event.key];
    if (event.key === "Escape") {
      this.#moveTo(null);
    } else if (step && this.#layers.length) {
      event.preventDefault();
      const row = this.#cursor ? this.#layers.indexOf(this.#cursor.layer) + step[0] : 0;
      const expert = this.#cursor ? this.#cursor.expert + step[1] : 0;
      this.#moveTo({
        layer: this.#layers[Math.min(Math.max(row, 0), this.#layers.length - 1)],
        expert: Math.min(Math.max(expert, 0), this.#experts - 1),
      });
    }
  }
}
