/* The curves of a run as they grow. What the server has thinned is fetched again when it has grown by much. */

const GROWN = 3;

export class Curves {
  constructor(snapshot) {
    this.recent = [];
    this.replace(snapshot);
  }

  /** Take a newer snapshot; what came by the tail since it was made stays. */
  replace(snapshot) {
    const read = Number(snapshot.cursor.split(".")[0]);
    this.all = new Map(snapshot.curves.map((each) => [`${each.quantity}\n${each.layer}`, { ...each, points: [...each.points] }]));
    this.more = snapshot.more_curves;
    this.started = this.size();
    this.recent = this.recent.filter(([id]) => id > read);
    this.recent.forEach((row) => this.#put(row));
  }

  add(rows) {
    for (const row of rows) {
      this.recent.push(row);
      this.#put(row);
    }
  }

  size() {
    return [...this.all.values()].reduce((sum, each) => Math.max(sum, each.points.length), 0);
  }

  /** Whether there are far more points than a picture of this width can show. */
  grown(width) {
    return this.size() > Math.max(GROWN * 2 * width, this.started + 2 * width);
  }

  of(quantity) {
    return [...this.all.values()].filter((each) => each.quantity === quantity);
  }

  quantities() {
    return [...new Set([...this.all.values()].map((each) => each.quantity))];
  }

  last(quantity) {
    return this.of(quantity)[0]?.points.at(-1) ?? null;
  }

  #put([, quantity, layer, step, value]) {
    const key = `${quantity}\n${layer}`;
    if (!this.all.has(key)) this.all.set(key, { quantity, layer, points: [], thinned: false });
    this.all.get(key).points.push([step, value]);
  }
}
