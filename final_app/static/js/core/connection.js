// One socket and its states: connecting → online ⇄ offline, and ended when the session has ended.

const ANSWER_TIMEOUT_MS = 5_000;
const CONNECT_AGAIN_MS = 2_000; // after the server closed or refused the connection

export class Connection {
  #socket; #changed;
  #timer;
  #state = "connecting";

  // changed(state, news) is called for each new state, with the payload of welcome or session_ended.
  constructor(socket, changed) {
    [this.#socket, this.#changed] = [socket, changed];
    socket.on("welcome", (welcome) => this.#become("online", welcome));
    socket.on("session_ended", (news) => this.#become("ended", news));
    socket.on("disconnect", (reason) => this.#dropped(reason === "io server disconnect"));
    socket.on("connect_error", ({ data }) => {
      if (data?.code === "unauthorized") this.#become("ended");
      else this.#dropped(!socket.active);
    });
  }

  get online() { return this.#state === "online"; }

  connect() { this.#socket.connect(); }

  disconnect() {
    clearTimeout(this.#timer);
    this.#socket.disconnect();
  }

  // Returns the acknowledgement, or an error of the same form if none came in time.
  async ask(event, payload) {
    if (!this.online) return refusal("You're not connected right now.");
    try {
      return await this.#socket.timeout(ANSWER_TIMEOUT_MS).emitWithAck(event, payload);
    } catch {
      return noAnswer();
    }
  }

  // Socket.IO reconnects automatically, except when the server closed the connection.
  #dropped(byServer) {
    if (this.#state === "ended") return;
    this.#become("offline");
    clearTimeout(this.#timer);
    if (byServer) this.#timer = setTimeout(() => this.connect(), CONNECT_AGAIN_MS);
  }

  #become(state, detail) {
    if (state === this.#state && state !== "online") return;
    this.#state = state;
    if (state === "ended") this.disconnect();
    this.#changed(state, detail);
  }
}

const refusal = (message) => ({ ok: false, error: { code: "offline", message } });

export const noAnswer = () => refusal("The server didn't respond. Try again in a moment.");
