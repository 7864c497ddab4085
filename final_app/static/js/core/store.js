// What this page knows about one room: the newest version of each message, and the last revision.
// Every change in a room gets the next revision (rev), so a missing change leaves a gap.

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

  // Stores a message as it was received. Returns the whole message, or a newer version if the store
  // already has one.
  upsert(message) {
    const known = this.#messages.get(message.id);
    const newest = known && known.rev > message.rev ? known : whole(message);
    // A page of history may have been read before the quoted message was deleted. A reply keeps its rev then.
    const { reply_to: quote } = newest;
    if (quote && this.#messages.get(quote.id)?.deleted) newest.reply_to = { ...quote, deleted: true };
    this.#messages.delete(message.id); // so that the message that changed longest ago stays first
    this.#messages.set(message.id, newest);
    if (this.#messages.size > REMEMBERED_MESSAGES) {
      this.#messages.delete(this.#messages.keys().next().value);
    }
    return newest;
  }

  // Handles the rev of one change. The next rev is applied, and an older one is ignored. A later one
  // shows that changes are missing.
  announce(rev) {
    this.#announced = Math.max(this.#announced, rev);
    if (rev === this.#rev + 1) this.#rev = rev;
  }

  // Records that all changes up to rev were applied, by a sync or by loading a page.
  caughtUp(rev) {
    this.#rev = Math.max(this.#rev, rev);
    this.#announced = Math.max(this.#announced, rev);
  }
}
