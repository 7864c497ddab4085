// Suggests people after @ and a letter. The focus stays in the field, as in a combobox. The arrow keys
// move in the list, and Enter and Tab choose. (A textarea can't have the role combobox or aria-expanded.)

import { $, fillAvatar, hasModifier, isComposing, keepList, markOption } from "./dom.js";
import { Part } from "./part.js";

const MOST_SHOWN = 6;
const TOKEN = /(?<![\p{L}\p{N}_@.])@(\p{L}[\p{L}\p{N}._-]*)$/u; // before the cursor

export class Mentions extends Part {
  #field = $("#text");
  #list = $("#mentions");
  #room; #directory; #http;
  #members = null; // ids, once loaded
  #at = 0;

  constructor({ room, directory, http }) {
    super(); [this.#room, this.#directory, this.#http] = [room, directory, http];
  }

  connect() {
    super.connect();
    this.listen(this.#field, "input", () => this.#update());
    this.listen(this.#field, "click", () => this.#update());
    this.listen(this.#field, "blur", () => this.#close());
    this.listen($("#composer"), "keydown", (event) => this.#key(event), { capture: true });
    this.listen($("#composer"), "submit", () => this.#close());
    this.listen(this.#list, "mousedown", (event) => event.preventDefault()); // keeps the focus in the field
    this.listen(this.#list, "click", ({ target }) => this.#choose(target.closest("[role=option]")));
  }

  // Call this when the members have changed. They are loaded again when they are needed.
  forget() { this.#members = null; }

  get #token() {
    const { value, selectionStart } = this.#field;
    return TOKEN.exec(value.slice(0, selectionStart));
  }

  async #update() {
    if (this.#token && !this.#members) await this.#ask();
    const found = this.#token ? this.#meant(this.#token[1].toLowerCase()) : [];
    if (!found.length) return this.#close();
    keepList(this.#list, found, $("#mention-template"), (node, person) => this.#fill(node, person));
    this.#list.hidden = false;
    this.#mark(0);
  }

  async #ask() {
    const answer = await this.#http.get(`api/rooms/${this.#room.id}/members`).catch(() => null);
    this.#members = answer && new Set(answer.members.map(({ id }) => id));
  }

  // Members of this room come first, because only they are notified.
  #meant(start) {
    const called = ({ name, username }) => [username, ...name.toLowerCase().split(/\s+/)];
    const others = this.#directory.others(new Set([this.#directory.me.id]));
    const found = others.filter((person) => called(person).some((word) => word.startsWith(start)));
    const outside = ({ id }) => Number(!this.#isHere(id));
    return found.sort((a, b) => outside(a) - outside(b)).slice(0, MOST_SHOWN);
  }

  #isHere(id) { return this.#members?.has(id) ?? true; }

  #fill(node, person) {
    node.id = `mention-${person.id}`;
    node.dataset.username = person.username;
    fillAvatar($(".avatar", node), person);
    $(".person-name", node).textContent = person.name;
    const outside = this.#isHere(person.id) ? "" : ", not in this room";
    $(".person-note", node).textContent = `@${person.username}${outside}`;
  }

  #mark(at) { this.#at = markOption(this.#field, this.#list, at); }

  #key(event) {
    if (this.#list.hidden || isComposing(event) || hasModifier(event)) return;
    if (!this.#token) return this.#close(); // the cursor has moved away
    const choose = () => this.#choose(this.#list.children[this.#at]);
    const does = {
      ArrowUp: () => this.#mark(this.#at - 1),
      ArrowDown: () => this.#mark(this.#at + 1),
      Enter: choose,
      Tab: choose,
      Escape: () => this.#close(),
    }[event.key];
    if (!does) return;
    event.preventDefault();
    event.stopPropagation(); // Enter does not send, Escape does not cancel the reply
    does();
  }

  #choose(option) {
    const token = this.#token;
    if (!option || !token) return;
    const text = `@${option.dataset.username} `;
    this.#field.setRangeText(text, token.index, token.index + token[0].length, "end");
    this.#field.dispatchEvent(new Event("input", { bubbles: true })); // so that the draft is saved
  }

  #close() {
    this.#list.hidden = true;
    this.#field.removeAttribute("aria-activedescendant");
  }
}
