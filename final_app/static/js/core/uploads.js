// Files for the next message of one room. They are sent at once, and one after another: a page has
// few connections, and the chat needs some. What the server has is kept in the drawer, like the draft.

const AGAIN_S = 2;
const MOST_TRIES = 3; // without an answer although there is a line; then the person decides
const PASSING = new Set(["offline", "rate_limited", "busy"]); // worth another try
const UNREADABLE = { error: { message: "This file cannot be read." } };

export class Uploads {
  #room; #drawer; #http; #limits; #changed;
  #coming = []; // what the server does not have yet
  #pictures = new Map(); // id of an upload → the picture that was chosen, as long as the page lives
  #connected = false;
  #sending = false;
  #later;

  constructor({ room, drawer, http, limits, changed }) {
    [this.#room, this.#drawer, this.#http] = [room.id, drawer, http];
    [this.#limits, this.#changed] = [limits, changed];
  }

  get name() { return `files ${this.#room}`; }

  // Each has a key, filename, size, url of a picture if it is one, and a state: waiting, sending,
  // failed (with the error), done.
  get items() { return [...this.#kept.map((upload) => this.#asItem(upload)), ...this.#coming]; }

  get coming() { return this.#coming.filter(({ error }) => !error).length; }

  get refused() { return this.#coming.length - this.coming; }

  // It is there before the server's one, and when the line is down.
  picture({ id }) { return this.#pictures.get(id); }

  // Returns how many there was no place for.
  add(files) {
    const places = Math.max(0, this.#limits.uploads - this.items.length);
    this.#coming.push(...files.slice(0, places).map((file) => this.#begin(file)));
    this.#drain();
    return files.slice(places).length;
  }

  remove(key) {
    const { id, stop } = this.items.find((item) => item.key === key);
    stop?.abort();
    this.#coming = this.#coming.filter((item) => item.key !== key);
    if (id) this.#http.delete(`api/uploads/${id}`).catch(() => {}); // or the server collects it later
    this.#keep(this.#kept.filter((upload) => upload.key !== key));
  }

  retry(key) {
    const item = this.#coming.find((each) => each.key === key);
    Object.assign(item, { state: "waiting", error: "", tries: 0 });
    this.#drain();
  }

  // Hands over what the server has: a message carries it from now on.
  take() {
    const uploads = this.#kept;
    this.#keep([]);
    return uploads;
  }

  connect() {
    this.#connected = true;
    this.#drain();
    for (const upload of this.#kept) this.#check(upload);
  }

  // What is on its way goes on: a slow line may have lost the socket just because of it.
  disconnect() {
    this.#connected = false;
    clearTimeout(this.#later);
  }

  // Read anew each time: another tab of the same person writes here too.
  get #kept() { return this.#drawer.get(this.name) ?? []; }

  #keep(uploads) {
    this.#drawer.put(this.name, uploads.length ? uploads : null);
    this.#changed();
  }

  #asItem(upload) {
    const url = this.picture(upload) ?? (upload.width && `files/${upload.id}/thumb`);
    return { ...upload, url, state: "done" };
  }

  #begin(file) {
    const { name: filename, size, type } = file;
    const final = size > this.#limits.upload_size;
    const error = final && `Too large: at most ${fileSize(this.#limits.upload_size)}.`;
    const url = !final && type.startsWith("image/") && URL.createObjectURL(file);
    const key = `${filename} ${performance.now()} ${Math.random()}`;
    const state = final ? "failed" : "waiting";
    return { key, file, filename, size, url, state, error, final, part: 0, tries: 0 };
  }

  async #drain() {
    clearTimeout(this.#later);
    this.#changed();
    if (this.#sending) return;
    this.#sending = true;
    const next = () => this.#connected && this.#coming.find(({ error }) => !error);
    for (let item = next(); item && (await this.#send(item)); ) item = next();
    this.#sending = false;
  }

  // Returns whether the next one may follow at once.
  async #send(item) {
    Object.assign(item, { state: "sending", part: 0, why: "", stop: new AbortController() });
    this.#changed();
    const form = new FormData();
    form.append("room", this.#room);
    form.append("file", item.file);
    const progress = (part) => this.#changed(Object.assign(item, { part }));
    const { signal } = item.stop;
    const readable = await item.file.slice(0, 1).arrayBuffer().catch(() => null); // not a folder
    const answer = readable && (await this.#http.upload("api/uploads", form, { progress, signal }));
    return signal.aborted || this.#settle(item, answer ?? UNREADABLE);
  }

  #settle(item, { ok, upload, error }) {
    if (!ok) return this.#refuse(item, error);
    this.#pictures.set(upload.id, item.url || undefined);
    this.#coming = this.#coming.filter((each) => each !== item);
    this.#keep([...this.#kept, { ...upload, key: item.key }]);
    return true;
  }

  #refuse(item, { code, message, retry_after = AGAIN_S }) {
    const again = PASSING.has(code) && ++item.tries < MOST_TRIES;
    if (again) this.#later = setTimeout(() => this.#drain(), retry_after * 1000);
    const refused = { state: "failed", error: message };
    Object.assign(item, again ? { state: "waiting", why: message } : refused);
    this.#changed();
    return !again;
  }

  // The server collects what no message carried for a day.
  async #check({ id }) {
    const gone = await this.#http.isGone(`files/${id}`);
    if (gone) this.#keep(this.#kept.filter((upload) => upload.id !== id));
  }
}

export function fileSize(bytes) {
  const power = Math.min(3, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power && value < 10 ? 1 : 0)} ${["B", "kB", "MB", "GB"][power]}`;
}
