// The field one writes in: a new message, a reply, or another wording of a message of one's own.
// What stands in it survives a reload. It is never disabled because the line is down.

import { $ } from "./dom.js";
import { Part } from "./part.js";

const COUNTER_FROM_CHARACTERS = 200; // left over, when the counter appears
const MOST_LINES = 8; // as in composer.css
const IME_KEY_CODE = 229; // what browsers report for a key that an input method has taken

export class Composer extends Part {
  #field = $("#text");
  #draft; #drawer; #limit; #send; #edit; #editLast;
  #replyTo = null;
  #editing = null;

  // send(text, replyTo); edit(message, text) → true once it is stored; editLast()
  constructor({ room, drawer, limit, send, edit, editLast }) {
    super();
    [this.#draft, this.#drawer, this.#limit] = [`text ${room.id}`, drawer, limit];
    [this.#send, this.#edit, this.#editLast] = [send, edit, editLast];
  }

  connect() {
    super.connect();
    this.listen($("#composer"), "submit", (event) => this.#submit(event));
    this.listen(this.#field, "keydown", (event) => this.#key(event));
    this.listen(this.#field, "input", () => this.#written());
    this.listen($("#context-cancel"), "click", () => this.cancel());
    this.#put(this.#kept);
    if (matchMedia("(pointer: fine)").matches) this.#field.focus();
  }

  reply(message) {
    this.cancel();
    this.#replyTo = message;
    this.#showContext(`Reply to ${message.author.name}`, message.text);
  }

  edit(message) {
    this.cancel();
    this.#editing = message;
    this.#showContext("Edit your message", "");
    this.#put(message.text);
  }

  // Returns whether there was anything to cancel.
  cancel() {
    if (this.#editing) this.#put(this.#kept);
    const cancelled = this.#editing ?? this.#replyTo;
    this.#editing = this.#replyTo = null;
    $("#context").hidden = true;
    return Boolean(cancelled);
  }

  // Without a reason it is open.
  close(reason, withLink = false) {
    $("#composer").hidden = this.#field.disabled = Boolean(reason);
    $("#closed").hidden = !reason;
    $("#closed-text").textContent = reason;
    $("#closed-link").hidden = !withLink;
  }

  get #kept() { return this.#drawer.get(this.#draft) ?? ""; }

  #showContext(title, text) {
    $("#context").hidden = false;
    $("#context-title").textContent = title;
    $("#context-text").textContent = text;
    this.#field.focus();
  }

  #key(event) {
    if (event.isComposing || event.keyCode === IME_KEY_CODE) return;
    const newLine = event.shiftKey || matchMedia("(pointer: coarse)").matches;
    if (event.key === "Enter" && !newLine) this.#submit(event);
    if (event.key === "Escape") this.cancel();
    if (event.key === "ArrowUp" && !event.altKey && !this.#field.value) {
      event.preventDefault();
      this.#editLast();
    }
  }

  async #submit(event) {
    event.preventDefault();
    const text = this.#field.value.trim();
    if (!text || text.length > this.#limit) return;
    const [editing, replyTo] = [this.#editing, this.#replyTo];
    if (editing && !(await this.#edit(editing, text))) return; // refused: the words stay here
    if (!editing || this.#editing === editing) this.cancel();
    if (editing) return;
    this.#put("");
    this.#written();
    this.#send(text, replyTo);
  }

  #written() {
    if (!this.#editing) this.#drawer.put(this.#draft, this.#field.value || null);
    this.#measure();
  }

  #put(text) {
    this.#field.value = text;
    this.#measure();
  }

  // CSS lets the field grow (field-sizing); for browsers that cannot, lines are counted.
  #measure() {
    const { value } = this.#field;
    this.#field.rows = Math.min(MOST_LINES, value.split("\n").length);
    const left = this.#limit - value.trim().length;
    const words = left < 0 ? `${-left} characters too many` : `${left} characters left`;
    $("#counter").textContent = left > COUNTER_FROM_CHARACTERS ? "" : words;
  }
}
