// What this page knows of one room: the newest snapshot of each message, and how far it has come.
// Every change of a room has the next revision (rev), so a missing one shows as a gap.

const REMEMBERED_MESSAGES = 2000; // more than the log ever shows, so that memory has an end

export class Store {
  #messages = new Map(); // id → message
  #rev; // all changes up to this one are here
  #announced; // the highest rev heard of, applied or not

  constructor(rev) { this.#rev = this.#announced = rev; }

  get rev() { return this.#rev; }

  get behind() { return this.#announced > this.#rev; }

  // The only way in. Returns the newest snapshot known, which may not be the one given.
  upsert(message) {
    const known = this.#messages.get(message.id);
    const newest = known && known.rev > message.rev ? known : message;
    this.#messages.delete(message.id); // so that the map's first entry is the longest untouched
    this.#messages.set(message.id, newest);
    if (this.#messages.size > REMEMBERED_MESSAGES) {
      this.#messages.delete(this.#messages.keys().next().value);
    }
    return newest;
  }

  // One change was announced: the next one is applied, an older one ignored, a later one leaves a gap.
  announce(rev) {
    this.#announced = Math.max(this.#announced, rev);
    if (rev === this.#rev + 1) this.#rev = rev;
  }

  // Everything up to rev has been applied (an answer to sync, or a page that was just loaded).
  caughtUp(rev) {
    this.#rev = Math.max(this.#rev, rev);
    this.#announced = Math.max(this.#announced, rev);
  }
}
