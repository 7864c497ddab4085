// The messages of the current user in one room that the server hasn't acknowledged yet.
// They are stored in the drawer, so a reload loses nothing, and sent one by one in order.
// A message stays here until it's acknowledged or the user discards it.

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const TRIES_BEFORE_RETRY_IS_OFFERED = 3;
const MOST_INTERNAL_ERRORS = 3; // after that, the message counts as refused
const LASTING = new Set(["disk_full", "damaged", "unwritable"]); // these errors last until the server is repaired
const REFUSALS = new Set(["invalid", "forbidden", "not_found", "conflict"]); // retrying can't help

export class Outbox {
  #room; #drawer; #send; #accepted; #changed;
  #connected = false;
  #draining = false;
  #tries = new Map(); // client_id → unanswered attempts on this page
  #internalErrors = new Map(); // client_id → internal errors on this page
  #wake = () => {};

  // send(room, item) always returns an acknowledgement. accepted(message) is called for each
  // acknowledged message, and changed(items) after each change.
  constructor({ room, drawer, send, accepted, changed }) {
    [this.#room, this.#drawer, this.#send] = [room, drawer, send];
    [this.#accepted, this.#changed] = [accepted, changed];
  }

  get name() { return `outbox ${this.#room}`; }

  // Read from storage each time, because other tabs of the same user write there too. An item waits
  // while there is no connection, or while one of the items is stuck.
  get items() {
    const tries = (item) => this.#tries.get(item.client_id) ?? 0;
    const kept = this.#drawer.get(this.name) ?? [];
    const tried = (item) => !!item.why || tries(item) >= TRIES_BEFORE_RETRY_IS_OFFERED;
    const items = kept.map((item) => ({ ...item, stuck: !item.error && tried(item) }));
    const waits = !this.#connected || items.some(({ stuck }) => stuck);
    return items.map((item) => ({ ...item, waits }));
  }

  add(text, replyTo, uploads) {
    const created_at = new Date().toISOString();
    const item = { client_id: newId(), text, reply_to: replyTo, uploads, created_at, error: null };
    this.#keep([...this.items, item]);
    this.#drain();
  }

  retry(clientId) {
    this.#note(clientId, { error: null });
    this.#wake();
    this.#drain();
  }

  // The user discarded the message. If the server has already stored it, it appears as sent.
  discard(clientId) {
    this.settle(clientId);
    this.#wake();
  }

  // The message was acknowledged, broadcast or found in the history.
  settle(clientId) {
    const items = this.items;
    const left = items.filter((item) => item.client_id !== clientId);
    if (left.length < items.length) this.#keep(left);
  }

  // Another tab has added a message. Send it from here too, in case that tab is offline.
  changedElsewhere() {
    this.#changed(this.items);
    this.#drain();
  }

  connect() {
    this.#connected = true;
    this.#changed(this.items);
    this.#wake();
    this.#drain();
  }

  disconnect() {
    this.#connected = false;
    this.#changed(this.items);
    this.#wake();
  }

  #keep(items) {
    const lean = items.map(({ stuck, waits, ...item }) => item);
    this.#drawer.put(this.name, lean.length ? lean : null);
    this.#changed(this.items);
  }

  #note(clientId, news) {
    this.#keep(this.items.map((item) => (item.client_id === clientId ? { ...item, ...news } : item)));
  }

  #next() { return this.#connected ? this.items.find((item) => !item.error) : undefined; }

  async #drain() {
    if (this.#draining || !this.#next()) return;
    this.#draining = true;
    await alone(this.#drawer.nameOf(this.name), () => this.#sendAll());
    this.#draining = false;
    this.#drain(); // sends messages that were added while the lock was being released
  }

  async #sendAll() {
    for (let item = this.#next(); item; item = this.#next()) {
      const answer = await this.#send(this.#room, item);
      const { code, message } = answer.error ?? {};
      if (answer.ok) this.#accepted(answer.message);
      else if (this.#isRefused(item.client_id, code)) this.#note(item.client_id, { error: message });
      else if (this.#connected) await this.#pause(item.client_id, answer.error);
    }
  }

  // An internal error may concern only this message, which must not hold up the others for good.
  #isRefused(clientId, code) {
    if (code !== "internal") return REFUSALS.has(code);
    const errors = (this.#internalErrors.get(clientId) ?? 0) + 1;
    this.#internalErrors.set(clientId, errors);
    return errors >= MOST_INTERNAL_ERRORS;
  }

  // Waits as long as the server asked, or with exponential backoff and jitter.
  async #pause(clientId, { code, message, retry_after = 0 }) {
    const tries = (this.#tries.get(clientId) ?? 0) + 1;
    this.#tries.set(clientId, tries);
    this.#note(clientId, { why: LASTING.has(code) ? message : "" });
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1));
    const pauseMs = retry_after * 1000 || longest * (0.5 + Math.random() / 2);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.#wake = () => (clearTimeout(timer), resolve());
    });
  }
}

// Tabs share the drawer. The lock keeps two tabs from sending the same message. If they did, the server
// would recognize the client_id and store the message only once.
function alone(name, work) {
  return navigator.locks ? navigator.locks.request(name, work) : work();
}

// crypto.randomUUID exists only with HTTPS and on localhost. A chat at http://192.168.… needs the fallback.
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4 (RFC 9562, section 5.4)
  bytes[8] = (bytes[8] & 0x3f) | 0x80; // variant
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}
