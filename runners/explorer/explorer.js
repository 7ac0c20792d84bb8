// SPDX-License-Identifier: Apache-2.0
// The explorer: two scatter plots, thumbnails, curves and classes of one study, linked.
// Everything shown is in the page; nothing is requested. Text of the study is set as text, never as HTML.
"use strict";

// ---------------------------------------------------------------- the study

const DATA = JSON.parse(document.getElementById("data").textContent);
const COUNT = DATA.examples.length;
const METHODS = DATA.methods;
const Z = 1.959964; // of 95 % intervals

const bytesOf = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));

async function inflated(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Sum up the differences of counts, in place; then r of every epoch and example, and its mean, are their averages. */
async function unpackAnswers(method) {
  const counts = await inflated(method.answers), size = method.augmentations * COUNT;
  for (let at = size; at < counts.length; at++) counts[at] += counts[at - size];
  method.counts = counts;
  method.r = new Float32Array(method.epochs.length * COUNT);
  method.mean = new Float32Array(method.epochs.length);
  const share = 1 / (method.levels * method.augmentations);
  for (let epoch = 0; epoch < method.epochs.length; epoch++) {
    let sum = 0;
    for (let example = 0; example < COUNT; example++) {
      let right = 0;
      for (let m = 0; m < method.augmentations; m++) right += counts[epoch * size + m * COUNT + example];
      method.r[epoch * COUNT + example] = right * share;
      sum += right * share;
    }
    method.mean[epoch] = sum / COUNT;
  }
}

/** Put the bytes of numbers together again: they come as all lowest ones, then the next. */
async function unpackQuantity(one) {
  const planes = await inflated(one.values), bytes = new Uint8Array(4 * COUNT);
  for (let at = 0; at < COUNT; at++) for (let byte = 0; byte < 4; byte++) bytes[4 * at + byte] = planes[byte * COUNT + at];
  return new Float32Array(bytes.buffer).map(value => (Number.isFinite(value) ? value : NaN));
}

async function decoded(sheet) {
  return createImageBitmap(new Blob([bytesOf(sheet.source)], { type: sheet.type }));
}

/** Everything that can be an axis or an order, by key: its values at the epochs that the slider is at. */
const QUANTITIES = new Map();
let pictures = null;

async function unpack() {
  await Promise.all(METHODS.map(unpackAnswers));
  for (const [at, method] of METHODS.entries()) {
    const values = () => method.r.subarray(state.epochs[at] * COUNT, (state.epochs[at] + 1) * COUNT);
    const step = 1 / (method.levels * method.augmentations);
    QUANTITIES.set(`r.${method.name}`, { label: `r, ${method.label}`, hard: -1, low: 0, high: 1, step, values, method: at });
  }
  for (let a = 0; a < METHODS.length; a++) for (let b = a + 1; b < METHODS.length; b++) {
    const difference = new Float32Array(COUNT);
    const values = () => {
      const one = rOf(a), other = rOf(b);
      for (let at = 0; at < COUNT; at++) difference[at] = Math.abs(one[at] - other[at]);
      return difference;
    };
    QUANTITIES.set(`d.${METHODS[a].name}.${METHODS[b].name}`, {
      label: `|r ${METHODS[a].label} − r ${METHODS[b].label}|`, hard: 1, low: 0, high: 1, step: 0, values, pair: [a, b],
    });
  }
  const known = await Promise.all(DATA.quantities.map(unpackQuantity));
  for (const [at, one] of DATA.quantities.entries()) {
    QUANTITIES.set(one.key, { ...one, step: one.integer ? 1 : 0, values: () => known[at] });
  }
  if (DATA.pictures) {
    pictures = { ...DATA.pictures, image: await decoded(DATA.pictures) };
    await Promise.all(DATA.views.map(async kind => {
      if (kind.moves) kind.moves = new Int8Array(bytesOf(kind.moves).buffer);
      else kind.image = await decoded(kind).catch(() => null);
    }));
    if (DATA.views.some(kind => !kind.moves && !kind.image)) DATA.notes.push("this browser cannot show the pictures of augmentations (AVIF)");
    DATA.views = DATA.views.filter(kind => kind.moves || kind.image);
  }
}

const rOf = at => QUANTITIES.get(`r.${METHODS[at].name}`).values();

/** The 95 % interval of r for other seeds, of Agresti and Coull: `seeds` answers, whatever the augmentations. */
function interval(r, seeds) {
  const trials = seeds + Z * Z, p = (r * seeds + Z * Z / 2) / trials, half = Z * Math.sqrt(p * (1 - p) / trials);
  return [Math.max(0, p - half), Math.min(1, p + half)];
}

/** Whether the seeds tell two r apart: the 95 % interval of Agresti and Caffo (2000) for a difference leaves out 0. */
function toldApart(r, seeds, other, otherSeeds) {
  const p = (r * seeds + 1) / (seeds + 2), q = (other * otherSeeds + 1) / (otherSeeds + 2);
  return Math.abs(p - q) > Z * Math.sqrt(p * (1 - p) / (seeds + 2) + q * (1 - q) / (otherSeeds + 2));
}

const idOf = at => (DATA.ids ? DATA.ids[at] : String(DATA.examples[at]));
const classNameOf = at => (DATA.classOf[at] < 0 ? "" : DATA.classes[DATA.classOf[at]]);
const textOf = at => (DATA.texts && DATA.texts[at]) || idOf(at);

// ---------------------------------------------------------------- what is shown

const state = {
  mode: "epoch", // or "mean"
  time: 0, // the slider: an epoch, or a mean of r in percent
  epochs: METHODS.map(method => method.epochs.length - 1), // the place of each method's epoch
  axes: [["", ""], ["", ""]],
  sort: "", reversed: false,
  classes: new Set(), // empty: all
  chosen: null, // Uint8Array of a box, or null for all
  pins: [],
  pointed: -1, // below the pointer, or moved to by keys
};
const visible = new Uint8Array(COUNT);
const focused = () => (state.pointed >= 0 ? state.pointed : state.pins.length ? state.pins[state.pins.length - 1] : -1);

function filter() {
  for (let at = 0; at < COUNT; at++) {
    visible[at] = (!state.classes.size || state.classes.has(DATA.classOf[at])) && (!state.chosen || state.chosen[at]) ? 1 : 0;
  }
}

/** Give every method the epoch that the slider asks for: the last one so far, or that with the nearest mean of r. */
function setTime(time) {
  const [low, high] = timeRange();
  state.time = Math.min(high, Math.max(low, Math.round(time)));
  state.epochs = METHODS.map(({ epochs, mean }) => {
    let best = 0;
    for (let at = 1; at < epochs.length; at++) {
      if (state.mode === "epoch" ? epochs[at] <= state.time
        : Math.abs(mean[at] - state.time / 100) < Math.abs(mean[best] - state.time / 100)) best = at;
    }
    return best;
  });
}

function timeRange() {
  if (state.mode === "mean") return [0, 100];
  return [Math.min(...METHODS.map(one => one.epochs[0])), Math.max(...METHODS.map(one => one.epochs[one.epochs.length - 1]))];
}

// ---------------------------------------------------------------- drawing

const $ = selector => document.querySelector(selector);
const colours = {};
const PALETTE = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]; // Petroff 2021

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["ink", "soft", "line", "faint", "paper", "tint", "focus", "dot"]) colours[name] = style.getPropertyValue(`--${name}`).trim();
  colours.dark = matchMedia("(prefers-color-scheme: dark)").matches;
}
const colourOf = method => (colours.dark ? method.dark : method.colour);
const dotColour = at => (DATA.classes.length > PALETTE.length || DATA.classOf[at] < 0 ? colours.dot : PALETTE[DATA.classOf[at]]);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Return a canvas's context and size in CSS pixels, with as many pixels as the screen has. */
function prepared(canvas, width = canvas.clientWidth, height = canvas.clientHeight) {
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "11px system-ui, sans-serif";
  return { pen, width, height };
}

function drawPicture(pen, at, x, y, side) {
  if (!pictures) return;
  const from = pictures.side;
  pen.imageSmoothingEnabled = from > 16;
  pen.drawImage(pictures.image, (at % pictures.across) * from, Math.floor(at / pictures.across) * from, from, from, x, y, side, side);
}

/** Draw what a network was asked about: from its sheet, or the picture moved over black, then mirrored. */
function drawView(pen, kind, at, view, m, side) {
  if (!kind.moves) {
    const place = (at * kind.views + view) * kind.augmentations + m, from = kind.side;
    pen.imageSmoothingEnabled = from > 16;
    pen.drawImage(kind.image, (place % kind.across) * from, Math.floor(place / kind.across) * from, from, from, 0, 0, side, side);
    return;
  }
  const [down, right, mirrored] = kind.moves.subarray((at * kind.augmentations + m) * 3);
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, side, side);
  pen.save();
  if (mirrored) { pen.translate(side, 0); pen.scale(-1, 1); }
  drawPicture(pen, at, -right / 127 * side, -down / 127 * side, side);
  pen.restore();
}

/** Write text that keeps within a width. */
function writeWithin(pen, text, x, y, width) {
  let shown = text;
  if (pen.measureText(shown).width > width) {
    while (shown && pen.measureText(`${shown}…`).width > width) shown = shown.slice(0, -1);
    shown += "…";
  }
  pen.fillText(shown, x, y);
}

function ticks(low, high, most) {
  if (!(high - low > 1e-6 * Math.max(Math.abs(low), Math.abs(high)))) return [(low + high) / 2];
  const raw = (high - low) / most || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map(one => one * power).find(one => one >= raw);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-6; at++) found.push(at * step);
  return found;
}

function written(value) {
  if (!Number.isFinite(value)) return "–";
  const text = Number.isInteger(value) ? String(value) : Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3 ? value.toExponential(1) : Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
  return text.replace("-", "−");
}

const EDGE = { left: 46, right: 14, top: 8, bottom: 24 };

/** A plane between two scales, and its frame with ticks. */
function plane(pen, width, height, [lowX, highX], [lowY, highY]) {
  const x = value => EDGE.left + (value - lowX) / (highX - lowX || 1) * (width - EDGE.left - EDGE.right);
  const y = value => height - EDGE.bottom - (value - lowY) / (highY - lowY || 1) * (height - EDGE.top - EDGE.bottom);
  pen.strokeStyle = colours.faint;
  pen.fillStyle = colours.soft;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.textAlign = "center";
  pen.textBaseline = "top";
  for (const tick of ticks(lowX, highX, width / 70)) {
    pen.moveTo(x(tick), EDGE.top);
    pen.lineTo(x(tick), height - EDGE.bottom);
    pen.fillText(written(tick), x(tick), height - EDGE.bottom + 6);
  }
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const tick of ticks(lowY, highY, height / 50)) {
    pen.moveTo(EDGE.left, y(tick));
    pen.lineTo(width - EDGE.right, y(tick));
    pen.fillText(written(tick), EDGE.left - 6, y(tick));
  }
  pen.stroke();
  return { x, y };
}

/** A number in [-.5, .5) that is always the same for an example and axis: dots of one value do not hide each other. */
function spread(at, axis) {
  let mixed = Math.imul(2 * at + axis + 1, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32 - 0.5;
}

/** The scale of a quantity, with room for dots at its ends. */
const wide = ({ low, high }) => [low - (high - low || 1) * 0.03, high + (high - low || 1) * 0.03];

/** How far dots of one value lie apart: less than half a step to either side, and never far on the screen. */
const apartBy = ({ low, high, step }) => Math.min(step * 0.8, (high - low) * 0.025);

const plots = [];

class Scatter {
  constructor(number, section) {
    this.number = number;
    this.axes = [0, 1].map(axis => {
      const select = optionsOf(element("select", { ariaLabel: `${"xy"[axis]} axis` }));
      select.addEventListener("change", () => { state.axes[number][axis] = select.value; changed(); });
      return select;
    });
    this.canvas = element("canvas", { tabIndex: 0 });
    this.canvas.setAttribute("role", "img");
    this.legend = element("p", { className: "legend" });
    const map = element("select", { ariaLabel: "t-SNE map" }, element("option", { value: "", textContent: "map of …" }));
    for (const name of DATA.maps) map.append(element("option", { value: name, textContent: QUANTITIES.get(`t-SNE.${name}.x`).label.replace(/^.*?, /, "") }));
    map.addEventListener("change", () => { if (map.value) state.axes[number] = [`t-SNE.${map.value}.x`, `t-SNE.${map.value}.y`]; map.value = ""; changed(); });
    const axes = element("div", { className: "axes" }, ...this.axes.map((select, at) => element("label", {}, "xy"[at], select)));
    section.append(axes, element("div", { className: "frame" }, this.canvas), this.legend);
    if (DATA.maps.length) axes.append(element("label", {}, map));
    this.x = new Float32Array(COUNT);
    this.y = new Float32Array(COUNT);
    this.box = null;
    this.listen();
  }

  get quantities() { return state.axes[this.number].map(key => QUANTITIES.get(key)); }

  /** The two methods whose r this plot compares, if it does. */
  get pair() {
    const [x, y] = this.quantities;
    if (x.pair || y.pair) return x.pair || y.pair;
    return x.method !== undefined && y.method !== undefined && x.method !== y.method ? [x.method, y.method] : null;
  }

  draw() {
    const { pen, width, height } = prepared(this.canvas);
    const [across, up] = this.quantities, [xs, ys] = [across.values(), up.values()];
    const to = plane(pen, width, height, wide(across), wide(up));
    if (across.method !== undefined && up.method !== undefined) this.drawDiagonal(pen, to);
    const groups = new Map(), apart = this.compare();
    let absent = 0;
    for (let at = 0; at < COUNT; at++) {
      this.x[at] = to.x(xs[at] + spread(at, 0) * apartBy(across));
      this.y[at] = to.y(ys[at] + spread(at, 1) * apartBy(up));
      if (!Number.isFinite(this.x[at] + this.y[at])) { absent += visible[at]; continue; }
      const key = !visible[at] ? `  ${colours.line}` : (apart && !apart[at] ? "o " : "* ") + dotColour(at);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(at);
    }
    for (const [key, members] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) this.drawDots(pen, key, members);
    for (const at of state.pins) this.ring(pen, at, colours.ink, 6);
    if (focused() >= 0) this.ring(pen, focused(), colours.focus, 7);
    if (this.box) this.drawBox(pen);
    this.tell(apart, absent);
  }

  drawDiagonal(pen, to) {
    pen.strokeStyle = colours.line;
    pen.setLineDash([4, 4]);
    pen.beginPath();
    pen.moveTo(to.x(0), to.y(0));
    pen.lineTo(to.x(1), to.y(1));
    pen.stroke();
    pen.setLineDash([]);
  }

  drawDots(pen, key, members) {
    const radius = COUNT > 2000 ? 2 : 2.7;
    pen.beginPath();
    for (const at of members) {
      pen.moveTo(this.x[at] + radius, this.y[at]);
      pen.arc(this.x[at], this.y[at], radius, 0, 7);
    }
    if (key[0] === "o") {
      pen.strokeStyle = key.slice(2);
      pen.lineWidth = 1;
      pen.globalAlpha = 0.75;
      pen.stroke();
    } else {
      pen.fillStyle = key.slice(2);
      pen.globalAlpha = key[0] === " " ? 0.5 : 0.85;
      pen.fill();
    }
    pen.globalAlpha = 1;
  }

  ring(pen, at, colour, radius) {
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(this.x[at], this.y[at], radius, 0, 7);
    pen.stroke();
  }

  drawBox(pen) {
    const [x, y, otherX, otherY] = this.box;
    pen.strokeStyle = colours.focus;
    pen.lineWidth = 1.5;
    pen.strokeRect(Math.min(x, otherX), Math.min(y, otherY), Math.abs(x - otherX), Math.abs(y - otherY));
  }

  /** Return which examples the seeds tell apart, where the plot compares two methods. */
  compare() {
    if (!this.pair) return null;
    const [a, b] = this.pair, [one, other] = [rOf(a), rOf(b)], apart = new Uint8Array(COUNT);
    for (let at = 0; at < COUNT; at++) apart[at] = toldApart(one[at], METHODS[a].seeds, other[at], METHODS[b].seeds) ? 1 : 0;
    return apart;
  }

  tell(apart, absent) {
    const said = [], epochs = new Set(this.quantities.flatMap(one => one.pair ?? (one.method === undefined ? [] : [one.method])));
    if (epochs.size) said.push([...epochs].map(at => `${METHODS[at].label} at epoch ${METHODS[at].epochs[state.epochs[at]]}`).join(", "));
    if (apart) {
      let beyond = 0, all = 0;
      for (let at = 0; at < COUNT; at++) if (visible[at]) { all++; beyond += apart[at]; }
      const fewest = Math.min(...this.pair.map(at => METHODS[at].seeds));
      said.push(fewest < 3 ? "fewer than 3 seeds tell no two values of r apart"
        : `filled: told apart by their seeds, each example on its own (95 %; of equal ones up to 7 in 100 are, too): ${beyond} of ${all}; open: not told apart`);
    }
    if (this.quantities.some(one => one.step)) said.push("dots of one value lie beside each other");
    if (absent) said.push(`${absent} have no value here`);
    this.legend.textContent = said.join(" · ");
    this.canvas.ariaLabel = `${this.quantities[1].label} against ${this.quantities[0].label}; arrow keys move between examples, Enter pins. ${this.legend.textContent}`;
  }

  nearest(x, y, most) {
    let best = -1, least = most * most;
    for (let at = 0; at < COUNT; at++) {
      const distance = (this.x[at] - x) ** 2 + (this.y[at] - y) ** 2;
      if (visible[at] && distance < least) { best = at; least = distance; }
    }
    return best;
  }

  /** Return the nearest example in a direction; [1, 0] is right, [0, 1] down. */
  towards([dx, dy]) {
    const from = focused(), drawn = at => visible[at] && Number.isFinite(this.x[at] + this.y[at]);
    if (from < 0 || !drawn(from)) return visible.findIndex((_, at) => drawn(at));
    let best = from, least = Infinity;
    for (let at = 0; at < COUNT; at++) {
      const x = this.x[at] - this.x[from], y = this.y[at] - this.y[from], along = x * dx + y * dy, aside = Math.abs(x * dy - y * dx);
      if (at !== from && drawn(at) && along > 0.5 && along + 2 * aside < least) { best = at; least = along + 2 * aside; }
    }
    return best;
  }

  listen() {
    const { canvas } = this, at = event => [event.offsetX, event.offsetY];
    canvas.addEventListener("pointerdown", event => {
      if (event.button || (event.pointerType === "touch" && !document.body.classList.contains("boxing"))) return;
      event.preventDefault(); // no selection of text, no dragging of the picture
      canvas.focus({ preventScroll: true });
      this.start = at(event);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", event => {
      const here = at(event);
      if (this.start && Math.hypot(here[0] - this.start[0], here[1] - this.start[1]) > 4) {
        this.box = [...this.start, ...here];
        changed();
      } else if (event.pointerType !== "touch") point(this.nearest(...here, 14));
    });
    canvas.addEventListener("pointerup", event => {
      if (this.box) this.choose();
      else if (this.start) pin(this.nearest(...at(event), 14));
      this.stop();
    });
    canvas.addEventListener("click", event => { // what a finger does: a drag of it scrolls, unless boxes are asked for
      if (event.pointerType === "touch" && !document.body.classList.contains("boxing")) pin(this.nearest(...at(event), 24));
    });
    canvas.addEventListener("pointercancel", () => this.stop());
    canvas.addEventListener("pointerleave", () => { if (!this.start) point(-1); });
    canvas.addEventListener("keydown", event => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (way) { point(this.towards(way)); speak(); }
      else if (event.key === "Enter" || event.key === " ") pin(focused());
      else return;
      event.preventDefault();
    });
  }

  stop() {
    this.box = this.start = null;
    changed();
  }

  choose() {
    const [x, y, otherX, otherY] = this.box, [left, right] = [Math.min(x, otherX), Math.max(x, otherX)], [top, bottom] = [Math.min(y, otherY), Math.max(y, otherY)];
    state.chosen = Uint8Array.from(this.x, (own, at) => (own >= left && own <= right && this.y[at] >= top && this.y[at] <= bottom ? 1 : 0));
  }
}

function optionsOf(select) {
  const groups = new Map();
  for (const [key, one] of QUANTITIES) {
    const name = one.method !== undefined ? "r at the epoch" : one.pair ? "difference at the epoch" : key.startsWith("t-SNE.") ? "t-SNE maps" : "over all epochs";
    if (!groups.has(name)) groups.set(name, element("optgroup", { label: name }));
    groups.get(name).append(element("option", { value: key, textContent: one.label }));
  }
  select.append(...groups.values());
  return select;
}

// ---------------------------------------------------------------- examples in order

const gallery = {
  order: [],
  /** The size of an example: a picture's, or that of a line of text. */
  get cell() {
    if (pictures) return { width: 44, height: 44 };
    this.longest ??= DATA.examples.reduce((most, _, at) => Math.max(most, textOf(at).length), 0);
    return { width: Math.min(168, 28 + 7 * this.longest), height: 34 };
  },

  sort() {
    const quantity = QUANTITIES.get(state.sort), values = quantity.values();
    const sign = (quantity.hard || -1) * (state.reversed ? -1 : 1); // hardest first
    const key = at => (Number.isNaN(values[at]) ? -Infinity : sign * values[at]);
    this.order = [];
    for (let at = 0; at < COUNT; at++) if (visible[at]) this.order.push(at);
    this.order.sort((a, b) => key(b) - key(a) || a - b);
    const order = quantity.pair ? ["largest", "smallest"] : quantity.hard ? ["hardest", "easiest"] : ["lowest", "highest"];
    $("#order").textContent = `${order[Number(state.reversed)]} first ⇅`;
  },

  get across() { return Math.max(1, Math.floor($("#gallery .scroll").clientWidth / this.cell.width)); },

  draw() {
    this.sort();
    const scroll = $("#gallery .scroll"), { width, height } = this.cell, across = this.across;
    $("#gallery .room").style.height = `${Math.ceil(this.order.length / across) * height}px`;
    const { pen } = prepared($("#gallery canvas"), scroll.clientWidth, scroll.clientHeight);
    $("#gallery canvas").style.height = `${scroll.clientHeight}px`;
    const first = Math.floor(scroll.scrollTop / height);
    for (let row = first; row * height < scroll.scrollTop + scroll.clientHeight; row++) {
      for (let column = 0; column < across; column++) {
        const at = this.order[row * across + column];
        if (at !== undefined) this.drawCell(pen, at, column * width, row * height - scroll.scrollTop);
      }
    }
  },

  drawCell(pen, at, x, y) {
    const { width, height } = this.cell;
    if (pictures) drawPicture(pen, at, x + 2, y + 2, width - 4);
    else {
      pen.fillStyle = dotColour(at);
      pen.fillRect(x + 4, y + 6, 3, height - 12);
      pen.fillStyle = colours.ink;
      pen.textAlign = "left";
      pen.textBaseline = "middle";
      writeWithin(pen, textOf(at), x + 12, y + height / 2, width - 18);
    }
    const colour = at === focused() ? colours.focus : state.pins.includes(at) ? colours.ink : null;
    if (!colour) return;
    pen.strokeStyle = colour;
    pen.lineWidth = 3;
    pen.strokeRect(x + 2, y + 2, width - 4, height - 4);
  },

  at(event) {
    const { width, height } = this.cell, column = Math.floor(event.offsetX / width);
    const row = Math.floor((event.offsetY + $("#gallery .scroll").scrollTop) / height);
    return column < this.across ? this.order[row * this.across + column] ?? -1 : -1;
  },

  move(by) {
    const from = this.order.indexOf(focused()), to = Math.min(this.order.length - 1, Math.max(0, from < 0 ? 0 : from + by));
    const scroll = $("#gallery .scroll"), { height } = this.cell, top = Math.floor(to / this.across) * height;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (top + height > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + height - scroll.clientHeight;
    point(this.order[to] ?? -1);
    speak();
  },

  listen() {
    const canvas = $("#gallery canvas"), scroll = $("#gallery .scroll");
    canvas.addEventListener("pointermove", event => { if (event.pointerType !== "touch") point(this.at(event)); });
    canvas.addEventListener("pointerleave", () => point(-1));
    canvas.addEventListener("click", event => pin(this.at(event)));
    scroll.addEventListener("scroll", () => changed(), { passive: true });
    scroll.addEventListener("keydown", event => {
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.across, ArrowDown: this.across, Home: -COUNT, End: COUNT }[event.key];
      if (by) this.move(by);
      else if (event.key === "Enter" || event.key === " ") pin(focused());
      else return;
      event.preventDefault();
    });
    optionsOf($("#sort")).addEventListener("change", () => { state.sort = $("#sort").value; changed(); });
    $("#order").addEventListener("click", () => { state.reversed = !state.reversed; changed(); });
  },
};

// ---------------------------------------------------------------- one example

const detail = {
  shown: -2,

  draw() {
    const at = focused();
    if (at !== this.shown) this.build(at);
    this.drawCurves(at);
    this.numbers(at);
    this.drawPins();
    for (const one of this.captions) one();
  },

  /** Set up what changes with the example, but not with the epoch. */
  build(at) {
    this.shown = at;
    this.captions = [];
    $("#detail h2").textContent = at < 0 ? "Point at an example, click to pin it" : `Example ${DATA.examples[at]}`;
    $("#portrait").style.display = pictures && at >= 0 ? "" : "none";
    const { pen } = prepared($("#portrait"), 128, 128);
    if (at >= 0) drawPicture(pen, at, 0, 0, 128);
    const about = at < 0 ? [] : [
      element("div", { className: "class", textContent: classNameOf(at) }),
      ...(DATA.ids ? [element("div", { textContent: DATA.ids[at] })] : []),
      ...(DATA.texts && DATA.texts[at] ? [element("div", { textContent: DATA.texts[at] })] : []),
      ...this.learnt(at).map(text => element("div", { className: "soft", textContent: text })),
    ];
    $("#about").replaceChildren(...about);
    $("#views").replaceChildren(...(at < 0 || !pictures ? [] : DATA.views.map(kind => this.kind(kind, at))));
  },

  /** Say which labels methods learnt, those with the same label together. */
  learnt(at) {
    const by = new Map();
    for (const method of METHODS) if (method.learnt) by.set(method.learnt[at], [...(by.get(method.learnt[at]) ?? []), method.label]);
    return [...by].map(([name, methods]) => `learnt as ${name} (${methods.join(", ")})`);
  },

  /** Return the augmentations of one kind, each with r~ of the methods that see it. */
  kind(kind, at) {
    const line = element("div", { className: "line" });
    for (let m = 0; m < kind.augmentations; m++) {
      const caption = element("figcaption");
      const drawn = [];
      for (let view = 0; view < kind.views; view++) {
        const canvas = element("canvas");
        drawView(prepared(canvas, 52, 52).pen, kind, at, view, m, 52);
        canvas.style.width = canvas.style.height = "52px";
        drawn.push(canvas);
      }
      line.append(element("figure", {}, ...drawn, caption));
      this.captions.push(() => caption.replaceChildren(...METHODS.flatMap((method, place) => {
        if (!kind.methods.includes(method.name)) return [];
        const right = method.counts[(state.epochs[place] * method.augmentations + m) * COUNT + at] / method.levels;
        return [element("div", {}, keyOf(method), `r̃ ${right.toFixed(2)}`)];
      })));
    }
    const heading = `Panel augmentations of ${kind.label}${kind.views > 1 ? " (below each the view to be found)" : ""}`;
    return element("div", { className: "kind" }, element("div", { className: "soft", textContent: heading }), line);
  },

  drawCurves(at) {
    const { pen, width, height } = prepared($("#curves"));
    const ends = METHODS.map(method => method.epochs[method.epochs.length - 1]);
    const to = plane(pen, width, height, [0, Math.max(...ends)], [0, 1]);
    for (const [place, method] of METHODS.entries()) {
      const colour = colourOf(method), path = (values, draw) => {
        pen.beginPath();
        method.epochs.forEach((epoch, e) => pen.lineTo(to.x(epoch), to.y(values(e))));
        draw();
      };
      const r = example => e => method.r[e * COUNT + example];
      pen.strokeStyle = pen.fillStyle = colour;
      if (at >= 0) {
        pen.globalAlpha = 0.14;
        pen.beginPath();
        method.epochs.forEach((epoch, e) => pen.lineTo(to.x(epoch), to.y(interval(r(at)(e), method.seeds)[1])));
        for (let e = method.epochs.length - 1; e >= 0; e--) pen.lineTo(to.x(method.epochs[e]), to.y(interval(r(at)(e), method.seeds)[0]));
        pen.fill();
      }
      pen.globalAlpha = 0.4;
      pen.lineWidth = 1;
      for (const pinned of state.pins) if (pinned !== at) path(r(pinned), () => pen.stroke());
      pen.globalAlpha = 1;
      pen.lineWidth = 2;
      if (at >= 0) path(r(at), () => pen.stroke());
      else { pen.setLineDash([3, 3]); path(e => method.mean[e], () => pen.stroke()); pen.setLineDash([]); }
      const e = state.epochs[place];
      pen.beginPath();
      pen.arc(to.x(method.epochs[e]), to.y(at >= 0 ? r(at)(e) : method.mean[e]), 4, 0, 7);
      pen.fill();
    }
    $("#curves").ariaLabel = `${at < 0 ? "mean of r" : "r of this example, with 95 % intervals"} after every epoch: ${METHODS.map((method, place) => `${method.label} ${(at < 0 ? method.mean[state.epochs[place]] : rOf(place)[at]).toFixed(2)}`).join(", ")}`;
  },

  /** Fill the table: a row a quantity, a column a method. */
  numbers(at) {
    const table = $("#detail table"), head = element("tr", {}, element("th"));
    for (const method of METHODS) head.append(element("th", { scope: "col" }, keyOf(method), method.label));
    const line = (name, value) => element("tr", {}, element("th", { scope: "row", textContent: name }), ...METHODS.map((method, place) => element("td", { textContent: value(method, place) })));
    const rows = [line("epoch", (method, place) => method.epochs[state.epochs[place]]), line("mean r", (method, place) => method.mean[state.epochs[place]].toFixed(2))];
    if (at >= 0) {
      rows.push(line("r", (_, place) => rOf(place)[at].toFixed(2)));
      rows.push(line("95 %", (method, place) => interval(rOf(place)[at], method.seeds).map(end => end.toFixed(2).replace(/^0/, "")).join("–")));
      const scores = new Map(DATA.quantities.filter(one => !one.key.startsWith("t-SNE.") && !one.key.startsWith("others.")).map(one => [one.key.slice(one.key.indexOf(".") + 1), one.label.replace(/, [^,]*$/, "")]));
      for (const [score, name] of scores) rows.push(line(name, method => {
        const one = QUANTITIES.get(`${method.name}.${score}`);
        return one ? written(one.values()[at]) : "–";
      }));
      for (const one of DATA.quantities.filter(one => one.key.startsWith("others."))) rows.push(element("tr", {}, element("th", { scope: "row", textContent: one.label }), element("td", { colSpan: METHODS.length, textContent: written(QUANTITIES.get(one.key).values()[at]) })));
    }
    table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
  },

  pinned: "",

  drawPins() {
    const now = state.pins.join();
    if (this.pinned === now) return;
    this.pinned = now;
    $("#pins").replaceChildren(...state.pins.map(at => {
      const inside = pictures ? element("canvas") : element("span", { className: "word", textContent: textOf(at).slice(0, 24) });
      if (pictures) { drawPicture(prepared(inside, 36, 36).pen, at, 0, 0, 36); inside.style.width = inside.style.height = "36px"; }
      const button = element("button", { type: "button", ariaLabel: `Unpin example ${DATA.examples[at]}`, title: "Unpin" }, inside);
      button.addEventListener("click", () => pin(at));
      return button;
    }));
  },
};

function keyOf(method) {
  const made = element("span", { className: "key" });
  made.style.background = colourOf(method);
  return made;
}

// ---------------------------------------------------------------- classes and controls

const strips = [];

function buildClasses() {
  $("#classes").style.display = DATA.classes.length ? "" : "none";
  const members = DATA.classes.map(() => []);
  DATA.classOf.forEach((place, at) => { if (place >= 0) members[place].push(at); });
  for (const [place, name] of DATA.classes.entries()) {
    const marks = METHODS.map(() => element("i"));
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = members[place].length ? dotColour(members[place][0]) : "none";
    const button = element("button", { type: "button" }, swatch, element("span", { className: "name", textContent: name, title: name }), element("span", { className: "strip" }, ...marks));
    button.addEventListener("click", () => {
      if (!state.classes.delete(place)) state.classes.add(place);
      changed();
    });
    $("#classes .rows").append(button);
    strips.push({ button, marks, members: members[place], name });
  }
}

function drawClasses() {
  const values = METHODS.map((_, at) => rOf(at));
  for (const [place, { button, marks, members, name }] of strips.entries()) {
    const means = values.map(r => members.reduce((sum, at) => sum + r[at], 0) / members.length);
    means.forEach((mean, at) => { marks[at].style.left = `${(100 * mean).toFixed(1)}%`; });
    marks.forEach((mark, at) => { mark.style.background = colourOf(METHODS[at]); });
    button.ariaPressed = state.classes.size ? String(state.classes.has(place)) : "mixed";
    button.title = `${name}: mean r ${means.map((mean, at) => `${METHODS[at].label} ${mean.toFixed(2)}`).join(", ")}`;
  }
}

function drawControls() {
  const slider = $("#slider"), [low, high] = timeRange();
  Object.assign(slider, { min: low, max: high });
  slider.value = state.time;
  slider.ariaLabel = state.mode === "epoch" ? "Epoch" : "Mean of r, in percent";
  $("#when").textContent = state.mode === "epoch" ? `epoch ${state.time} of ${high}` : `mean r ${(state.time / 100).toFixed(2)}`;
  slider.ariaValueText = $("#when").textContent;
  document.querySelectorAll("[name=mode]").forEach(one => { one.checked = one.value === state.mode; });
  const kept = visible.reduce((sum, one) => sum + one, 0);
  $("#kept").textContent = `${kept} of ${COUNT} examples`;
  plots.forEach((plot, number) => plot.axes.forEach((select, axis) => { select.value = state.axes[number][axis]; }));
  $("#sort").value = state.sort;
}

let playing = null;

function play() {
  const end = timeRange()[1];
  if (playing) clearInterval(playing);
  playing = playing ? null : setInterval(() => {
    if (state.time >= end) return play();
    setTime(state.time + Math.max(1, Math.round((end - timeRange()[0]) / 100)));
    changed();
  }, 150);
  if (playing && state.time >= end) setTime(timeRange()[0]);
  $("#play").textContent = playing ? "⏸" : "▶";
  $("#play").ariaPressed = String(Boolean(playing));
  $("#play").ariaLabel = playing ? "Pause" : "Play";
  changed();
}

function find(text) {
  const asked = text.trim().toLowerCase();
  if (!asked) return say("");
  const exact = [...Array(COUNT).keys()].filter(at => String(DATA.examples[at]) === asked || idOf(at).toLowerCase() === asked);
  const found = exact.length ? exact : [...Array(COUNT).keys()].filter(at => idOf(at).toLowerCase().includes(asked) || (DATA.texts && textOf(at).toLowerCase().includes(asked)));
  if (!found.length) return say(`no example ${text.trim()} on this page`);
  if (!state.pins.includes(found[0])) pin(found[0]);
  say(found.length > 1 ? `${found.length} found, the first is pinned` : `example ${DATA.examples[found[0]]} is pinned${visible[found[0]] ? "" : ", outside the selection"}`);
}

const say = text => { $("#said").textContent = text; };

/** Tell those who cannot see it which example the keys have come to. */
function speak() {
  const at = focused();
  $("#spoken").textContent = at < 0 ? "" : [`example ${DATA.examples[at]}`, classNameOf(at), textOf(at), ...METHODS.map((method, place) => `r ${method.label} ${rOf(place)[at].toFixed(2)}`)].filter(Boolean).join(", ");
}

function download() {
  const quoted = text => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const columns = [["example", at => String(DATA.examples[at])], ...(DATA.ids ? [["id", idOf]] : []), ...(DATA.classes.length ? [["class", classNameOf]] : [])];
  const lines = new Set([columns.map(([name]) => name), ...gallery.order.map(at => columns.map(([, value]) => quoted(value(at))))].map(line => line.join(","))); // a panel may hold an example twice
  const address = URL.createObjectURL(new Blob([[...lines, ""].join("\n")], { type: "text/csv" }));
  element("a", { href: address, download: `${DATA.study}-selection.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  say(`${lines.size - 1} example${lines.size === 2 ? "" : "s"} downloaded`);
}

function point(at) {
  if (at === state.pointed) return;
  state.pointed = at;
  changed();
}

function pin(at) {
  if (at < 0) return;
  const place = state.pins.indexOf(at);
  if (place < 0) state.pins.push(at);
  else state.pins.splice(place, 1);
  if (state.pointed !== at) state.pointed = -1;
  changed();
}

// ---------------------------------------------------------------- the view in the address

const packBits = bits => btoa(String.fromCharCode(...Uint8Array.from({ length: Math.ceil(COUNT / 8) }, (_, byte) => [0, 1, 2, 3, 4, 5, 6, 7].reduce((sum, bit) => sum | ((bits[8 * byte + bit] || 0) << bit), 0))));
const unpackBits = text => { const bytes = bytesOf(text); return Uint8Array.from({ length: COUNT }, (_, at) => (bytes[at >> 3] >> (at & 7)) & 1); };

function address() {
  const view = new URLSearchParams({ study: DATA.study, mode: state.mode, t: state.time, x1: state.axes[0][0], y1: state.axes[0][1], x2: state.axes[1][0], y2: state.axes[1][1], sort: state.sort });
  if (state.reversed) view.set("reversed", "1");
  if (state.classes.size) view.set("classes", [...state.classes].join("."));
  if (state.pins.length) view.set("pins", state.pins.join("."));
  if (state.chosen) view.set("box", packBits(state.chosen));
  return view.toString();
}

/** Take over a view from the address; what makes no sense there is left as it is. */
function restore(text) {
  const view = new URLSearchParams(text);
  const places = name => (view.get(name) || "").split(".").filter(one => /^\d+$/.test(one)).map(Number);
  const own = !view.has("study") || view.get("study") === DATA.study; // places of another study are other examples
  const quantity = (name, otherwise) => (QUANTITIES.has(view.get(name)) ? view.get(name) : otherwise);
  state.mode = view.get("mode") === "mean" ? "mean" : "epoch";
  state.axes = state.axes.map(([x, y], number) => [quantity(`x${number + 1}`, x), quantity(`y${number + 1}`, y)]);
  state.sort = quantity("sort", state.sort);
  state.reversed = view.get("reversed") === "1";
  state.classes = new Set((own ? places("classes") : []).filter(place => place < DATA.classes.length));
  state.pins = [...new Set((own ? places("pins") : []).filter(at => at < COUNT))];
  state.chosen = null;
  try { if (own && view.get("box")) state.chosen = unpackBits(view.get("box")); } catch { /* no base64 */ }
  setTime(/^\d+$/.test(view.get("t")) ? Number(view.get("t")) : timeRange()[1]);
}

// ---------------------------------------------------------------- one frame

let frame = 0, writing = 0;

/** Ask for a frame; everything that shows the state is drawn in it. */
function changed() {
  filter();
  if (!frame) frame = requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  drawControls();
  plots.forEach(plot => plot.draw());
  gallery.draw();
  drawClasses();
  detail.draw();
  clearTimeout(writing);
  writing = setTimeout(() => { if (address() !== location.hash.slice(1)) history.replaceState(null, "", `#${address()}`); }, 250);
}

function listen() {
  $("#slider").addEventListener("input", event => { setTime(Number(event.target.value)); changed(); });
  $("#play").addEventListener("click", play);
  document.querySelectorAll("[name=mode]").forEach(one => one.addEventListener("change", () => {
    const mean = METHODS[0].mean[state.epochs[0]], epoch = METHODS[0].epochs[state.epochs[0]];
    state.mode = one.value;
    setTime(state.mode === "mean" ? 100 * mean : epoch);
    changed();
  }));
  $("#search").addEventListener("submit", event => { event.preventDefault(); find($("#query").value); });
  $("#box").addEventListener("click", () => { $("#box").ariaPressed = String(document.body.classList.toggle("boxing")); });
  $("#clear").addEventListener("click", () => { Object.assign(state, { chosen: null, pins: [], pointed: -1 }); state.classes.clear(); say(""); changed(); });
  $("#download").addEventListener("click", download);
  document.addEventListener("keydown", event => {
    if (event.key === "Escape") {
      if (plots.some(plot => plot.start)) plots.forEach(plot => plot.stop());
      else { state.chosen = null; changed(); }
    }
    if (event.key === "/" && event.target.tagName !== "INPUT") { event.preventDefault(); $("#query").focus(); }
  });
  addEventListener("hashchange", () => { restore(location.hash.slice(1)); changed(); });
  addEventListener("resize", () => changed());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); detail.shown = -2; changed(); });
}

function firstView() {
  const name = at => `r.${METHODS[Math.min(at, METHODS.length - 1)].name}`, area = `${METHODS[0].name}.area`;
  const has = key => QUANTITIES.has(key);
  const other = METHODS.find(method => has(`${method.name}.variability`));
  const map = DATA.maps.find(one => one === METHODS[0].name) ?? DATA.maps[0];
  state.axes[0] = METHODS.length > 1 ? [name(0), name(1)] : [has(area) ? area : name(0), name(0)];
  state.axes[1] = map ? [`t-SNE.${map}.x`, `t-SNE.${map}.y`] : other ? [`${other.name}.variability`, `${other.name}.confidence`] : [has(area) ? area : name(0), name(0)];
  state.sort = has(area) ? area : name(0);
}

async function start() {
  await unpack();
  readColours();
  document.querySelector("h1").textContent = `Examples of study “${DATA.study}”`;
  $("#facts").textContent = [METHODS.map(method => `${method.label} (${method.seeds} seed${method.seeds === 1 ? "" : "s"})`).join(", "), `${COUNT} examples`].join(" · ");
  $("#notes").replaceChildren(...DATA.notes.map(note => element("p", { textContent: note })));
  firstView();
  restore(location.hash.slice(1));
  plots.push(new Scatter(0, $("#one")), new Scatter(1, $("#two")));
  buildClasses();
  gallery.listen();
  listen();
  filter();
  draw();
  document.documentElement.dataset.ready = "1";
}

start().catch(error => {
  $("#said").textContent = `This page could not be drawn: ${error.message}`;
  throw error;
});
