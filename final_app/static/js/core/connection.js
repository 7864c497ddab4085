// One socket and its states: connecting → online ⇄ offline. When the session has ended, the state is
// ended. When the server uses another version of the protocol, it is outdated. While the person has too
// many open pages, it is crowded, and the page keeps trying.

export const PROTOCOL = 3; // must be the same as in realtime/handlers.py

// Connecting with a WebSocket from the start saves five requests. When many pages lose the same server,
// they reconnect at random times within some seconds, and not all at once.
export const OPTIONS = {
  transports: ["websocket", "polling"],
  reconnectionDelay: 1_000,
  reconnectionDelayMax: 4_000,
  randomizationFactor: 0.7,
  timeout: 8_000, // of one attempt to connect
};

const LONGEST_ATTEMPT_MS = 32_000; // on a slow line, a connection needs several round trips of some seconds
const ANSWER_TIMEOUT_MS = 3_500;
const PROBE_TIMEOUT_MS = 3_000;
const NOTHING = { rooms: {} }; // a request for nothing, only to see whether the server answers
const CONNECT_AGAIN_MS = 1_000; // after the server closed or refused the connection; up to three times this

export class Connection {
  #socket; #changed;
  #timer;
  #listeners;
  #early = []; // events that came before `welcome`
  #heard = 0; // packets received so far, to find out whether the connection still works
  #probing = false;
  #state = "connecting";

  // changed(state, news) is called for each new state, with the payload of welcome or session_ended.
  // For offline, `news.silent` is true if the connection is certainly dead. For crowded, `news.message`
  // names the limit.
  constructor(socket, changed) {
    [this.#socket, this.#changed] = [socket, changed];
    const { timeout } = socket.io.opts;
    socket.on("welcome", (welcome) => {
      socket.io.timeout(timeout);
      if (welcome.protocol === PROTOCOL) this.#become("online", welcome);
      else this.#become("outdated");
      for (const handle of this.#early.splice(0)) handle();
    });
    socket.on("session_ended", (news) => this.#become("ended", news));
    socket.on("disconnect", (reason) => this.#dropped(reason === "io server disconnect"));
    socket.on("connect_error", ({ message, data }) => {
      if (data?.code === "unauthorized") this.#become("ended");
      else if (data?.code === "outdated") this.#become("outdated");
      else if (data?.code === "too_many_sockets") this.#dropped(true, "crowded", { message });
      else this.#dropped(!socket.active);
      if (message === "timeout") socket.io.timeout(Math.min(2 * socket.io.timeout(), LONGEST_ATTEMPT_MS));
      if (!data) socket.io.opts.transports.reverse(); // some networks block WebSockets
    });
    socket.onAny(() => (this.#heard += 1));
    socket.io.on("ping", () => (this.#heard += 1));
  }

  get #isOver() { return this.#state === "ended" || this.#state === "outdated"; }

  get online() { return this.#state === "online"; }

  // Calls listener(news) for each event with this name. An event can overtake `welcome`, whose state may be
  // older. It is handled after `welcome`, which would otherwise undo it.
  on(event, listener) {
    const handle = (news) => (this.online ? listener(news) : this.#early.push(() => listener(news)));
    this.#socket.on(event, handle);
  }

  connect() {
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    addEventListener("offline", () => this.#cut(), { signal });
    // An attempt that was under way when the network was lost would last until its timeout.
    addEventListener("online", () => this.#connectNow(), { signal });
    // When a person comes back to the page, a request shows within seconds whether the connection is dead.
    addEventListener("focus", () => this.ask("sync", NOTHING), { signal });
    this.#socket.connect();
  }

  disconnect() {
    clearTimeout(this.#timer);
    this.#listeners?.abort();
    this.#socket.disconnect();
  }

  // Returns the acknowledgement, or an error in the same form if none arrived in time.
  async ask(event, payload) {
    if (!this.online) return refusal("offline", "You're not connected right now.");
    const before = this.#heard;
    const answer = await this.#answer(event, payload, ANSWER_TIMEOUT_MS);
    if (!answer && before === this.#heard) this.#probe();
    return answer ?? noAnswer();
  }

  async #answer(event, payload, timeoutMs) {
    const answering = this.#socket.timeout(timeoutMs).emitWithAck(event, payload);
    const answer = await answering.catch(() => null);
    if (answer) this.#heard += 1;
    return answer;
  }

  // Asks once more. If not a single packet arrives, the connection is dead: a server that is only slow
  // still sends something. Otherwise, the page would notice only when the server's next ping is overdue.
  async #probe() {
    if (this.#probing || !this.online) return;
    this.#probing = true;
    const before = this.#heard;
    await this.#answer("sync", NOTHING, PROBE_TIMEOUT_MS);
    this.#probing = false;
    if (this.online && before === this.#heard) this.#cut();
  }

  // Closes the transport. Socket.IO then reconnects, and the page syncs. The browser's "offline" event
  // may have closed it already.
  #cut() {
    if (this.#isOver) return;
    this.#state = "offline";
    this.#changed("offline", { silent: true });
    this.#socket.io.engine?.close();
  }

  #connectNow() {
    if (this.#socket.connected || this.#isOver) return;
    clearTimeout(this.#timer);
    this.#socket.disconnect().connect();
  }

  // Socket.IO reconnects automatically, except when the server closed the connection.
  #dropped(byServer, state = "offline", news = undefined) {
    this.#early = [];
    if (this.#isOver) return;
    this.#become(state, news);
    clearTimeout(this.#timer);
    const pauseMs = CONNECT_AGAIN_MS * (1 + 2 * Math.random());
    if (byServer) this.#timer = setTimeout(() => this.#socket.connect(), pauseMs);
  }

  #become(state, detail) {
    if (state === this.#state && state !== "online") return;
    this.#state = state;
    if (this.#isOver) this.disconnect();
    this.#changed(state, detail);
  }
}

const refusal = (code, message) => ({ ok: false, error: { code, message } });

// The connection may still be alive, so no welcome has to follow. Whoever asked must ask again.
export const noAnswer = () =>
  refusal("no_answer", "The server didn't respond. Try again in a moment.");
