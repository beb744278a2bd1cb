import { Chart } from "./chart.js";
import { Curves } from "./curves.js";
import { follow } from "./follow.js";
import { el, find, get, name, once, pill, quantity, score, shorten, svg, when, width } from "./page.js";

const MOST = 8;
const LOSSES = ["train_loss", "validation_loss"];
const charts = new Map();
let found = null, curves = [], log = false;

const letter = (i) => "AB"[i];
const card = (run, i) => {
  const swatch = svg("svg", { width: 26, height: 10, "aria-hidden": "true" }, svg("path", { class: `line ${["s0", "s1"][i]}`, d: "M1 5H25" }));
  return el("article", {}, el("h2", {}, swatch, `${letter(i)} `, el("a", { href: `/runs/${encodeURIComponent(run.id)}` }, name(run.name))),
    el("p", { class: "quiet small" }, when(run.created), " ", pill(run.status)),
    el("p", {}, el("b", {}, score(run.result?.score)), ` ${shorten(run.result?.score?.metric ?? "", 40)}`),
    el("p", { class: "small" }, shorten(run.result?.verdict?.sentence ?? "", 200)));
};

const draw = once(() => {
  const titles = new Map();
  curves.forEach((each) => each.quantities().forEach((one) => titles.set(one, quantity(one))));
  const order = [...LOSSES.filter((each) => titles.has(each)), ...[...titles.keys()].filter((each) => !LOSSES.includes(each)).sort()];
  for (const each of order.slice(0, MOST)) {
    const lines = curves.flatMap((one, i) => one.of(each).slice(0, 2).map(({ layer, points }, j) => ({
      name: `${letter(i)} ${layer ? shorten(layer, 20) : quantity(each)}`, points, style: `${["s0", "s1"][i]}${j ? " second" : ""}`,
    })));
    if (!charts.has(each)) charts.set(each, new Chart(find("charts"), { title: shorten(titles.get(each)).replace(/^./, (first) => first.toUpperCase()), height: 250 }));
    charts.get(each).set(lines, { log });
  }
});

const shown = (value) => (value === null || value === undefined ? "–" : shorten(typeof value === "object" ? JSON.stringify(value) : value, 80));
const drawDifferences = (rows) => {
  find("same").hidden = rows.length > 0;
  find("differences").hidden = !rows.length;
  find("differences").replaceChildren(
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Setting"), el("th", { scope: "col" }, "A"), el("th", { scope: "col" }, "B"))),
    el("tbody", {}, ...rows.map(({ key, values }) => el("tr", {}, el("th", { scope: "row" }, shorten(key)), ...values.map((each) => el("td", {}, el("bdi", {}, shown(each))))))));
};

async function start() {
  const names = new URLSearchParams(location.search).getAll("run");
  try {
    const asked = names.map((each) => `run=${encodeURIComponent(each)}`).join("&");
    found = await get(`/api/compare?${asked}&width=${width(find("charts"))}`);
  } catch (error) {
    find("trouble").hidden = false;
    find("trouble").textContent = error.message;
    return;
  }
  curves = found.runs.map((run) => new Curves(run));
  find("pair").replaceChildren(...found.runs.map(card));
  drawDifferences(found.differences);
  draw();
  found.runs.forEach((run, i) => run.status === "running" && follow(run.id, run.cursor, ({ status, measurements }) => {
    curves[i].add(measurements);
    draw();
    return status === "running";
  }, () => {}));
}

find("log").addEventListener("click", () => {
  log = !log;
  find("log").setAttribute("aria-pressed", String(log));
  draw();
});
start();
