// The connection banner, and toasts for errors.

import { $, clone } from "./dom.js";

const OFFLINE_NOTICE_MS = 5_000; // don't report shorter interruptions
const BACK_NOTICE_MS = 3_000;
const TOAST_MS = 8_000;

export class Banner {
  #element = $("#banner");
  #timer;

  disconnect() { clearTimeout(this.#timer); }

  // If the connection is certainly dead (`silent`), this is reported immediately.
  offline(silent = false) {
    const text = "Reconnecting… Your messages will be sent when you're back online.";
    const delayMs = silent ? 0 : OFFLINE_NOTICE_MS;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#show("offline", text), delayMs);
  }

  online(missed) {
    clearTimeout(this.#timer);
    if (this.#element.hidden) return;
    this.#show("back", missed ? `Back online, ${missed}` : "Back online");
    this.#timer = setTimeout(() => (this.#element.hidden = true), BACK_NOTICE_MS);
  }

  crowded(reason) {
    this.#show("offline", `${reason} Close another page to use this one.`);
  }

  ended(reason = "") {
    this.#show("ended", `You've been logged out${reason}.`);
    $("#banner-link").hidden = false;
  }

  outdated() {
    this.#show("outdated", "A new version of the chat is ready.");
    $("#banner-reload").hidden = false;
  }

  #show(kind, text) {
    clearTimeout(this.#timer); // of what was to be shown or hidden later
    this.#element.dataset.kind = kind;
    this.#element.hidden = false;
    $("#banner-text").textContent = text;
  }
}

export class Toasts {
  #timers = new Set();
  #all = $("#toasts");

  constructor() { document.addEventListener("close", () => this.#raise(), { capture: true }); }

  disconnect() { this.#timers.forEach(clearTimeout); }

  // A toast that says the same is replaced, so that a screen reader announces the new one.
  show(text) {
    [...this.#all.children].find((each) => $("p", each).textContent === text)?.remove();
    this.#raise();
    const toast = clone($("#toast-template"));
    $("p", toast).textContent = text;
    $("button", toast).addEventListener("click", () => toast.remove());
    this.#all.append(toast);
    this.#timers.add(setTimeout(() => toast.remove(), TOAST_MS));
  }

  // An open list of rooms doesn't cover the toasts, because they are a popover that opens after it. They
  // belong to an open dialog, because everything outside it can't be clicked and isn't announced.
  #raise() {
    const place = $("dialog[open]") ?? document.body;
    if (this.#all.parentElement !== place) place.append(this.#all);
    this.#all.hidePopover();
    this.#all.showPopover();
  }
}
