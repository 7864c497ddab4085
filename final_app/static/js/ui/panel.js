// A panel on the right. A button opens it, Esc closes it unless Esc has another meaning, and only one
// panel is open at a time.

import { $, isComposing } from "./dom.js";
import { Part } from "./part.js";

export class Panel extends Part {
  static #current = null;
  #button;

  constructor(name) { super(); [this.panel, this.#button] = [$(`#${name}`), $(`#${name}-toggle`)]; }

  connect() {
    super.connect();
    this.listen(this.#button, "click", () => this.open(!this.isOpen));
    this.listen($(`#${this.panel.id}-close`), "click", () => this.open(false));
    this.listen(window, "keydown", (event) => this.#leaves(event) && this.#leave());
  }

  get isOpen() { return !this.panel.hidden; }

  open(open) {
    if (Panel.#current !== this) Panel.#current?.show(false);
    Panel.#current = this;
    this.show(open);
    (open ? $("[type=search]", this.panel) ?? this.panel : this.#button).focus();
  }

  #leaves(event) {
    const meant = event.key === "Escape" && !event.defaultPrevented && !isComposing(event);
    return meant && this.isOpen && !$('dialog[open], [popover=""]:popover-open');
  }

  // The focus stays where the user is writing.
  #leave() {
    if (this.panel.contains(document.activeElement)) this.open(false);
    else this.show(false);
  }

  show(open) {
    this.panel.hidden = !open;
    this.#button.setAttribute("aria-expanded", open);
  }
}

// Returns whether a panel covers the conversation instead of being next to it (as in people.css).
export const panelsCover = () => matchMedia("(width < 75rem)").matches;
