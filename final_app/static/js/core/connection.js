// One socket and its states: connecting → online ⇄ offline, ended when the session has ended, and
// outdated when the server speaks another version of the protocol.

export const PROTOCOL = 3; // as in realtime/handlers.py

// A WebSocket at once saves five requests. Pages that lost the same server come back spread over some
// seconds, not all at once.
export const OPTIONS = {
  transports: ["websocket", "polling"],
  reconnectionDelay: 1_000,
  reconnectionDelayMax: 4_000,
  randomizationFactor: 0.7,
  timeout: 8_000, // of one attempt to connect
};

const ANSWER_TIMEOUT_MS = 3_500;
const PROBE_TIMEOUT_MS = 3_000;
const NOTHING = { rooms: {} }; // to ask for, just to get an answer
const CONNECT_AGAIN_MS = 1_000; // after the server closed or refused the connection; up to three times this

export class Connection {
  #socket; #changed;
  #timer;
  #listeners;
  #heard = 0; // packets of the server so far, to know whether the line is silent
  #probing = false;
  #state = "connecting";

  // changed(state, news) is called for each new state, with the payload of welcome or session_ended.
  // For offline, `news.silent` tells that the line is certainly dead.
  constructor(socket, changed) {
    [this.#socket, this.#changed] = [socket, changed];
    socket.on("welcome", (welcome) => {
      if (welcome.protocol === PROTOCOL) this.#become("online", welcome);
      else this.#become("outdated");
    });
    socket.on("session_ended", (news) => this.#become("ended", news));
    socket.on("disconnect", (reason) => this.#dropped(reason === "io server disconnect"));
    socket.on("connect_error", ({ data }) => {
      if (data?.code === "unauthorized") this.#become("ended");
      else if (data?.code === "outdated") this.#become("outdated");
      else this.#dropped(!socket.active);
      if (!data) socket.io.opts.transports.reverse(); // some networks let no WebSocket through
    });
    socket.onAny(() => (this.#heard += 1));
    socket.io.on("ping", () => (this.#heard += 1));
  }

  get #isOver() { return this.#state === "ended" || this.#state === "outdated"; }

  get online() { return this.#state === "online"; }

  connect() {
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    addEventListener("offline", () => this.#cut(), { signal });
    // A person who turns to the page shows within seconds that the line has died meanwhile.
    addEventListener("focus", () => this.ask("sync", NOTHING), { signal });
    this.#socket.connect();
  }

  disconnect() {
    clearTimeout(this.#timer);
    this.#listeners?.abort();
    this.#socket.disconnect();
  }

  // Returns the acknowledgement, or an error of the same form if none came in time.
  async ask(event, payload) {
    if (!this.online) return refusal("You're not connected right now.");
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

  // Asks once more. If the server still says nothing at all, not even to others, the line is dead: a
  // slow server is heard from. Without this, it would take until the server's next ping is overdue.
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

  // Socket.IO reconnects automatically, except when the server closed the connection.
  #dropped(byServer) {
    if (this.#isOver) return;
    this.#become("offline");
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

const refusal = (message) => ({ ok: false, error: { code: "offline", message } });

export const noAnswer = () => refusal("The server didn't respond. Try again in a moment.");
