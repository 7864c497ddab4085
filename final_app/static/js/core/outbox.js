// What one person has written in one room and the server has not acknowledged yet.
// It is kept in the drawer, so a reload loses nothing, and sent one by one in the order of writing.
// A message leaves only when it was acknowledged or the person discards it.

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const TRIES_BEFORE_RETRY_IS_OFFERED = 3;
const REFUSALS = new Set(["invalid", "forbidden", "not_found", "conflict"]); // trying again cannot help

export class Outbox {
  #room; #drawer; #send; #accepted; #changed;
  #connected = false;
  #draining = false;
  #tries = new Map(); // client_id → times sent without an answer, in this page
  #wake = () => {};

  // send(room, item) → acknowledgement, also when none came; accepted(message); changed(items)
  constructor({ room, drawer, send, accepted, changed }) {
    [this.#room, this.#drawer, this.#send] = [room, drawer, send];
    [this.#accepted, this.#changed] = [accepted, changed];
  }

  get name() { return `outbox ${this.#room}`; }

  // Read anew each time: another tab of the same person writes here too.
  get items() {
    const tries = (item) => this.#tries.get(item.client_id) ?? 0;
    const kept = this.#drawer.get(this.name) ?? [];
    return kept.map((item) => ({ ...item, stuck: tries(item) >= TRIES_BEFORE_RETRY_IS_OFFERED }));
  }

  add(text, replyTo, uploads) {
    const created_at = new Date().toISOString();
    const item = { client_id: newId(), text, reply_to: replyTo, uploads, created_at, error: null };
    this.#keep([...this.items, item]);
    this.#drain();
  }

  retry(clientId) {
    this.#fail(clientId, null);
    this.#wake();
    this.#drain();
  }

  // Its message has come (acknowledged, broadcast or in the history), or the person gave it up.
  settle(clientId) {
    const items = this.items;
    const left = items.filter((item) => item.client_id !== clientId);
    if (left.length < items.length) this.#keep(left);
  }

  // Another tab has written here; it sends, unless its line is down and ours is not.
  changedElsewhere() {
    this.#changed(this.items);
    this.#drain();
  }

  connect() {
    this.#connected = true;
    this.#wake();
    this.#drain();
  }

  disconnect() {
    this.#connected = false;
    this.#wake();
  }

  #keep(items) {
    const lean = items.map(({ stuck, ...item }) => item);
    this.#drawer.put(this.name, lean.length ? lean : null);
    this.#changed(this.items);
  }

  #fail(clientId, error) {
    this.#keep(this.items.map((item) => (item.client_id === clientId ? { ...item, error } : item)));
  }

  #next() { return this.#connected ? this.items.find((item) => !item.error) : undefined; }

  async #drain() {
    if (this.#draining || !this.#next()) return;
    this.#draining = true;
    await alone(this.#drawer.nameOf(this.name), () => this.#sendAll());
    this.#draining = false;
    this.#drain(); // for what was added while the lock was given back
  }

  async #sendAll() {
    for (let item = this.#next(); item; item = this.#next()) {
      const answer = await this.#send(this.#room, item);
      const { code, message, retry_after } = answer.error ?? {};
      if (answer.ok) this.#accepted(answer.message);
      else if (REFUSALS.has(code)) this.#fail(item.client_id, message);
      else if (this.#connected) await this.#pause(item.client_id, retry_after);
    }
  }

  // Wait as long as the server asked, or longer from try to try, with jitter against a stampede.
  async #pause(clientId, retryAfterS) {
    const tries = (this.#tries.get(clientId) ?? 0) + 1;
    this.#tries.set(clientId, tries);
    this.#changed(this.items);
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1));
    const pauseMs = (retryAfterS ?? 0) * 1000 || longest * (0.5 + Math.random() / 2);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.#wake = () => (clearTimeout(timer), resolve());
    });
  }
}

// Two tabs share the drawer. The server would notice the same client_id; with a lock it need not.
function alone(name, work) {
  return navigator.locks ? navigator.locks.request(name, work) : work();
}

// crypto.randomUUID exists on https and localhost only; a chat at http://192.168.… needs the other.
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4 (RFC 9562, section 5.4)
  bytes[8] = (bytes[8] & 0x3f) | 0x80; // its variant
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}
