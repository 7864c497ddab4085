// The message field, for a new message, a reply, or a change to your own message.
// Its text and what it replies to survive a reload. It's never disabled just because the connection is down.

import { $, isComposing, plainText, plural, setText } from "./dom.js";
import { Part } from "./part.js";

const COUNTER_FROM_CHARACTERS = 200; // the counter appears when only this many are left
const MOST_LINES = 8; // as in composer.css

export class Composer extends Part {
  #field = $("#text");
  #touch = matchMedia("(pointer: coarse)"); // there, Enter begins a new line, and only the button sends
  #draft; #target; #drawer; #limit; #uploads; #send; #edit; #editLast;
  #replyTo = null;
  #editing = null;
  #waiting = false; // the message was sent, but its files are still being uploaded

  // send(text, replyTo, uploads) sends a message. edit(message, text) returns true if the change was
  // stored. editLast() starts to edit the user's last message.
  constructor({ room, drawer, limit, uploads, send, edit, editLast }) {
    super();
    [this.#draft, this.#target] = [`text ${room.id}`, `reply ${room.id}`];
    [this.#drawer, this.#limit] = [drawer, limit];
    [this.#uploads, this.#send, this.#edit, this.#editLast] = [uploads, send, edit, editLast];
  }

  connect() {
    super.connect();
    this.listen($("#composer"), "submit", (event) => this.#submit(event));
    this.listen(this.#field, "keydown", (event) => this.#key(event));
    this.listen(this.#field, "input", () => [this.#hold(""), this.#written()]);
    // The button doesn't take the focus, so that a phone's keyboard stays open.
    this.listen($(".send"), "mousedown", (event) => event.preventDefault());
    this.listen($("#context-cancel"), "click", () => [this.cancel(), this.#field.focus()]);
    this.listen($("#held-cancel"), "click", () => this.#hold(""));
    this.listen(this.#touch, "change", () => this.#labelEnter());
    this.#labelEnter();
    this.#takeOver();
    this.#showReply(this.#drawer.get(this.#target));
    if (matchMedia("(pointer: fine)").matches) this.#field.focus();
  }

  // Until now, the button was disabled, because it would have loaded the page again. What was typed into
  // the field meanwhile comes after the draft.
  #takeOver() {
    this.#put([this.#kept, this.#field.value].filter(Boolean).join("\n"));
    this.#written();
    $(".send").disabled = false;
  }

  // Another tab may have replaced the draft meanwhile.
  disconnect() {
    super.disconnect();
    if (!this.#editing && this.#field.value) this.#drawer.put(this.#draft, this.#field.value);
  }

  // A message that waits for its files becomes a draft again if the user begins a reply or an edit.
  reply(message) {
    this.cancel();
    this.#hold("");
    this.#drawer.put(this.#target, message);
    this.#showReply(message);
    this.#field.focus();
  }

  edit(message) {
    this.cancel();
    this.#hold("");
    this.#edits(message);
    this.#showContext("Editing your message", "");
    this.#put(message.text);
    this.#field.focus();
  }

  // A reply becomes a plain message, and what was written in an edit becomes a draft.
  messageDeleted({ id }) {
    if (this.#replyTo?.id === id) this.cancel();
    if (this.#editing?.id !== id) return;
    this.#edits(null);
    $("#context").hidden = true;
    this.#hold("The message you were editing was deleted.");
    this.#written();
  }

  // Returns whether there was anything to cancel.
  cancel() {
    if (this.#editing) this.#put(this.#kept);
    if (!this.#waiting) this.#hold("");
    const cancelled = this.#editing ?? this.#replyTo;
    this.#drawer.put(this.#target, null);
    this.#edits(null);
    this.#replyTo = null;
    $("#context").hidden = true;
    return Boolean(cancelled);
  }

  // Puts the text of a discarded message in front of the draft. An edit in progress stays as it is.
  restore(text) {
    this.#hold("");
    const draft = [text, this.#kept].filter(Boolean).join("\n");
    this.#drawer.put(this.#draft, draft || null);
    if (!this.#editing) this.#put(draft);
    this.#field.focus();
  }

  filesChanged() {
    if (this.#waiting && this.#uploads.items.length) this.#submit();
    else this.#hold("");
  }

  // Closes the composer and shows the reason. If the reason is empty, opens it.
  close(reason, withLink = false) {
    $("#composer").hidden = this.#field.disabled = Boolean(reason);
    $("#closed").hidden = !reason;
    $("#closed-text").textContent = reason;
    $("#closed-link").hidden = !withLink;
  }

  get #kept() { return this.#drawer.get(this.#draft) ?? ""; }

  // During an edit, the files of the next message are hidden, because an edit can't add files.
  #edits(message) {
    this.#editing = message;
    $("#composer").dataset.editing = Boolean(message);
  }

  #showReply(message) {
    this.#replyTo = message;
    if (message) this.#showContext(`Replying to ${message.author.name}`, plainText(message) || "A file");
  }

  #showContext(title, text) {
    $("#context").hidden = false;
    $("#context-title").textContent = title;
    $("#context-text").textContent = text;
  }

  // Keyboards on a screen show what their Enter key does.
  #labelEnter() { this.#field.enterKeyHint = this.#touch.matches ? "enter" : "send"; }

  #key(event) {
    if (isComposing(event)) return;
    const newLine = event.shiftKey || this.#touch.matches;
    if (event.key === "Enter" && !newLine) this.#submit(event);
    if (event.key === "Escape" && this.#goBack()) event.preventDefault();
    if (event.key === "ArrowUp" && !event.altKey && !this.#field.value) {
      event.preventDefault();
      this.#editLast();
    }
  }

  // Returns whether there was anything to stop or cancel.
  #goBack() {
    if (!this.#waiting) return this.cancel();
    this.#hold("");
    return true;
  }

  #submit(event) {
    event?.preventDefault();
    const text = this.#field.value.trim();
    const [editing, replyTo] = [this.#editing, this.#replyTo];
    const files = editing ? editing.uploads : this.#uploads.items;
    const isEmpty = !text && !files.length;
    if (isEmpty && editing) this.#hold("A message can't be empty. To remove it, cancel and delete it.");
    if (isEmpty || [...text].length > this.#limit) return;
    if (editing) return this.#save(editing, text);
    if (this.#mustWait()) return;
    this.cancel();
    this.#put("");
    this.#written();
    this.#send(text, replyTo, this.#uploads.take());
  }

  // The text stays here if the server refused it, or if the user went on writing.
  async #save(message, text) {
    const stored = await this.#edit(message, text);
    if (stored && this.#editing === message && this.#field.value.trim() === text) this.cancel();
  }

  // A message is sent with all its files. It waits for uploads, and for a decision on failed ones.
  #mustWait() {
    const { coming, refused } = this.#uploads;
    const wait = plural(coming, "file is", "files are");
    const reason = coming ? `The message will be sent as soon as ${wait} uploaded.` : "";
    const stop = "Not sent: a file couldn't be uploaded. Retry or remove it.";
    this.#hold(refused ? stop : reason, !refused && coming > 0);
    return refused || coming;
  }

  #hold(reason, waiting = false) {
    this.#waiting = this.#field.readOnly = waiting;
    $("#composer").dataset.waiting = waiting;
    $("#held-cancel").hidden = !waiting;
    setText($("#held"), reason);
  }

  #written() {
    if (!this.#editing) this.#drawer.put(this.#draft, this.#field.value || null);
    this.#measure();
  }

  #put(text) {
    this.#field.value = text;
    this.#measure();
  }

  // CSS makes the field grow (field-sizing). For browsers that can't, this counts the lines on the screen.
  // Meanwhile, the form keeps its height. Otherwise, the messages above it would be scrolled.
  #grow() {
    if (getComputedStyle(this.#field).fieldSizing === "content") return;
    const { style, offsetHeight } = $("#composer");
    style.minBlockSize = `${offsetHeight}px`;
    this.#field.rows = 1;
    const { scrollHeight, clientHeight } = this.#field;
    const more = (scrollHeight - clientHeight) / parseFloat(getComputedStyle(this.#field).lineHeight);
    this.#field.rows = Math.min(MOST_LINES, 1 + Math.round(more));
    style.minBlockSize = "";
  }

  #measure() {
    const { value } = this.#field;
    this.#grow();
    const left = this.#limit - [...value.trim()].length; // as the server counts
    const count = plural(Math.abs(left), "character", "characters");
    const words = left < 0 ? `${count} over the limit` : `${count} left`;
    $("#counter").classList.toggle("danger", left < 0);
    $("#counter").textContent = left > COUNTER_FROM_CHARACTERS ? "" : words;
  }
}
