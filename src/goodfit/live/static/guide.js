/* The guide: the questions that are answered, the way that was taken, and each cause as far as it was asked. */

import { el, shorten, words } from "./page.js";

const SAID = {
  waiting: "not asked", running: "being asked", done: "asked", supports: "the change mends it",
  contradicts: "the change does not mend it", inconclusive: "not decided", "not askable": "cannot be asked",
};

/** Whether an experiment was run: a cause is ranked without one as well. */
const known = (effect) => effect?.value !== null && effect?.value !== undefined;

export class Guide {
  #causes = new Map([...document.querySelectorAll("#guide .cause")].map((each) => [each.dataset.cause, each]));
  #questions = new Map([...document.querySelectorAll("#guide .question")].map((each) => [each.dataset.question, each]));

  /** Light what is known; how many causes are asked, running and waiting. */
  show({ asked, answers, run }) {
    const states = new Map();
    for (const { text, end } of asked) {
      const label = text.split(":")[0];
      for (const cause of label.split(" and ")) if (this.#causes.has(cause)) states.set(cause, end || run.status !== "running" ? "done" : "running");
    }
    for (const { cause, reading, effect } of run.result?.ranked ?? [])
      if (known(effect) || reading === "not askable") states.set(cause, reading);
    const found = run.result?.verdict?.cause;
    for (const [cause, place] of this.#causes) {
      const state = states.get(cause) ?? "waiting";
      place.dataset.state = state;
      place.querySelector(".state").textContent = `: ${SAID[state] ?? state}${cause === found ? ", the verdict" : ""}`;
      place.classList.toggle("verdict-cause", cause === found);
    }
    const path = run.result?.verdict?.path ?? answers;
    this.#answer(path);
    const count = (wanted) => [...this.#causes.keys()].filter((cause) => wanted(states.get(cause))).length;
    return {
      running: count((state) => state === "running"),
      waiting: count((state) => state === undefined),
      done: count((state) => state !== undefined && state !== "running"),
      answered: path.length,
    };
  }

  #answer(path) {
    for (const each of document.querySelectorAll("#guide .taken-way, #guide .answered")) each.classList.remove("taken-way", "answered");
    for (const each of document.querySelectorAll("#guide .taken, #guide .because")) each.classList.contains("because") ? each.remove() : (each.textContent = "");
    for (const { question, answer, sentence } of path) {
      const place = this.#questions.get(question);
      if (!place) continue;
      place.classList.add("answered");
      const way = [...place.querySelector(".branches").children].find((each) => each.dataset.answer === answer);
      way?.classList.add("taken-way");
      if (way) way.querySelector(".taken").textContent = " (the answer)";
      const shown = way ? sentence : `${words(answer)}: ${sentence}`;
      place.querySelector(".asks").after(el("p", { class: "because small" }, shorten(shown, 300)));
    }
  }
}
