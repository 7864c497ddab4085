// What counts as read: the tab is visible and the end of the log is on the screen.

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
    this.listen(document, "visibilitychange", () => this.tell());
  }

  // The server is told what is in view; presence follows from it.
  tell() {
    this.#ask("set_view", { room: this.#room.id, visible: isVisible() });
    this.check();
  }

  // Whether a message that comes now is read as it comes.
  sees(roomId) { return roomId === this.#room.id && isVisible() && this.#conversation.atEnd; }

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

const isVisible = () => document.visibilityState === "visible";
