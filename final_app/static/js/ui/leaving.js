// Links and forms that lead away from this page. If the server can't be reached, the browser would replace
// the page by its own error page, so the page stays and says that it's offline.

import { hasModifier } from "./dom.js";
import { Part } from "./part.js";

const SLOW_MS = 4_000; // whoever has clicked wants to know why nothing happens
const SLOW = { message: "The server is slow to respond. The page will open as soon as it does." };
const OFFLINE = { message: "You're offline, so the page stays here. Try again when you're back online." };

export class Leaving extends Part {
  #connection; #http; #tell;
  #choices = 0; // how often the user has chosen where to go; only the last choice counts

  constructor({ connection, http, tell }) {
    super(); [this.#connection, this.#http, this.#tell] = [connection, http, tell];
  }

  // On the window, these listeners come after all others, which may have handled the event.
  connect() {
    super.connect();
    this.listen(window, "click", (event) => this.#follow(event));
    this.listen(window, "submit", (event) => this.#submit(event));
  }

  // Goes to a room, or to one of its messages.
  goTo({ slug }, seq) {
    const path = seq ? `r/${slug}/${seq}` : `r/${slug}`;
    return this.#go(new URL(path, document.baseURI));
  }

  #follow(event) {
    const link = event.target.closest("a[href]");
    const leads = link && !hasModifier(event) && !link.target && !link.hasAttribute("download") && !link.hash;
    if (!leads || event.defaultPrevented || this.#browserGoes()) return;
    event.preventDefault();
    this.#go(link.href);
  }

  async #submit(event) {
    const { target: form } = event;
    if (form.method !== "post" || event.defaultPrevented || this.#browserGoes()) return;
    event.preventDefault();
    if (await this.#arrives(form.action)) form.submit();
  }

  // While the page is online, the browser goes where the user has chosen.
  #browserGoes() {
    this.#choices += 1;
    return this.#connection.online;
  }

  async #go(address) { if (await this.#arrives(address)) location.assign(address); }

  // Pages can arrive although the socket is down, for example while the socket still reconnects.
  async #arrives(address) {
    const choice = (this.#choices += 1);
    if (this.#connection.online) return true;
    const slow = setTimeout(() => this.#tell(SLOW), SLOW_MS);
    const arrives = await this.#http.reaches(address);
    clearTimeout(slow);
    if (choice !== this.#choices) return false;
    if (!arrives) this.#tell(OFFLINE);
    return arrives;
  }
}
