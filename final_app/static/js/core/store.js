// What this page knows about one room: the newest version of each message, and the last revision.
// Every change in a room has the next revision (rev), so a missing change shows as a gap.

import { whole } from "./snapshot.js";

const REMEMBERED_MESSAGES = 2000; // more than the page ever shows; limits memory

export class Store {
  #messages = new Map(); // id → message
  #rev; // all changes up to this one were applied
  #announced; // the highest rev received, applied or not

  constructor(rev) { this.#rev = this.#announced = rev; }

  get rev() { return this.#rev; }

  get behind() { return this.#announced > this.#rev; }

  isAt(rev) { return rev === this.#rev && !this.behind; }

  // Stores a message as it came. Returns it whole, or the newer version that is known already.
  upsert(message) {
    const known = this.#messages.get(message.id);
    const newest = known && known.rev > message.rev ? known : whole(message);
    this.#messages.delete(message.id); // keeps the least recently changed message first
    this.#messages.set(message.id, newest);
    if (this.#messages.size > REMEMBERED_MESSAGES) {
      this.#messages.delete(this.#messages.keys().next().value);
    }
    return newest;
  }

  // Handles the rev of one change: the next is applied, an older one ignored, a later one leaves a gap.
  announce(rev) {
    this.#announced = Math.max(this.#announced, rev);
    if (rev === this.#rev + 1) this.#rev = rev;
  }

  // Everything up to rev was applied, by a sync or by loading a page.
  caughtUp(rev) {
    this.#rev = Math.max(this.#rev, rev);
    this.#announced = Math.max(this.#announced, rev);
  }
}
