// The open room: what is stored (Store), what is shown (Timeline), where the reader is (Scroller).
// Whatever the way a message came, by event, acknowledgement, sync or page, it passes receive() or
// one of the page methods, and so the store.

import { Store } from "../core/store.js";
import { $, plural } from "./dom.js";
import { Part } from "./part.js";

const PAGE_MESSAGES = 50;
const SYNC_AGAIN_MS = 2_000;
const LOAD_AHEAD = "400px"; // older and newer pages are asked for a little before they are seen

export class Conversation extends Part {
  #me; #room; #timeline; #scroller; #http; #ask; #tell; #changed;
  #ends = [$("#older"), $("#newer")]; // the buttons that load one more page
  #store;
  #outbox;
  #unseen = 0; // messages of others below the place of the reader
  #lastSeq; // of the room, shown or not
  #loading = null; // the page that is on its way
  #syncing = null; // the catching up that is under way
  #later; // the next try of it
  #observer;

  // tell(error) shows a refusal; changed() hears that messages came or the place moved
  constructor({ me, room, timeline, scroller, http, ask, tell, changed }) {
    super();
    [this.#me, this.#room, this.#timeline, this.#scroller] = [me, room, timeline, scroller];
    [this.#http, this.#ask, this.#tell, this.#changed] = [http, ask, tell, changed];
    this.#store = new Store(room.last_rev);
    this.#lastSeq = room.last_seq;
  }

  connect() {
    super.connect();
    for (const end of this.#ends) this.listen(end, "click", () => this.#loadMore(end));
    this.listen($("#to-latest"), "click", () => this.showLatest());
    const seen = (entries) => entries.find((entry) => entry.isIntersecting);
    const load = (entries) => seen(entries) && this.#loadMore(seen(entries).target);
    const options = { root: $("#scroller"), rootMargin: LOAD_AHEAD };
    this.#observer = new IntersectionObserver(load, options);
    this.onStop(() => [clearTimeout(this.#later), this.#observer.disconnect()]);
  }

  // The page that came with the document, and what is still in the outbox.
  open(page, at, outbox) {
    this.#outbox = outbox;
    this.#timeline.adopt(page);
    for (const message of page.messages) {
      this.#store.upsert(message);
      outbox.settle(message.client_id);
    }
    this.#timeline.showPending(outbox.items);
    const target = at === null ? this.#timeline.newLine : this.#timeline.node(at);
    target?.classList.toggle("target", at !== null);
    if (target) this.#scroller.reveal(target, at === null ? "start" : "center");
    else this.#scroller.toEnd();
    this.#finish();
  }

  get lastSeq() { return this.#lastSeq; }

  get atEnd() { return this.#timeline.live && this.#scroller.stuck; }

  // One message as the server announced, acknowledged or repeated it.
  receive(message) {
    this.#store.announce(message.rev);
    this.#take([message]);
    if (this.#store.behind) this.sync();
  }

  // Asks for every change after the last revision that is here. Returns when nothing is missing.
  sync() {
    clearTimeout(this.#later);
    this.#syncing ??= this.#catchUp().finally(() => (this.#syncing = null));
    return this.#syncing;
  }

  async showLatest() {
    if (!this.#timeline.live) await this.#reload();
    this.#scroller.toEnd();
    this.moved();
  }

  showPending(items) { this.#scroller.keepPlace(() => this.#timeline.showPending(items)); }

  moved() {
    if (this.atEnd) this.#unseen = 0;
    $("#to-latest").hidden = this.#timeline.live && !this.#unseen;
    const count = this.#unseen && plural(this.#unseen, "new message", "new messages");
    $("#to-latest-text").textContent = count || "Latest messages";
    this.#changed();
  }

  async #catchUp() {
    let before;
    do {
      before = this.#store.rev;
      const answer = await this.#ask("sync", { rooms: { [this.#room.id]: before } });
      if (!answer.ok) return this.#catchUpLater(answer.error);
      const found = answer.rooms[this.#room.id];
      if (!found) return undefined; // no longer a member: room_removed or the welcome says so
      if (found.reset && !(await this.#reload())) return this.#catchUpLater({});
      this.#store.caughtUp(found.last_rev);
      this.#take(found.changes);
    } while (this.#store.behind && this.#store.rev > before);
    return this.#store.behind ? this.#catchUpLater({}) : undefined;
  }

  // Without a connection there is nothing to plan: the next welcome begins with a sync.
  #catchUpLater({ code, retry_after = SYNC_AGAIN_MS / 1000 }) {
    if (code !== "offline") this.#later = setTimeout(() => this.sync(), retry_after * 1000);
  }

  #take(messages) {
    this.#scroller.keepPlace(() => messages.forEach((message) => this.#show(message)));
    this.#finish();
  }

  #show(message) {
    const isNew = message.seq > this.#lastSeq;
    this.#lastSeq = Math.max(this.#lastSeq, message.seq);
    this.#timeline.show(this.#store.upsert(message));
    const own = message.author.id === this.#me.id;
    if (own) this.#outbox.settle(message.client_id);
    else if (isNew && !this.atEnd) this.#unseen += 1;
  }

  // After a change: bounded nodes, the buttons at both ends, the way to the end, data-rev.
  #finish() {
    this.#scroller.keepPlace(() => this.#timeline.trim(this.#scroller.stuck ? "start" : "end"));
    document.documentElement.dataset.rev = this.#store.rev;
    this.#showEnds();
    this.moved();
  }

  #showEnds() {
    $("#older").hidden = this.#timeline.first;
    $("#start").hidden = !this.#timeline.first;
    $("#newer").hidden = this.#timeline.live;
    for (const end of this.#ends) {
      this.#observer.unobserve(end); // observing anew tells at once whether it is in view
      this.#observer.observe(end);
    }
  }

  #loadMore({ id }) {
    const { firstSeq, lastSeq } = this.#timeline;
    const older = id === "older";
    const query = older ? `before=${firstSeq}&` : `after=${lastSeq}&`;
    return this.#load(query, (page) => this.#timeline.extend(page, older));
  }

  // The newest page in place of all that is shown. Returns whether it came.
  async #reload() {
    await this.#loading;
    const { stuck } = this.#scroller;
    const came = await this.#load("", (page) => {
      this.#timeline.replace(page);
      this.#store.caughtUp(page.last_rev);
      if (!stuck) this.#unseen += Math.max(0, page.last_seq - this.#lastSeq);
      this.#lastSeq = Math.max(this.#lastSeq, page.last_seq);
    });
    if (came && !stuck) this.#scroller.toStart();
    return came;
  }

  #load(query, show) {
    this.#loading ??= this.#loadPage(query, show).finally(() => (this.#loading = null));
    return this.#loading;
  }

  async #loadPage(query, show) {
    const address = `api/rooms/${this.#room.id}/messages?${query}limit=${PAGE_MESSAGES}`;
    try {
      const page = await this.#http.get(address);
      page.last &&= page.last_seq >= this.#lastSeq; // one may have come while this was on its way
      page.messages = page.messages.map((message) => this.#store.upsert(message));
      this.#scroller.keepPlace(() => show(page));
      for (const message of page.messages) this.#outbox.settle(message.client_id);
      this.showPending(this.#outbox.items);
      this.#finish();
      return true;
    } catch (error) {
      return this.#tell(error);
    }
  }
}
