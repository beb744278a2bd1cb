import { spark } from "./chart.js";
import { duration, el, find, get, name, pill, score, shorten, token, when, words } from "./page.js";

const EVERY = 2000;
let runs = [];
let shown = "";
const chosen = new Set();

const row = (run) => {
  const box = el("input", { type: "checkbox", name: "run", value: run.id, "aria-label": `Compare ${shorten(run.name)}, ${run.id}` });
  box.checked = chosen.has(run.id);
  const verdict = run.sentence ?? run.outcome.replaceAll("_", " ");
  const metric = run.score ? el("small", {}, shorten(run.score.unit === "share right" ? "right" : run.score.unit || run.score.metric, 24)) : null;
  return el("tr", { role: "row" },
    el("td", { role: "cell", class: "choose" }, el("label", {}, box)),
    el("th", { role: "rowheader", scope: "row", class: "left" }, el("a", { href: `/runs/${encodeURIComponent(run.id)}` }, name(run.name)),
      el("small", {}, `${when(run.created)} · ${shorten(run.kind, 20)}`)),
    el("td", { role: "cell", class: "left" }, pill(run.status), run.seconds ? el("small", {}, duration(run.seconds)) : null),
    el("td", { role: "cell", class: "left curve" }, spark(run.spark)),
    el("td", { role: "cell", class: "number" }, el("b", {}, score(run.score)), metric),
    el("td", { role: "cell", class: "left said-by" }, run.cause ? el("b", { class: run.cause === "healthy" ? "good" : null }, shorten(words(run.cause))) : null,
      el("small", {}, shorten(verdict, 300))));
};

const draw = () => {
  const wanted = find("find").value.trim().toLowerCase();
  const found = runs.filter((run) => [run.name, run.id, run.kind, run.status, run.cause, run.sentence].join(" ").toLowerCase().includes(wanted));
  const now = JSON.stringify([found, [...chosen]]);
  if (now === shown) return;
  shown = now;
  const focused = document.activeElement;
  const kept = find("list").contains(focused) ? [focused.tagName, focused.value ?? focused.getAttribute("href")] : null;
  find("list").replaceChildren(...found.map(row));
  if (kept) [...find("list").querySelectorAll(kept[0])].find((each) => (each.value ?? each.getAttribute("href")) === kept[1])?.focus();
  document.querySelector("table.runs").hidden = !found.length;
  find("none").hidden = Boolean(found.length || !runs.length);
  find("empty").hidden = Boolean(runs.length);
  document.querySelector(".bar").hidden = !runs.length;
  find("compare").disabled = chosen.size !== 2;
};

const load = async () => {
  if (document.hidden) return;
  try {
    ({ runs } = await get("/api/runs"));
    find("trouble").hidden = true;
    draw();
  } catch (error) {
    find("trouble").hidden = false;
    find("trouble").textContent = error instanceof TypeError ? "The server does not answer; start it again with goodfit serve." : error.message;
  }
};

token();
find("find").addEventListener("input", draw);
find("list").addEventListener("change", (event) => {
  if (event.target.checked) {
    // Choosing a third lets go of the first.
    if (chosen.size === 2) chosen.delete([...chosen][0]);
    chosen.add(event.target.value);
  } else chosen.delete(event.target.value);
  draw();
});
document.addEventListener("visibilitychange", load);
load();
setInterval(load, EVERY);
