// One socket and its life: connecting → online ⇄ offline, or ended when the log-in has ended.

const ANSWER_TIMEOUT_MS = 5_000;
const CONNECT_AGAIN_MS = 2_000; // after the server closed the connection or refused it for a while

export class Connection {
  #socket; #changed;
  #timer;
  #state = "connecting";

  // changed(state, news) hears of each new state; news is the server's word: welcome, session_ended
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

  // Returns the acknowledgement; one that did not come in time is a refusal, too.
  async ask(event, payload) {
    if (!this.online) return refusal("You are not connected at the moment.");
    try {
      return await this.#socket.timeout(ANSWER_TIMEOUT_MS).emitWithAck(event, payload);
    } catch {
      return noAnswer();
    }
  }

  // Socket.IO connects again by itself, except after the server's own word.
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

export const noAnswer = () => refusal("The server did not answer. Try again in a moment.");
