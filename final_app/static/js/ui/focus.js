// If the control that has the focus disappears, the browser drops the focus, and keys lead nowhere. This
// part moves it to what contained the control, such as a panel or a message, or else to the message field.
// On touch screens, that would open the keyboard, so it moves the focus to the list of messages instead.

import { $ } from "./dom.js";
import { Part } from "./part.js";

const isGone = (node) => !node.isConnected || node.closest("[hidden]");

export class Focus extends Part {
  #control = null; // the last one that had the focus
  #home; // what contains it and can have the focus

  connect() {
    super.connect();
    this.#remember(document.activeElement); // the message field may have it already
    this.listen(document, "focusin", ({ target }) => this.#remember(target));
    const elsewhere = ({ target }) => this.#control?.contains(target) || (this.#control = null);
    this.listen(document, "pointerdown", elsewhere); // whoever clicks elsewhere doesn't miss the focus
    const changes = new MutationObserver(() => this.#control && isGone(this.#control) && this.#move());
    changes.observe(document.body, { subtree: true, childList: true, attributeFilter: ["hidden"] });
    this.onStop(() => changes.disconnect());
  }

  #remember(control) {
    [this.#control, this.#home] = [control, control.parentElement?.closest("[tabindex]")];
  }

  #move() {
    const field = matchMedia("(pointer: fine)").matches && $("#text");
    const places = [this.#home, field, $("#scroller")];
    this.#control = null;
    places.find((place) => place && !isGone(place)).focus({ preventScroll: true });
  }
}
