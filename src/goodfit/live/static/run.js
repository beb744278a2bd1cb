import { Chart } from "./chart.js";
import { Curves } from "./curves.js";
import { follow } from "./follow.js";
import { Guide } from "./guide.js";
import { clock, duration, el, find, freshToken, get, name, number, once, pill, quantity, say, score, shorten, token, width, words } from "./page.js";

const id = find("id").dataset.run;
const LOSSES = ["train_loss", "validation_loss"];
const LINES = 500;
const MOST_LAYERS = 8;
const secret = token();
const guide = new Guide();
const charts = new Map();
let run = null, curves = null, notes = [], log = false, refreshing = false;

const chartOf = (key, place, options) => {
  if (!charts.has(key)) charts.set(key, new Chart(place, options));
  return charts.get(key);
};

const drawCurves = once(() => {
  const lines = LOSSES.flatMap((each, i) => curves.of(each).map(({ points }) => ({ name: quantity(each), points, style: `s${i}` })));
  chartOf("losses", find("losses"), { title: "Training and validation loss", reading: "Lower is better. Where the validation loss rises while the training loss falls, the network memorises." }).set(lines, { log });
  const others = curves.quantities().filter((each) => !LOSSES.includes(each));
  find("other").hidden = !others.length;
  for (const each of others) {
    const layers = curves.of(each).slice(0, MOST_LAYERS);
    const drawn = layers.map(({ layer, points }, i) => ({ name: layer ? shorten(layer, 24) : shorten(quantity(each), 24), points, style: `s${i}` }));
    chartOf(each, find("quantities"), { title: shorten(quantity(each)), height: 210 }).set(drawn, { log });
  }
  find("more").textContent = curves.more ? `${curves.more} more curves are in the ledger.` : "";
  keyFigures();
});

const fact = (key, value, small = "") => el("div", {}, el("dt", {}, key), el("dd", {}, el("b", {}, value), el("span", { class: "small quiet" }, small)));
const noted = (kind) => notes.filter((note) => note[2] === kind);
const read = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
};
const running = () => run.status === "running";
const now = () => (running() ? Date.now() : Date.parse(notes.at(-1)?.[1] ?? run.created));

function keyFigures() {
  const plan = noted("plan").at(-1);
  const planned = plan ? read(plan[3]) : {};
  const [train, validation] = LOSSES.map((each) => curves.last(each));
  const update = train?.[0] ?? 0;
  const values = (curves.of("validation_loss")[0]?.points ?? []).filter(([, value]) => value !== null);
  const best = values.reduce((low, each) => (low === null || each[1] < low[1] ? each : low), null);
  const training = noted("stage").at(-1)?.[3] === "training" && running();
  const spent = plan ? (Date.now() - Date.parse(plan[1])) / 1000 : 0;
  const left = training && update && planned.updates ? `at most ${duration((spent / update) * Math.max(0, planned.updates - update))} left` : "";
  const [took, found] = [run.result?.training, run.result?.score];
  find("key").replaceChildren(
    fact("Updates of the weights", number(update), took ? `${number(took.epochs)} epochs, the best is ${number(took.best_epoch)}` : planned.updates ? `of ${number(planned.updates)} planned` : ""),
    fact("Training loss", number(train?.[1]), train ? `at update ${number(train[0])}` : ""),
    fact("Validation loss", number(validation?.[1]), best ? `best ${number(best[1])} at update ${number(best[0])}` : ""),
    found ? fact(`${words(found.part)} score`.replace(/^./, (first) => first.toUpperCase()), score(found), shorten(found.metric, 40)) : fact("Time", duration((now() - Date.parse(run.created)) / 1000), left));
  find("progress").hidden = !training || !planned.updates;
  find("progress").value = planned.updates ? Math.min(1, update / planned.updates) : 0;
}

function drawHead() {
  find("name").textContent = shorten(run.name) || "(empty)";
  document.title = `${running() ? "● " : ""}${shorten(run.name, 40)} · goodfit`;
  pill(run.status, find("status"));
  find("stop").hidden = !running() || !secret;
  const asked = noted("stop").length > 0;
  find("stop").disabled = asked;
  find("stop").textContent = asked ? "Stopping …" : "Stop";
  find("report").hidden = !run.report;
  find("report").setAttribute("href", `/runs/${encodeURIComponent(id)}/report`);
  const verdict = run.result?.verdict;
  const said = verdict?.sentence ?? (running() || run.status === "done" ? "" : run.outcome);
  find("verdict").hidden = !said;
  const tone = { healthy: "good", undetermined: "open" }[verdict?.cause ?? "undetermined"] ?? "attention";
  find("verdict").querySelector(".verdict").className = `verdict ${tone}`;
  find("verdict").querySelector(".verdict").textContent = shorten(said, 400);
  find("verdict").querySelector(".change").textContent = verdict?.change ? `What to change: ${shorten(verdict.change, 300)}.` : "";
}

function drawStages() {
  const told = notes.filter((note) => note[2] === "stage" || note[2] === "asking");
  const stages = [];
  for (const [, at, kind, text] of told) {
    const doing = kind === "asking" ? "experiments" : text;
    if (stages.at(-1)?.doing !== doing) stages.push({ doing, at });
  }
  const end = now();
  find("stages").replaceChildren(...stages.map(({ doing, at }, i) => {
    const last = i === stages.length - 1;
    const state = !last || run.status === "done" ? "done" : running() ? "running" : "broken";
    const spent = ((last ? end : Date.parse(stages[i + 1].at)) - Date.parse(at)) / 1000;
    return el("li", { "data-state": state }, name(doing), el("span", { class: "quiet small" }, duration(Math.max(0, spent))), el("span", { class: "sr" }, ` (${state})`));
  }));
  if (!stages.length) find("stages").replaceChildren(el("li", { "data-state": "none" }, running() ? "starting" : "none was noted"));
}

function drawExperiments() {
  const asked = [];
  for (const [, at, kind, text] of notes) {
    const open = asked.at(-1);
    if (open && !open.end && kind !== "found") open.end = at;
    if (kind === "asking") asked.push({ text, at, found: "", end: "" });
    else if (kind === "found" && open) Object.assign(open, { found: text, end: at });
  }
  const counts = guide.show({ asked, answers: noted("answer").map((note) => read(note[3])), run });
  find("experiments").hidden = !asked.length;
  find("asked").replaceChildren(...asked.map(({ text, at, found, end }) => {
    const over = end || !running();
    const [cause, ...change] = shorten(text, 200).split(": ");
    const label = change.length ? [el("b", {}, words(cause)), ` ${change.join(": ")}`] : [words(cause)];
    return el("li", { "data-state": over ? "done" : "running" }, el("p", {}, ...label),
      el("p", { class: "quiet small" }, over ? shorten(found || "asked", 240) : "running …", end ? ` · ${duration((Date.parse(end) - Date.parse(at)) / 1000)}` : ""));
  }));
  find("count").textContent = asked.length || counts.answered ? `${counts.done} asked, ${counts.running} running, ${counts.waiting} not asked` : "Lights up when the experiments begin.";
}

const KINDS = { stage: "stage", plan: "plan", facts: "data", answer: "answer", asking: "asks", found: "found", stop: "stop" };
const told = (kind, text) => {
  if (kind === "plan") return `a training of ${number(read(text).updates)} updates, ${number(read(text).epochs)} epochs`;
  if (kind === "facts") return Object.entries(read(text)).map(([key, value]) => `${key}: ${value}`).join(", ");
  if (kind === "answer") return `${read(text).question}: ${read(text).answer}. ${read(text).sentence}`;
  return kind === "stop" ? "a person asks the run to stop" : text;
};
function addLines(rows) {
  const place = find("lines");
  const atEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 30;
  place.append(...rows.slice(-LINES).map(([, at, kind, text]) => el("p", {}, el("time", { datetime: at }, clock(at)),
    el("span", { class: "kind" }, KINDS[kind] ?? shorten(kind, 12)), el("span", {}, shorten(told(kind, text), 400)))));
  while (place.childElementCount > LINES) place.firstElementChild.remove();
  if (atEnd) place.scrollTop = place.scrollHeight;
}

const pairs = (place, entries) => place.replaceChildren(...entries.flatMap(([key, value]) => [el("dt", {}, name(key, 40)), el("dd", {}, name(typeof value === "object" ? JSON.stringify(value) : value, 200))]));

function drawAll() {
  drawHead();
  drawStages();
  drawExperiments();
  pairs(find("facts"), Object.entries(read(noted("facts").at(-1)?.[3] ?? "{}")));
  keyFigures();
}

/** Take everything anew: the curves as thin as the picture allows, and what only a finished run has. */
async function refresh() {
  if (refreshing) return;
  refreshing = true;
  try {
    const found = await get(`/api/runs/${encodeURIComponent(id)}?width=${width(find("losses"))}`);
    run = found;
    curves.replace(found);
    drawAll();
    drawCurves();
  } finally {
    refreshing = false;
  }
}

function change({ status, outcome, measurements, notes: more }) {
  const ended = run.status === "running" && status !== "running";
  Object.assign(run, { status, outcome });
  curves.add(measurements);
  notes.push(...more);
  addLines(more);
  if (more.length || ended) drawAll();
  drawCurves();
  if (ended) say(`The run is over: ${status}.`);
  for (const [, , kind, text] of more.slice(-1)) if (kind === "stage" || kind === "found") say(shorten(text, 120));
  if (ended || curves.grown(width(find("losses")))) refresh().catch(failed);
  if (status === "done" || status === "failed") wired(null);
  return status === "running" || status === "interrupted";
}

function wired(heard) {
  const over = heard === null || (run.status !== "running" && heard);
  find("wire").className = `wire ${over ? "" : heard ? "heard" : "lost"}`;
  find("wire").textContent = over ? "" : heard ? "live" : "the server does not answer; trying again";
}

async function stop() {
  const ask = (held) => fetch(`/api/runs/${encodeURIComponent(id)}/stop`, { method: "POST", headers: { "X-Goodfit-Token": held } });
  let answer = await ask(secret);
  if (answer.status === 403) answer = await ask(await freshToken());
  say(answer.ok ? "The run is asked to stop." : (await answer.json()).error);
  if (!answer.ok) find("wire").textContent = find("said").textContent;
}

async function start() {
  run = await get(`/api/runs/${encodeURIComponent(id)}?width=${width(find("losses"))}`);
  curves = new Curves(run);
  notes = run.notes;
  addLines(notes);
  pairs(find("settings"), Object.entries(run.settings));
  find("show").textContent = `goodfit show ${id}`;
  drawAll();
  drawCurves();
  if (run.status === "running" || run.status === "interrupted") follow(id, run.cursor, change, wired);
  setInterval(() => running() && (keyFigures(), drawStages()), 1000);
}

const failed = (error) => {
  find("wire").className = "wire lost";
  find("wire").textContent = error instanceof TypeError ? "the server does not answer" : error.message;
};

find("log").addEventListener("click", () => {
  log = !log;
  find("log").setAttribute("aria-pressed", String(log));
  drawCurves();
});
find("stop").addEventListener("click", () => find("ask").showModal());
find("ask").addEventListener("close", () => find("ask").returnValue === "stop" && stop());
start().catch(failed);
