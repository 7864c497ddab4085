// The scroll position of the messages. If the reader is at the end, it follows new messages, but in a
// hidden page only until the first unread one is at the top. Otherwise, it stays where it is.

import { $ } from "./dom.js";
import { Part } from "./part.js";

const NEAR_END_PX = 100;

export class Scroller extends Part {
  #element = $("#scroller");
  #content = $("#content");
  #moved; #live; #firstUnread;
  stuck = true;

  // moved() is called after scrolling. live() returns whether the newest message is shown. firstUnread()
  // returns the node of the first unread message, if there is one on the page.
  constructor({ moved, live, firstUnread }) {
    super();
    [this.#moved, this.#live, this.#firstUnread] = [moved, live, firstUnread];
  }

  connect() {
    super.connect();
    this.listen(this.#element, "scroll", () => this.#scrolled(), { passive: true });
    const sizes = new ResizeObserver(() => (this.#follows ? this.#keepUp() : this.#scrolled()));
    sizes.observe(this.#element); // the composer grows, or a phone's keyboard appears
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
    const top = this.#element.getBoundingClientRect().top;
    const seen = [...this.#content.querySelectorAll(".message")]
      .map((node) => ({ node, place: node.getBoundingClientRect() }))
      .filter(({ place }) => place.bottom > top);
    change();
    const kept = seen.find(({ node }) => node.isConnected);
    if (kept) this.#element.scrollTop += kept.node.getBoundingClientRect().top - kept.place.top;
  }

  get #follows() { return this.stuck && this.#live(); }

  #keepUp() {
    this.toEnd();
    const node = document.visibilityState === "hidden" && this.#firstUnread();
    const isAbove = node && node.getBoundingClientRect().top < this.#element.getBoundingClientRect().top;
    if (isAbove) this.reveal(node, "start");
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#element;
    this.stuck = scrollHeight - scrollTop - clientHeight <= NEAR_END_PX;
    this.#moved();
  }
}
