// The actions of a message. Its buttons start them, or keys while the message has the focus.

import { $, focusByKey, hasModifier, isShown } from "./dom.js";
import { Part } from "./part.js";

const KEYS = { "+": "react", e: "edit", r: "reply", Delete: "delete" };

export class Actions extends Part {
  #timeline; #acts;
  #chosen; // the message that was chosen with the keyboard; after a click, a letter means no action

  // acts: name → function that takes a message (for retry and discard, an item of the outbox) and the
  // button that was used.
  constructor({ timeline, acts }) { super(); [this.#timeline, this.#acts] = [timeline, acts]; }

  connect() {
    super.connect();
    this.listen($("#scroller"), "click", (event) => this.#click(event));
    const choose = ({ target }) => (this.#chosen = target.matches(":focus-visible") ? target : null);
    this.listen($("#scroller"), "focusin", choose);
    this.listen($("#scroller"), "keydown", (event) => this.#key(event));
  }

  #click(event) {
    const button = event.target.closest("[data-act]");
    const node = button?.closest(".message");
    if (!button || (button.href && hasModifier(event))) return;
    event.preventDefault();
    if (button.dataset.act === "more") node.focus(); // the toolbar is visible while the focus is inside
    else this.#act(button.dataset.act, node, button);
  }

  #act(name, node, button = $(`.actions [data-act=${name}]`, node)) {
    const { state, deleted, own } = node.dataset;
    const there = state === "sent" && deleted === "false";
    const open = there && !$("#composer").hidden;
    const mine = open && own === "true";
    const moderated = open && $("#scroller").dataset.moderated === "true";
    const may = { react: open, reply: open, copy: there, names: there, edit: mine, delete: mine || moderated };
    const allowed = name === "view" || (may[name] ?? state !== "sent");
    if (allowed) this.#acts[name](this.#timeline.content(node), button);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const node = event.target.closest(".message");
    const onMessage = node && event.target === node;
    let handled = this.#move(event.key, node);
    if (onMessage && node === this.#chosen && KEYS[event.key]) handled = [this.#act(KEYS[event.key], node)];
    if (onMessage && event.key === "Enter") handled = [focusByKey(this.#firstButton(node))];
    if (node && event.key === "Escape") handled = [focusByKey(onMessage ? $("#text") : node)];
    if (handled) event.preventDefault();
  }

  #firstButton(node) {
    const buttons = node.querySelectorAll(".actions button, .delivery button");
    return [...buttons].find(isShown);
  }

  #move(key, node) {
    const nodes = this.#timeline.all;
    const index = node ? nodes.indexOf(node) : nodes.length;
    const targets = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: nodes.length - 1 };
    focusByKey(nodes[targets[key]]);
    return Boolean(nodes[targets[key]]);
  }
}
