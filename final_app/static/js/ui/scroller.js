// The scroll position of the messages. If the reader is at the end, it follows new messages, but in a
// hidden page only until the first unread one is at the top. Otherwise, it stays where it is.

import { $ } from "./dom.js";
import { Part } from "./part.js";

const NEAR_END_PX = 100;

export class Scroller extends Part {
  #element = $("#scroller");
  #content = $("#content");
  #moved; #live; #firstUnread;
  #places = []; // where the messages were after the reader last scrolled
  #width; // of the column of messages at that time
  stuck = true;

  // moved() is called after scrolling. live() returns whether the newest message is shown. firstUnread()
  // returns the node of the first unread message, if there is one on the page.
  constructor({ moved, live, firstUnread }) {
    super();
    [this.#moved, this.#live, this.#firstUnread] = [moved, live, firstUnread];
  }

  connect() {
    super.connect();
    // If a wider column is shorter, the browser may scroll it before #resized is called.
    this.listen(this.#element, "scroll", () => this.#hasItsWidth && this.#scrolled(), { passive: true });
    const sizes = new ResizeObserver(() => this.#resized());
    sizes.observe(this.#element); // the composer grows, a panel opens, or a phone's keyboard appears
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

  // Returns the seq of the last of these nodes whose end is on or above the visible part, or 0.
  lastInView(nodes) {
    const { bottom } = this.#element.getBoundingClientRect();
    const last = nodes.findLast((node) => node.getBoundingClientRect().bottom <= bottom);
    return Number(last?.dataset.seq ?? 0);
  }

  // Changes the document, and keeps the messages that the reader looks at in place.
  keepPlace(change) {
    if (this.#follows) {
      change();
      this.#keepUp();
      return;
    }
    const places = this.#findPlaces();
    change();
    this.#goBack(places.filter(({ bottom }) => bottom > 0));
  }

  get #follows() { return this.stuck && this.#live(); }

  #keepUp() {
    this.toEnd();
    const node = document.visibilityState === "hidden" && this.#firstUnread();
    const isAbove = node && node.getBoundingClientRect().top < this.#element.getBoundingClientRect().top;
    if (isAbove) this.reveal(node, "start");
  }

  get #hasItsWidth() { return this.#width === this.#content.offsetWidth; }

  // In a narrower column, texts have more lines. The first message that begins on screen stays where it was.
  // If none does, the text of the message that fills the screen stays approximately where it was.
  #resized() {
    if (this.#follows) this.#keepUp();
    else if (!this.#hasItsWidth) this.#goBack(this.#findOnScreen());
    this.#scrolled();
  }

  #findOnScreen() {
    const seen = this.#places.filter(({ top, bottom }) => bottom > 0 && top < this.#element.clientHeight);
    const begins = seen.filter(({ top }) => top >= 0);
    if (begins.length) return begins;
    return seen.map(({ node, top, bottom }) => ({ node, top: (top * node.offsetHeight) / (bottom - top) }));
  }

  // Returns the edges of each message, as distances from the top of the visible part.
  #findPlaces() {
    const start = this.#element.getBoundingClientRect().top;
    return [...this.#content.querySelectorAll(".message")].map((node) => {
      const { top, bottom } = node.getBoundingClientRect();
      return { node, top: top - start, bottom: bottom - start };
    });
  }

  #goBack(places) {
    const kept = places.find(({ node }) => node.isConnected);
    const start = this.#element.getBoundingClientRect().top;
    if (kept) this.#element.scrollTop += kept.node.getBoundingClientRect().top - start - kept.top;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#element;
    this.stuck = scrollHeight - scrollTop - clientHeight <= NEAR_END_PX;
    [this.#places, this.#width] = [this.#findPlaces(), this.#content.offsetWidth];
    this.#moved();
  }
}
