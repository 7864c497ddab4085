// "Ana is typing" is sent at most every few seconds, and shown a little longer than that.

import { $ } from "./dom.js";
import { Part } from "./part.js";

const TELL_MS = 3_000;
const BELIEVE_MS = 6_000;

export class Typing extends Part {
  #room; #ask;
  #told = 0; // when it was last sent (performance.now()), or 0 if the user is not typing
  #typing = new Map(); // user id → {name, timer}

  constructor({ room, ask }) { super(); [this.#room, this.#ask] = [room, ask]; }

  connect() {
    super.connect();
    this.onStop(() => this.#typing.forEach(({ timer }) => clearTimeout(timer)));
    this.listen($("#text"), "input", ({ target }) => (target.value ? this.#start() : this.stop()));
  }

  hear({ room, user_id, name, on }) {
    if (room !== this.#room.id) return;
    this.forget(user_id);
    const timer = on && setTimeout(() => this.forget(user_id), BELIEVE_MS);
    if (on) this.#typing.set(user_id, { name, timer });
    this.#show();
  }

  // This is also called when a message from this person arrives.
  forget(userId) {
    clearTimeout(this.#typing.get(userId)?.timer);
    this.#typing.delete(userId);
    this.#show();
  }

  // Call this when the field is empty or the message was sent.
  stop() {
    if (this.#told) this.#ask("typing", { room: this.#room.id, on: false });
    this.#told = 0;
  }

  #start() {
    if (this.#told && performance.now() - this.#told < TELL_MS) return;
    this.#told = performance.now();
    this.#ask("typing", { room: this.#room.id, on: true });
  }

  #show() {
    const [first, second, third] = [...this.#typing.values()].map(({ name }) => name);
    let words = first ? `${first} is typing…` : "";
    if (second) words = `${first} and ${second} are typing…`;
    $("#typing").textContent = third ? "Several people are typing…" : words;
  }
}
