/* Lines over the updates, drawn by hand as SVG: they take the page's colours, and can be read by keyboard. */

import { el, number, once, svg } from "./page.js";

const LEFT = 52, RIGHT = 14, TOP = 10, BOTTOM = 40;
const DOTS_UP_TO = 40;
const ROWS = 200;

/** Values between which a scale is divided evenly: 1, 2 or 5 times a power of ten. */
const ticks = (low, high, most) => {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first;
  return Array.from({ length: count + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
};

const logTicks = (low, high, most) => {
  const from = Math.floor(Math.log10(low)), to = Math.ceil(Math.log10(high));
  const every = Math.max(1, Math.ceil((to - from) / most));
  const steps = to - from <= 2 ? [1, 2, 5] : [1];
  const found = [];
  for (let power = from; power <= to; power += every)
    for (const step of steps) found.push(Number((step * 10 ** power).toPrecision(3)));
  return found.filter((each) => each >= low * 0.999 && each <= high * 1.001);
};

const short = (value) => {
  if (value >= 1e6) return `${number(value / 1e6, 2)}M`;
  return value >= 1e4 ? `${number(value / 1e3, 2)}k` : number(value, 2);
};

/** What the y axis spans; on a log scale only what is above zero can be shown. */
const span = (values, log) => {
  const shown = log ? values.filter((each) => each > 0) : values;
  let low = Infinity, high = -Infinity;
  for (const each of shown) {
    if (each < low) low = each;
    if (each > high) high = each;
  }
  if (low > high) return null;
  if (log) return low === high ? [low / 2, high * 2] : [low / 1.15, high * 1.15];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
};

export class Chart {
  #lines = [];
  #log = false;
  #at = null;
  #ids;

  /** `title` is what the picture shows, `reading` how to read it. */
  constructor(place, { title, reading = "", unit = "", height = 300 }) {
    Object.assign(this, { title, unit, height });
    this.legend = el("ul", { class: "lines" });
    this.plot = el("div", { class: "drawn", tabindex: "0", role: "img" });
    this.table = el("tbody");
    const columns = el("tr", {}, el("th", { scope: "col" }, "Update"));
    this.columns = columns;
    this.details = el("details", {}, el("summary", {}, "As a table"),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}: the numbers` },
        el("table", {}, el("thead", {}, columns), this.table)));
    const caption = el("figcaption", {}, el("h3", {}, title));
    place.append(el("figure", {}, caption, this.legend, this.plot, reading ? el("p", { class: "reading" }, reading) : null, this.details));
    this.redraw = once(() => this.#draw());
    new ResizeObserver(this.redraw).observe(this.plot);
    this.details.addEventListener("toggle", () => this.#tabulate());
    this.plot.addEventListener("pointermove", (event) => this.#point(event));
    this.plot.addEventListener("pointerleave", () => this.#show(null));
    this.plot.addEventListener("blur", () => this.#show(null));
    this.plot.addEventListener("keydown", (event) => this.#key(event));
  }

  /** `lines` are `{name, points, style}`; a style is one of s0 to s7 of the style sheet. */
  set(lines, { log = this.#log } = {}) {
    this.#lines = lines;
    this.#log = log;
    this.redraw();
  }

  #draw() {
    const wide = this.plot.clientWidth;
    if (!wide) return;
    const points = this.#lines.flatMap((line) => line.points);
    const steps = points.map(([step]) => step);
    const finite = points.map(([, value]) => value).filter((value) => value !== null);
    const log = this.#log && finite.some((value) => value > 0);
    const across = steps.length ? steps.reduce(([low, high], each) => [Math.min(low, each), Math.max(high, each)], [Infinity, -Infinity]) : null;
    const up = span(finite, log);
    this.#names();
    this.#tabulate();
    this.plot.setAttribute("aria-label", this.#summary());
    if (!across || !up) {
      this.plot.replaceChildren(el("p", { class: "nothing quiet" }, steps.length ? "No value that can be drawn." : "Nothing has been measured yet."));
      return;
    }
    if (across[0] === across[1]) across[1] += 1;
    const high = this.height;
    this.x = (step) => LEFT + ((step - across[0]) / (across[1] - across[0])) * (wide - LEFT - RIGHT);
    const place = log ? Math.log : (value) => value;
    const [bottom, top] = up.map(place);
    this.y = (value) => (log && value <= 0 ? high - BOTTOM : TOP + ((top - place(value)) / (top - bottom)) * (high - TOP - BOTTOM));
    this.across = across;
    const picture = svg("svg", { width: wide, height: high, viewBox: `0 0 ${wide} ${high}`, "aria-hidden": "true", focusable: "false" });
    this.#axes(picture, wide, high, across, up, log);
    for (const line of this.#lines) picture.append(...this.#line(line));
    this.mark = svg("g", { class: "mark" });
    picture.append(this.mark);
    this.plot.replaceChildren(picture);
    if (this.#at !== null) this.#show(this.#at);
  }

  #axes(picture, wide, high, across, up, log) {
    const grid = svg("g", { class: "axes" });
    for (const value of (log ? logTicks : ticks)(up[0], up[1], 5)) {
      const y = this.y(value);
      grid.append(svg("line", { x1: LEFT, x2: wide - RIGHT, y1: y, y2: y }), svg("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, short(value)));
    }
    for (const value of ticks(across[0], across[1], Math.max(2, Math.floor(wide / 110))))
      grid.append(svg("text", { x: this.x(value), y: high - BOTTOM + 18, "text-anchor": "middle" }, short(value)));
    grid.append(svg("line", { class: "base", x1: LEFT, x2: wide - RIGHT, y1: high - BOTTOM, y2: high - BOTTOM }));
    grid.append(svg("text", { x: wide - RIGHT, y: high - 4, "text-anchor": "end" }, `updates of the weights${log ? "; log scale" : ""}`));
    picture.append(grid);
  }

  #line({ points, style }) {
    let path = "", pen = false;
    const dots = [];
    for (const [step, value] of points) {
      if (value === null) {
        pen = false;
        continue;
      }
      const x = this.x(step).toFixed(1), y = this.y(value).toFixed(1);
      path += `${pen ? "L" : "M"}${x} ${y}`;
      pen = true;
      if (points.length <= DOTS_UP_TO) dots.push(svg("circle", { class: style, cx: x, cy: y, r: 2.5 }));
    }
    return [svg("path", { class: `line ${style}`, d: path }), ...dots];
  }

  #names() {
    const shown = this.#lines.map(({ name, points, style }, i) => {
      const swatch = svg("svg", { width: 26, height: 10, "aria-hidden": "true" }, svg("path", { class: `line ${style}`, d: "M1 5H25" }));
      const broken = points.filter(([, value]) => value === null).length;
      const value = el("b", {}, number(points.at(-1)?.[1]));
      return { item: el("li", {}, swatch, el("span", {}, name), value, broken ? el("span", { class: "worse" }, `${broken} not finite`) : null), value };
    });
    this.values = shown.map(({ value }) => value);
    this.legend.replaceChildren(...shown.map(({ item }) => item));
  }

  #summary() {
    const said = this.#lines.map(({ name, points }) => {
      const [first, last] = [points[0], points.at(-1)];
      return first ? `${name} from ${number(first[1])} at update ${number(first[0])} to ${number(last[1])} at update ${number(last[0])}` : `${name}: none`;
    });
    return `${this.title}. ${said.join("; ")}. Arrow keys read single points.`;
  }

  #tabulate() {
    if (!this.details.open) return;
    const byStep = new Map();
    this.#lines.forEach(({ points }, i) => points.forEach(([step, value]) => {
      if (!byStep.has(step)) byStep.set(step, []);
      byStep.get(step)[i] = value;
    }));
    const all = [...byStep].sort(([one], [other]) => one - other);
    const every = Math.max(1, Math.ceil(all.length / ROWS));
    const rows = all.filter((_, i) => i % every === 0 || i === all.length - 1);
    this.columns.replaceChildren(el("th", { scope: "col" }, "Update"), ...this.#lines.map(({ name }) => el("th", { scope: "col" }, name)));
    this.table.replaceChildren(...rows.map(([step, values]) => el("tr", {}, el("th", { scope: "row" }, number(step)),
      ...this.#lines.map((_, i) => el("td", {}, values[i] === undefined ? "" : number(values[i], 4))))));
  }

  /** The point of each line nearest to a step: binary search, for there may be thousands. */
  #nearest(points, step) {
    let low = 0, high = points.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (points[middle][0] < step) low = middle;
      else high = middle;
    }
    return points.length ? (step - points[low][0] <= points[high][0] - step ? points[low] : points[high]) : null;
  }

  #show(step) {
    this.#at = step;
    if (!this.mark) return;
    const found = this.#lines.map(({ points }) => (step === null ? points.at(-1) : this.#nearest(points, step)));
    found.forEach((point, i) => this.values[i] && (this.values[i].textContent = number(point?.[1])));
    this.mark.replaceChildren();
    const at = found.find((point) => point)?.[0];
    if (step === null || at === undefined) return;
    this.mark.append(svg("line", { x1: this.x(at), x2: this.x(at), y1: TOP, y2: this.height - BOTTOM }));
    this.mark.append(svg("text", { x: Math.min(this.x(at) + 6, this.plot.clientWidth - 90), y: TOP + 12 }, `update ${number(at)}`));
    found.forEach((point, i) => point && point[1] !== null &&
      this.mark.append(svg("circle", { class: this.#lines[i].style, cx: this.x(point[0]), cy: this.y(point[1]), r: 4 })));
  }

  #point(event) {
    if (!this.across) return;
    const box = this.plot.getBoundingClientRect();
    const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
    this.#show(this.across[0] + Math.min(1, Math.max(0, share)) * (this.across[1] - this.across[0]));
  }

  #key(event) {
    const points = this.#lines[0]?.points ?? [];
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -points.length, End: points.length };
    if (event.key === "Escape") this.#show(null);
    if (!(event.key in moves) || !points.length) return;
    event.preventDefault();
    const now = this.#at === null ? points.length - 1 : points.indexOf(this.#nearest(points, this.#at));
    const next = points[Math.min(points.length - 1, Math.max(0, now + moves[event.key]))];
    this.#show(next[0]);
    this.plot.setAttribute("aria-label", `Update ${number(next[0])}: ${this.#lines.map(({ name }, i) => `${name} ${this.values[i].textContent}`).join(", ")}`);
  }
}

/** A picture of the size of a word; where it bends is what matters. */
export const spark = (values) => {
  const picture = svg("svg", { class: "spark", viewBox: "0 0 96 26", width: 96, height: 26, "aria-hidden": "true" });
  if (values.length < 2) return picture;
  const low = Math.min(...values), high = Math.max(...values);
  const at = (value, i) => `${(2 + (i / (values.length - 1)) * 92).toFixed(1)} ${(3 + ((high - value) / (high - low || 1)) * 20).toFixed(1)}`;
  const last = at(values.at(-1), values.length - 1).split(" ");
  picture.append(svg("path", { class: "line s0", d: `M${values.map(at).join("L")}` }), svg("circle", { class: "s0", cx: last[0], cy: last[1], r: 2.2 }));
  return picture;
};
