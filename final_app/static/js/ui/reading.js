// Marks messages as read while the window has the focus and the end of the messages is on screen.

import { Part } from "./part.js";

const READ_DEBOUNCE_MS = 300;

export class Reading extends Part {
  #room; #directory; #conversation; #ask;
  #timer;

  constructor({ room, directory, conversation, ask }) {
    super();
    [this.#room, this.#directory, this.#conversation, this.#ask] = [room, directory, conversation, ask];
  }

  connect() {
    super.connect();
    this.onStop(() => clearTimeout(this.#timer));
    this.listen(document, "visibilitychange", () => this.check());
    for (const event of ["focus", "blur"]) this.listen(window, event, () => this.check());
  }

  // Returns whether a message that arrives now counts as read immediately.
  sees(roomId) { return roomId === this.#room.id && this.#conversation.watched; }

  check() {
    clearTimeout(this.#timer);
    if (this.#mayMark()) this.#timer = setTimeout(() => this.#mark(), READ_DEBOUNCE_MS);
  }

  #mayMark() {
    const room = this.#directory.rooms.get(this.#room.id);
    return room && this.sees(room.id) && this.#conversation.lastSeq > room.last_read_seq;
  }

  async #mark() {
    if (!this.#mayMark()) return;
    const { id } = this.#room;
    const answer = await this.#ask("mark_read", { room: id, seq: this.#conversation.lastSeq });
    if (answer.ok) this.#directory.readChanged(id, answer);
  }
}
