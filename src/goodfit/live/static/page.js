/* What all pages share: elements whose text is only ever text, numbers as a person reads them, requests. */

export const find = (id) => document.getElementById(id);

/** An element; attributes that are null are left out, children are nodes or text. */
export const el = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};

export const svg = (tag, attributes = {}, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

const LONGEST = 60;
/** At most so many characters on one line, the middle left out: names often differ at the end. */
export const shorten = (text, most = LONGEST) => {
  const line = Array.from(String(text).slice(0, 20 * most).replace(/[\p{Cc}\s]+/gu, " ").trim());
  if (line.length <= most) return line.join("");
  const tail = Math.floor(most / 3);
  return `${line.slice(0, most - tail - 1).join("")}…${line.slice(-tail).join("")}`;
};

/** A name from data, on its own side of the writing direction. */
export const name = (text, most = LONGEST) => el("bdi", {}, shorten(text, most) || "(empty)");

export const number = (value, digits = 3) => {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e9))
    return value.toExponential(digits - 1).replaceAll("-", "−");
  const decimals = Number.isInteger(value) ? 0 : Math.min(6, Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value)))));
  const shown = value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return shown.replaceAll("-", "−");
};

export const duration = (seconds) => {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
};

export const score = (found) => {
  if (!found) return "–";
  if (found.unit === "share right") return `${(100 * found.value).toFixed(1)} %`;
  return number(found.value);
};

export const words = (text) => String(text).replaceAll("_", " ");
export const when = (iso) => new Date(iso).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
export const clock = (iso) => new Date(iso).toLocaleTimeString([], { hour12: false });

export const quantity = (text) =>
  ({ train_loss: "training loss", validation_loss: "validation loss" })[text] ?? words(text);

const STATUS = { running: "running", done: "done", failed: "failed", interrupted: "interrupted" };
export const pill = (status, made = el("span")) => {
  made.className = `pill ${STATUS[status] ?? ""}`;
  made.textContent = STATUS[status] ?? "";
  return made;
};

/** Told to a screen reader. */
export const say = (text) => {
  const place = find("said");
  if (place.textContent !== text) place.textContent = text;
};

export const get = async (address) => {
  const answer = await fetch(address, { headers: { accept: "application/json" } });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error ?? answer.statusText);
  return found;
};

/** How many points a picture can show: twice as many are asked for, its least and greatest ones. */
export const width = (place) => Math.max(200, Math.min(2000, Math.round(place.clientWidth || 800)));

/** The token of this start of the server: in the page, or (where the page is public) behind the # that was printed. */
export const token = () => {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return document.querySelector("meta[name=goodfit-token]").content || sessionStorage.getItem("token") || "";
};

/** The token after the server was started anew. */
export const freshToken = async () => {
  const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
  return page.querySelector("meta[name=goodfit-token]")?.content ?? "";
};

/** Runs `draw` once for all calls before the next picture of the screen. */
export const once = (draw) => {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
};
