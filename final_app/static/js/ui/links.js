// Links to messages of this room, such as quotes, times and links in texts. A click on one goes there
// without loading the page again if the message is on the page.

import { $, hasModifier } from "./dom.js";
import { Part } from "./part.js";

export class Links extends Part {
  #start; #jump;

  // jump(seq) goes to a message of this room if the message is on the page, and returns whether it is.
  constructor({ room, jump }) {
    super();
    this.#start = String(new URL(`r/${room.slug}/`, document.baseURI));
    this.#jump = jump;
  }

  connect() {
    super.connect();
    this.listen($("#scroller"), "click", (event) => this.#follow(event));
  }

  #follow(event) {
    const { href = "" } = event.target.closest("a") ?? {};
    const seq = href.startsWith(this.#start) && href.slice(this.#start.length);
    if (!hasModifier(event) && /^\d+$/.test(seq) && this.#jump(Number(seq))) event.preventDefault();
  }
}
