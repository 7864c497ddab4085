// The log's place: it sticks to the end while the reader is there, and never jumps otherwise.

import { $ } from "./dom.js";
import { Part } from "./part.js";

const NEAR_END_PX = 100;

export class Scroller extends Part {
  #element = $("#scroller");
  #content = $("#content");
  #moved; #live;
  stuck = true;

  // moved() hears that the reader has scrolled; live() tells whether the newest message is there.
  constructor({ moved, live }) { super(); [this.#moved, this.#live] = [moved, live]; }

  connect() {
    super.connect();
    this.listen(this.#element, "scroll", () => this.#scrolled(), { passive: true });
    const sizes = new ResizeObserver(() => this.#follows && this.toEnd());
    sizes.observe(this.#element); // the composer grows, the keyboard of a phone comes up
    sizes.observe(this.#content);
    this.onStop(() => sizes.disconnect());
  }

  toEnd() {
    this.stuck = true;
    this.#element.scrollTop = this.#element.scrollHeight;
  }

  toStart() {
    this.#element.scrollTop = 0;
    this.#scrolled();
  }

  reveal(node, block) {
    node.scrollIntoView({ block });
    this.#scrolled();
  }

  // Runs a change of the document; what the reader looks at stays where it is.
  keepPlace(change) {
    if (this.#follows) {
      change();
      this.toEnd();
      return;
    }
    const top = this.#element.getBoundingClientRect().top;
    const seen = [...this.#content.querySelectorAll(".message")]
      .map((node) => ({ node, place: node.getBoundingClientRect() }))
      .filter(({ place }) => place.bottom > top);
    change();
    const kept = seen.find(({ node }) => node.isConnected);
    if (kept) this.#element.scrollTop += kept.node.getBoundingClientRect().top - kept.place.top;
  }

  get #follows() { return this.stuck && this.#live(); }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#element;
    this.stuck = scrollHeight - scrollTop - clientHeight <= NEAR_END_PX;
    this.#moved();
  }
}
