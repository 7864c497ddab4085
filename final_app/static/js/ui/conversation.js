// The open room: what is known (Store), what is shown (Timeline) and where the reader is (Scroller).
// A message can arrive in an event, an acknowledgement, a sync or a page. It always goes through
// receive() or one of the page methods, and so through the store.

import { Store } from "../core/store.js";
import { $, hasAttention, plural } from "./dom.js";
import { Part } from "./part.js";

const PAGE_MESSAGES = 50;
const SYNC_AGAIN_MS = 2_000;
const GAP_MS = 100; // with several processes, an acknowledgement may overtake earlier messages by this much
const CHECK_DAY_MS = 60_000; // a timer until midnight would stop while the computer sleeps
const LOAD_AHEAD = "400px"; // load older and newer pages shortly before they are visible

export class Conversation extends Part {
  #me; #room; #directory; #timeline; #scroller; #http; #ask; #tell; #changed;
  #ends = [$("#older"), $("#newer")]; // the buttons that load one more page
  #store;
  #outbox;
  #lastSeq; // of the room's last message, whether or not it is shown
  #received = 0; // messages of others that have arrived; after a restart, this includes the user's own
  #seenSeq; // of the last message that has been on screen
  #loading = null; // the page that is being loaded
  #syncing = null; // the sync in progress
  #later; // timer of the next sync
  #gap = null; // timer since something is missing
  #observer;
  #wantsLatest = false; // the latest messages could not be loaded

  // tell(error) shows an error. changed() is called after new messages and after scrolling.
  constructor({ me, room, directory, timeline, scroller, http, ask, tell, changed }) {
    super();
    [this.#me, this.#room, this.#directory] = [me, room, directory];
    [this.#timeline, this.#scroller] = [timeline, scroller];
    [this.#http, this.#ask, this.#tell, this.#changed] = [http, ask, tell, changed];
    this.#store = new Store(room.last_rev);
    [this.#lastSeq, this.#seenSeq] = [room.last_seq, room.last_read_seq];
  }

  connect() {
    super.connect();
    for (const end of this.#ends) this.listen(end, "click", () => this.#loadMore(end));
    this.listen($("#to-latest"), "click", () => this.showLatest());
    const seen = (entries) => entries.find((entry) => entry.isIntersecting);
    const load = (entries) => seen(entries) && this.#loadMore(seen(entries).target);
    const options = { root: $("#scroller"), rootMargin: LOAD_AHEAD };
    this.#observer = new IntersectionObserver(load, options);
    this.onStop(() => [clearTimeout(this.#later), clearTimeout(this.#gap), this.#observer.disconnect()]);
    const days = setInterval(() => this.#timeline.checkDay(), CHECK_DAY_MS);
    this.onStop(() => clearInterval(days));
  }

  // Shows the messages in the document and those in the outbox.
  open(page, at, outbox) {
    this.#outbox = outbox;
    page.messages = page.messages.map((message) => this.#store.upsert(message));
    this.#timeline.adopt(page);
    if (this.#timeline.newAfter !== null) this.#markNew(); // own messages are not new
    for (const message of page.messages) outbox.settle(message.client_id);
    this.#timeline.showPending(outbox.items);
    const target = at === null ? this.#timeline.newLine : this.#timeline.node(at);
    target?.classList.toggle("target", at !== null);
    if (target) this.#scroller.reveal(target, at === null ? "start" : "center");
    else this.#scroller.toEnd();
    this.#finish();
  }

  get lastSeq() { return this.#lastSeq; }

  get received() { return this.#received; }

  get atEnd() { return this.#timeline.live && this.#scroller.stuck; }

  // Returns whether the reader sees a message that arrives now.
  get watched() { return hasAttention() && this.atEnd; }

  get firstUnread() { return this.#known?.unread ? this.#timeline.newLine : undefined; }

  // The room as the server last described it; undefined if the user is no longer a member.
  get #known() { return this.#directory.rooms.get(this.#room.id); }

  // Handles one message from a broadcast or an acknowledgement.
  receive(message) {
    this.#store.announce(message.rev);
    this.#take([message]);
    if (this.#store.behind) this.#gap ??= setTimeout(() => this.#closeGap(), GAP_MS);
  }

  #closeGap() {
    this.#gap = null;
    if (this.#store.behind) this.sync();
  }

  // Syncs unless the room is still at the last known revision. The server adds the socket to the room
  // before it reads lastRev, so that every later change arrives as an event.
  resume(lastRev) {
    if (this.#wantsLatest) this.showLatest();
    return this.#store.isAt(lastRev) ? undefined : this.sync();
  }

  // Requests every change after the last known revision, in several requests if necessary. Resolves
  // when nothing is missing.
  sync() {
    clearTimeout(this.#later);
    this.#syncing ??= this.#catchUp().finally(() => (this.#syncing = null));
    return this.#syncing;
  }

  async showLatest() {
    const came = this.#timeline.live || (await this.#reload());
    this.#wantsLatest = !came;
    if (!came) return;
    this.#scroller.toEnd();
    this.moved();
  }

  showPending(items) { this.#scroller.keepPlace(() => this.#timeline.showPending(items)); }

  moved() {
    const inView = this.atEnd ? this.#lastSeq : this.#scroller.lastInView(this.#timeline.sent);
    this.#seenSeq = Math.max(this.#seenSeq, inView);
    const unseen = this.#countUnseen();
    $("#to-latest").hidden = this.atEnd;
    const count = unseen && plural(unseen, "new message", "new messages");
    $("#to-latest-text").textContent = count || "Latest messages";
    this.#changed();
  }

  // Counts the messages of others below the part that the reader has seen. Messages that are not loaded
  // count, too, whoever wrote them.
  #countUnseen() {
    const isUnseen = ({ dataset: { seq, own, deleted } }) =>
      Number(seq) > this.#seenSeq && own === "false" && deleted === "false";
    const unloaded = this.#lastSeq - Math.max(this.#timeline.lastSeq, this.#seenSeq);
    return this.#timeline.sent.filter(isUnseen).length + Math.max(0, unloaded);
  }

  async #catchUp() {
    let before, found;
    do {
      before = this.#store.rev;
      const answer = await this.#ask("sync", { rooms: { [this.#room.id]: before } });
      if (!answer.ok) return this.#catchUpLater(answer.error);
      found = answer.rooms[this.#room.id];
      if (!found) return undefined; // no longer a member; room_removed or welcome handles this
      // An older backup of the database was restored. New messages get the ids of those that were lost.
      if (found.last_rev < before) return location.reload();
      if (found.reset && !(await this.#restart())) return this.#catchUpLater({});
      this.#store.caughtUp(found.last_rev);
      this.#take(found.changes);
    } while ((found.more || this.#store.behind) && this.#store.rev > before);
    return this.#store.behind ? this.#catchUpLater({}) : undefined;
  }

  // While offline, no retry is needed: the next welcome starts a sync.
  #catchUpLater({ code, retry_after = SYNC_AGAIN_MS / 1000 }) {
    if (code !== "offline") this.#later = setTimeout(() => this.sync(), retry_after * 1000);
  }

  #take(messages) {
    const isNews = ({ seq, author, deleted }) => seq > this.#lastSeq && author.id !== this.#me.id && !deleted;
    const news = messages.filter(isNews).length;
    this.#received += news;
    this.#scroller.keepPlace(() => {
      if (!this.watched && news) this.#markNew();
      messages.forEach((message) => this.#show(message));
    });
    this.#finish();
  }

  // Moves the "New" line to the first unread message, unless it is there already. The user's own messages
  // are not new, and neither are those before them.
  #markNew() {
    const read = this.#known?.last_read_seq;
    const own = this.#timeline.sent.findLast(({ dataset }) => dataset.own === "true");
    if ((this.#timeline.newAfter ?? -1) <= read) {
      this.#timeline.newAfter = Math.max(read, Number(own?.dataset.seq ?? 0));
    }
  }

  #show(message) {
    this.#lastSeq = Math.max(this.#lastSeq, message.seq);
    this.#timeline.show(this.#store.upsert(message));
    if (message.author.id === this.#me.id) this.#outbox.settle(message.client_id);
  }

  // After a change: trims the nodes and updates data-rev, the buttons at both ends and the position.
  #finish() {
    this.#scroller.keepPlace(() => {
      this.#timeline.trim(this.#scroller.stuck ? "start" : "end");
      this.#showEnds();
    });
    document.documentElement.dataset.rev = this.#store.rev;
    this.moved();
  }

  #showEnds() {
    $("#older").hidden = this.#timeline.first;
    $("#start").hidden = !this.#timeline.first;
    $("#newer").hidden = this.#timeline.live;
    for (const end of this.#ends) {
      this.#observer.unobserve(end); // observing it again shows immediately whether it's visible
      this.#observer.observe(end);
    }
  }

  #loadMore({ id }) {
    const { firstSeq, lastSeq } = this.#timeline;
    const older = id === "older";
    const query = older ? `before=${firstSeq}&` : `after=${lastSeq}&`;
    return this.#load(query, (page) => this.#timeline.extend(page, older));
  }

  // Starts again after too many changes, from the place where the reader has stopped.
  #restart() {
    const { unread, last_read_seq: read } = this.#known ?? {};
    if (this.watched || !unread) return this.#reload();
    this.#markNew();
    return this.#reload(`around=${read}&`);
  }

  // Replaces everything with the newest page, or with another one. Returns whether it was loaded.
  async #reload(query = "") {
    await this.#loading;
    const { stuck } = this.#scroller;
    const came = await this.#load(query, (page) => {
      this.#timeline.replace(page);
      this.#store.caughtUp(page.last_rev);
      this.#received += Math.max(0, page.last_seq - this.#lastSeq);
      this.#lastSeq = Math.max(this.#lastSeq, page.last_seq);
    });
    const line = query && this.#timeline.newLine;
    if (came && line) this.#scroller.reveal(line, "start");
    else if (came && !stuck) this.#scroller.toStart();
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
      page.last &&= page.last_seq >= this.#lastSeq; // a message may have arrived meanwhile
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
