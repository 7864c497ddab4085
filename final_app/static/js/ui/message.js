// Fills the markup (templates/_message.html) of a message that is stored or pending.

import { clockTime, fullTime } from "../core/times.js";
import { $, clone, fillAvatar, plainText, setText } from "./dom.js";
import { fillFiles } from "./files.js";
import { fillReactions } from "./reactions.js";

const EXCERPT_CHARACTERS = 120; // as in chat/messages.py

export class MessageView {
  #room; #nameOf; #picture;

  // nameOf(id, known) → a person's current name, or else the known one; picture(upload) → the local URL of
  // an image chosen on this page
  constructor({ room, me, nameOf, picture }) {
    [this.#room, this.#nameOf, this.#picture] = [room, nameOf, picture];
    this.me = me;
  }

  make() { return clone($("#message-template")); }

  // A message keeps its node from "sending" to its deletion, so screen readers announce it once.
  fill(node, message) {
    const { id, seq, rev, client_id: clientId, deleted } = message;
    const own = message.author.id === this.me.id;
    const mentionsMe = message.mentions.includes(this.me.id);
    this.#name(node, `m-${seq}`, deleted ? null : message.reply_to);
    Object.assign(node.dataset, { id, seq, rev, clientId, state: "sent", deleted, own, mentionsMe });
    this.#fillHead(node, message);
    $(".permalink", node).href = this.address(seq);
    $(".edited", node).hidden = !message.edited_at || deleted;
    if (deleted) showText($(".body", node), "Message deleted");
    else if (message.html) showHtml($(".body", node), message.html);
    else showText($(".body", node), message.text);
    fillFiles(node, message.uploads, this.#picture);
    this.fillNames(node, message);
    $(".delivery", node).hidden = true;
  }

  // Call this when the message that a reply quotes was edited or deleted.
  refillQuote(node, message) {
    const text = [...plainText(message)].slice(0, EXCERPT_CHARACTERS).join("");
    const { id: author_id, name: author } = message.author;
    this.#fillQuote(node, { ...message, author_id, author, text });
  }

  // Call this when people were loaded or renamed.
  fillNames(node, { author, reactions, reply_to: quoted }) {
    this.#fillAuthor(node, author);
    if (quoted) this.#fillQuoteAuthor(node, quoted);
    fillReactions(node, reactions, this.me.id, this.#nameOf);
  }

  fillPending(node, item) {
    this.#name(node, `p-${item.client_id}`, item.reply_to);
    const state = item.error ? "failed" : "sending";
    Object.assign(node.dataset, { clientId: item.client_id, state, own: true });
    this.#fillHead(node, { author: this.me, created_at: item.created_at });
    $(".permalink", node).removeAttribute("href");
    showText($(".body", node), item.text);
    fillFiles(node, item.uploads ?? [], this.#picture);
    this.#fillDelivery($(".delivery", node), item);
  }

  address(seq) { return `r/${this.#room.slug}/${seq}`; }

  // Screen readers read the parts that these ids name, even a hidden one, so the name leaves out a quote
  // that isn't there.
  #name(node, id, quoted) {
    node.id = id;
    const parts = ["author", "quote", "body", "uploads"];
    for (const part of parts) $(`.${part}`, node).id = `${id}-${part}`;
    const read = parts.filter((part) => part !== "quote" || quoted);
    node.setAttribute("aria-labelledby", read.map((part) => `${id}-${part}`).join(" "));
    this.#fillQuote(node, quoted);
  }

  #fillHead(node, { author, created_at }) {
    this.#fillAuthor(node, author);
    Object.assign($("time", node), { dateTime: created_at, title: fullTime(created_at) });
    setText($("time", node), clockTime(created_at));
  }

  #fillAuthor(node, { id, name: known }) {
    const name = this.#nameOf(id, known);
    fillAvatar($(".avatar", node), { id, name });
    setText($(".author", node), name);
  }

  #fillQuote(node, quoted) {
    const quote = $(".quote", node);
    quote.hidden = !quoted;
    if (!quoted) return;
    quote.href = this.address(quoted.seq);
    this.#fillQuoteAuthor(quote, quoted);
    setText($(".quote-text", quote), quoted.deleted ? "Message deleted" : quoted.text || "A file");
  }

  #fillQuoteAuthor(node, { author_id: id, author }) {
    setText($(".quote-author", node), this.#nameOf(id, author));
  }

  // A message that isn't being sent right now can be discarded.
  #fillDelivery(delivery, { error, stuck, waits, why = "" }) {
    delivery.hidden = !error && !waits;
    const trying = stuck ? `Not sent yet. ${why} Still trying.` : "";
    setText($(".delivery-text", delivery), error ? `Not sent. ${error}` : trying);
    $("[data-act=retry]", delivery).hidden = !error && !stuck;
  }
}

// Shows a text in one paragraph, with the same nodes as in the server's HTML (formatting.py::is_plain).
function showText(body, text) {
  const paragraph = document.createElement("p");
  const lines = text.split(/(?=\n)/); // each line after the first begins with its line break
  paragraph.append(lines[0], ...lines.slice(1).flatMap((line) => [document.createElement("br"), line]));
  if (!text) body.replaceChildren();
  else if (body.innerHTML !== paragraph.outerHTML) body.replaceChildren(paragraph);
}

// The only place in this application that sets HTML. The server has rendered and sanitized this HTML.
// If it has not changed, the node stays as it is, so that a screen reader doesn't read an acknowledged
// message again.
function showHtml(body, html) { if (body.innerHTML !== html) body.innerHTML = html; }
