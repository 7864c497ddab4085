// The messages in the document, ordered by seq, in two lists. #history contains loaded pages, and #tail
// (the live region) contains the messages that have arrived since then. The user's pending messages are
// at the end. While `live` is false, the newest messages are not loaded, and nothing is added at the end.

import { dayName, sameDay, standUnderOneName, today } from "../core/times.js";
import { $, isShown, setText } from "./dom.js";

const MOST_NODES = 300;
const [SENT, PENDING] = [".message[data-state=sent]", ".message:not([data-state=sent])"];
const LEEWAY_NODES = 20; // so that trimming happens only now and then

export class Timeline {
  #history = $("#history");
  #tail = $("#tail");
  #view;
  #contents = new WeakMap(); // node → message or pending item
  #today = today(); // when the days were named
  #newAfter; // the "New" line is after the message with this seq; null if there is no line

  first = true; // the window reaches the first message of the room
  live = true; // the window reaches the newest message

  constructor({ view, newAfter }) {
    this.#view = view;
    this.#newAfter = newAfter;
  }

  // Takes over the messages that the server rendered, with their nodes.
  adopt(page) {
    for (const message of page.messages) this.#fill(this.node(message.seq), message);
    [this.first, this.live] = [page.first, page.last];
    this.#tidyAll();
  }

  replace(page) {
    this.#tail.parentElement.setAttribute("aria-busy", "true");
    this.#history.replaceChildren();
    this.#tail.replaceChildren();
    this.#add(page);
    [this.first, this.live] = [page.first, page.last];
    this.#tail.parentElement.removeAttribute("aria-busy");
  }

  // Adds a page before the first message or after the last one.
  extend(page, older) {
    this.#add(page);
    if (older) this.first = page.first;
    else this.live = page.last;
    this.trim(older ? "end" : "start");
  }

  // Shows the newest version of a message, in its node or in the one it had while pending.
  show(message, fromPage = false) {
    let node = this.node(message.seq);
    if (node && message.rev <= Number(node.dataset.rev)) return;
    if (message.edited_at || message.deleted) this.#showInQuotes(message);
    node ??= this.#find(message.client_id, PENDING);
    if (!fromPage && !this.#reaches(message.seq)) return node?.remove();
    node ??= this.#view.make();
    this.#fill(node, message);
    this.#place(node, message.seq, fromPage);
  }

  // Makes the pending nodes match the outbox.
  showPending(items) {
    const shown = this.live ? items : [];
    const ids = new Set(shown.map((item) => item.client_id));
    for (const node of this.#tail.querySelectorAll(PENDING)) {
      if (!ids.has(node.dataset.clientId)) node.remove();
    }
    for (const item of shown) if (!this.#find(item.client_id, SENT)) this.#showOnItsWay(item);
  }

  // Limits the number of nodes. Removed messages are loaded again when the reader goes there.
  trim(end) {
    const sent = this.sent;
    if (sent.length <= MOST_NODES + LEEWAY_NODES) return;
    if (end === "start") {
      sent.slice(0, -MOST_NODES).forEach((node) => node.remove());
      this.first = false;
    } else {
      this.live = false;
      this.showPending([]);
      sent.slice(MOST_NODES).forEach((node) => node.remove());
      this.#history.append(...this.#tail.children); // these messages are no longer at the live end
    }
    this.#tidyAll();
  }

  // Call this when people were loaded or renamed. It shows the names of authors and of those who reacted.
  showNames() { for (const node of this.sent) this.#view.fillNames(node, this.content(node)); }

  // Call this now and then: at midnight, the messages of today become those of yesterday.
  checkDay() { if (this.#today !== today()) this.#tidyAll(); }

  get newAfter() { return this.#newAfter; }

  set newAfter(seq) {
    this.#newAfter = seq;
    this.#tidyAll();
  }

  node(seq) { return $(`#m-${seq}`); }

  content(node) { return this.#contents.get(node); }

  get all() { return [...this.#history.children, ...this.#tail.children]; }

  get sent() { return this.all.filter((node) => node.matches(SENT)); }

  get firstSeq() { return Number(this.sent.at(0)?.dataset.seq ?? 0); }

  get lastSeq() { return Number(this.sent.at(-1)?.dataset.seq ?? 0); }

  get newLine() { return this.all.find((node) => !$(".new-line", node).hidden); }

  #add(page) { for (const message of page.messages) this.show(message, true); }

  #showOnItsWay(item) {
    const known = this.#find(item.client_id, PENDING);
    const node = known ?? this.#view.make();
    this.#view.fillPending(node, item);
    this.#contents.set(node, { ...item, author: this.#view.me });
    if (!known) this.#tail.append(node);
    this.#tidyAround(node);
  }

  #reaches(seq) { return (this.live || seq < this.lastSeq) && (this.first || seq > this.firstSeq); }

  #fill(node, message) {
    const { activeElement: active } = document;
    const hadFocus = active !== node && node.contains(active);
    this.#view.fill(node, message);
    this.#contents.set(node, message);
    if (hadFocus && !isShown(active)) node.focus({ preventScroll: true }); // its button is gone
  }

  // The replies can be on the page without the message that they quote.
  #showInQuotes(message) {
    const quotes = ({ reply_to, deleted }) => reply_to?.id === message.id && !deleted;
    for (const node of this.all) if (quotes(this.content(node))) this.#view.refillQuote(node, message);
  }

  #place(node, seq, fromPage) {
    const earlier = (other) => other !== node && Number(other.dataset.seq) < seq;
    const before = this.sent.findLast(earlier) ?? null;
    const startsTail = !fromPage && this.live && before === this.#history.lastElementChild;
    const inPlace = startsTail ? this.#tail.firstElementChild : before?.nextElementSibling;
    if (node !== inPlace && startsTail) this.#tail.prepend(node);
    else if (node !== inPlace && before) before.after(node);
    else if (node !== inPlace) this.#history.prepend(node);
    this.#tidyAround(node);
  }

  #find(clientId, state) {
    return $(`#content ${state}[data-client-id="${CSS.escape(clientId)}"]`);
  }

  #tidyAround(node) {
    this.checkDay();
    const nodes = this.all;
    const index = nodes.indexOf(node);
    this.#tidy(node, nodes[index - 1]);
    if (nodes[index + 1]) this.#tidy(nodes[index + 1], node);
  }

  #tidyAll() {
    this.#today = today();
    this.all.forEach((node, index, nodes) => this.#tidy(node, nodes[index - 1]));
  }

  // What a message shows depends on the one before it: the day, the "New" line, the author's name.
  #tidy(node, previousNode) {
    const message = this.#contents.get(node);
    const previous = previousNode && this.#contents.get(previousNode);
    const day = $(".day", node);
    day.hidden = Boolean(previous && sameDay(previous.created_at, message.created_at));
    setText(day, dayName(message.created_at));
    const newLine = $(".new-line", node);
    newLine.hidden = !this.#isFirstNew(message, previous);
    const alone = !day.hidden || !newLine.hidden || !standUnderOneName(previous, message);
    node.classList.toggle("follows", !alone);
    $(".author", node).classList.toggle("sr", !alone);
  }

  #isFirstNew(message, previous) {
    if (this.#newAfter === null || !(message.seq > this.#newAfter)) return false;
    return previous ? previous.seq <= this.#newAfter : this.first;
  }
}
