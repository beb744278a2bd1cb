/* Follows a run: every row of the ledger once and in order, whatever is killed and started again in between. */

const AGAIN = 1500;

/** Calls `told` with what is new after `cursor`, and `wired` with whether the server is heard. */
export const follow = (run, cursor, told, wired) => {
  let [measurement, note] = cursor.split(".").map(Number);
  let source = null;
  let timer = 0;
  let over = false;

  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };

  const open = () => {
    close();
    if (over || document.hidden) return;
    source = new EventSource(`/api/runs/${encodeURIComponent(run)}/events?after=${measurement}.${note}`);
    source.onopen = () => wired(true);
    source.onerror = () => {
      wired(false);
      // A browser gives up where it was answered with an error; the server may yet come back.
      if (source?.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN);
    };
    source.onmessage = (event) => {
      const change = JSON.parse(event.data);
      change.measurements = change.measurements.filter(([id]) => id > measurement);
      change.notes = change.notes.filter(([id]) => id > note);
      [measurement, note] = event.lastEventId.split(".").map(Number);
      wired(true);
      if (told(change) === false) {
        over = true;
        close();
      }
    };
  };

  // A hidden page gives its connection back: a browser has six for one server.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : source ?? open()));
  addEventListener("pagehide", close);
  open();
};
