// Searches the messages of this room, or of all the user's rooms, newest first.

import { clockTime, fullTime, sameDay, shortTime } from "../core/times.js";
import { $, focusByKey, hasModifier, keepList, plural } from "./dom.js";
import { Panel, panelsCover } from "./panel.js";

const DEBOUNCE_MS = 250;

export class Search extends Panel {
  #room; #http; #drawer; #jump;
  #field = $("#search-text");
  #all = $("#search-all");
  #list = $("#search-results");
  #results = [];
  #asked = 0; // number of the newest request; answers to older ones are ignored
  #timer;

  // jump(seq) goes to a message of this room if the message is on the page, and returns whether it is.
  constructor({ room, http, drawer, jump }) {
    super("search");
    [this.#room, this.#http, this.#drawer, this.#jump] = [room, http, drawer, jump];
  }

  connect() {
    super.connect();
    this.onStop(() => clearTimeout(this.#timer));
    this.onKeys("f", true, () => [this.open(true), this.#field.select()]);
    this.listen(this.#field, "input", () => this.#soon(DEBOUNCE_MS));
    this.listen($(".choice", this.panel), "change", () => this.#soon(0));
    this.listen($("#search-form"), "submit", (event) => [event.preventDefault(), this.#soon(0)]);
    this.listen($("#search-everywhere"), "click", () => [this.#all.click(), this.#field.focus()]);
    this.listen($("#search-more"), "click", () => this.#more());
    this.listen(this.#list, "click", (event) => this.#follow(event));
    this.listen(this.panel, "keydown", (event) => this.#move(event));
    this.#goOn();
  }

  // If the user came to this page through a result and there is space, keeps showing the other results.
  #goOn() {
    const kept = this.#drawer.get("search");
    this.#drawer.put("search", null);
    if (kept?.at !== location.href || panelsCover()) return;
    [this.#field.value, this.#all.checked] = [kept.text, kept.all];
    this.open(true);
    this.#ask();
  }

  #soon(pauseMs) {
    clearTimeout(this.#timer);
    this.#asked += 1; // the pending answer is no longer needed
    this.#timer = setTimeout(() => this.#ask(), pauseMs);
  }

  // Loads more results and focuses the first new one. The button disappears after the last results, so
  // it can't keep the focus.
  async #more() {
    const { length } = this.#results;
    await this.#ask(this.#results.at(-1).id);
    $(`li:nth-child(${length + 1}) a`, this.#list)?.focus();
  }

  async #ask(before) {
    const question = (this.#asked += 1);
    const q = this.#field.value.trim();
    const where = { ...(before && { before }), ...(!this.#all.checked && { room: this.#room.id }) };
    const address = `api/search?${new URLSearchParams({ q, ...where })}`;
    this.#say("searching", $("#search-status").textContent);
    try {
      const { results, more } = q ? await this.#http.get(address) : { results: [], more: false };
      if (question === this.#asked) this.#show(q, before ? [...this.#results, ...results] : results, more);
    } catch ({ message }) {
      if (question === this.#asked) this.#say("failed", message);
    }
  }

  #show(q, results, more) {
    this.#results = results.map((result) => ({ ...result, id: result.message.id }));
    keepList(this.#list, this.#results, $("#result-template"), (node, result) => this.#fill(node, result));
    $("#search-more").hidden = !more;
    const count = plural(results.length, "message", "messages");
    if (results.length) this.#say("found", more ? `The newest ${count}` : count);
    else this.#say(...(q ? ["nothing", `No messages found for “${q}”.`] : ["empty", ""]));
  }

  #say(state, words) {
    this.panel.dataset.state = state;
    $("#search-status").textContent = words;
  }

  #fill(node, { message: { seq, author, created_at: at }, room: { id, slug, kind, name }, parts }) {
    $("a", node).href = `r/${slug}/${seq}`;
    $("a", node).dataset.seq = id === this.#room.id ? seq : "";
    $(".result-author", node).textContent = author.name;
    $(".result-room", node).textContent = kind === "direct" ? name : `#${name}`;
    const words = sameDay(at, Date.now()) ? clockTime(at) : shortTime(at);
    Object.assign($("time", node), { dateTime: at, title: fullTime(at), textContent: words });
    $(".result-text", node).replaceChildren(...parts.map(marked));
  }

  // Jumps to a message that is on this page. For all others, the browser follows the link.
  #follow(event) {
    const link = event.target.closest("a");
    if (!link || hasModifier(event)) return;
    const isHere = link.dataset.seq && this.#jump(Number(link.dataset.seq));
    if (isHere) event.preventDefault();
    else this.#drawer.put("search", { text: this.#field.value, all: this.#all.checked, at: link.href });
    if (isHere && panelsCover()) this.show(false);
  }

  #move(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const places = [this.#field, ...this.#list.querySelectorAll("a")];
    const here = places.indexOf(event.target);
    if (!step || here < 0) return;
    event.preventDefault();
    focusByKey(places[here + step]);
  }
}

function marked([text, matches]) {
  return matches ? Object.assign(document.createElement("mark"), { textContent: text }) : text;
}
