// Files for the next message in one room. They are uploaded immediately but one at a time, because a
// page has few connections and the chat needs some. Finished uploads are kept in the drawer, so they
// survive a reload. The drawer is the same for all tabs, so each upload has the name of its page: a
// message contains only the files that were chosen in its own tab.

const AGAIN_S = 2;
const MOST_TRIES = 3; // if nothing is answered while online; after that, the user decides
const PASSING = new Set(["no_answer", "rate_limited", "busy"]); // errors after which to try again
const UNREADABLE = { error: { message: "This file can't be read." } };

export class Uploads {
  #room; #drawer; #http; #limits; #changed;
  #coming = []; // not uploaded yet
  #pictures = new Map(); // upload id → local URL of the chosen image, for the lifetime of the page
  #page = `page ${Date.now()} ${Math.random()}`; // also the name of the lock that this page holds
  #connected = false;
  #sending = false;
  #later;
  #adopted;

  constructor({ room, drawer, http, limits, changed }) {
    [this.#room, this.#drawer, this.#http] = [room.id, drawer, http];
    [this.#limits, this.#changed] = [limits, changed];
  }

  // Takes over the uploads of pages that are no longer open, such as this page before a reload. Without
  // locks (which need HTTPS or localhost), it can't know which pages are open, and takes over all.
  adopt() { this.#adopted = this.#adopt(); }

  async #adopt() {
    const left = new Promise((resolve) => addEventListener("pagehide", resolve));
    navigator.locks?.request(this.#page, () => left); // held until the user leaves the page
    const { held = [] } = (await navigator.locks?.query()) ?? {};
    const open = new Set(held.map(({ name }) => name));
    let places = this.#limits.uploads - this.items.length;
    const adopted = (upload) => !open.has(upload.page) && places-- > 0;
    this.#store(this.#stored.map((each) => (adopted(each) ? { ...each, page: this.#page } : each)));
  }

  get name() { return `files ${this.#room}`; }

  // Each item has a key, filename, size, url (if it's an image) and state: waiting, sending,
  // failed (with an error) or done.
  get items() { return [...this.#kept.map((upload) => this.#asItem(upload)), ...this.#coming]; }

  get coming() { return this.#coming.filter(({ error }) => !error).length; }

  get refused() { return this.#coming.length - this.coming; }

  // The local image is available before the server's, and while offline.
  picture({ id }) { return this.#pictures.get(id); }

  // Returns how many files exceed the limit and were left out.
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
    if (id) this.#http.delete(`api/uploads/${id}`).catch(() => {}); // if this fails, the server removes it later
    this.#keep(this.#kept.filter((upload) => upload.key !== key));
  }

  retry(key) {
    const item = this.#coming.find((each) => each.key === key);
    Object.assign(item, { state: "waiting", error: "", tries: 0 });
    this.#drain();
  }

  // Returns the finished uploads and removes them from this list, because a message now contains them.
  take() {
    const uploads = this.#kept;
    this.#keep([]);
    return uploads;
  }

  // Takes the uploads of a message back that was discarded.
  restore(uploads) { this.#keep([...this.#kept, ...uploads]); }

  connect() {
    this.#connected = true;
    this.#drain();
    this.#adopted.then(() => this.#kept.map((upload) => this.#check(upload)));
  }

  // Uploads in progress continue. On a slow connection, an upload may be the reason why the socket was lost.
  disconnect() {
    this.#connected = false;
    clearTimeout(this.#later);
  }

  // Read from storage each time, because other tabs of the same user write there too.
  get #stored() { return this.#drawer.get(this.name) ?? []; }

  // The finished uploads of this page.
  get #kept() { return this.#stored.filter(({ page }) => page === this.#page); }

  #keep(uploads) {
    const others = this.#stored.filter(({ page }) => page !== this.#page);
    this.#store([...others, ...uploads]);
  }

  #store(uploads) {
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
    const error = final && `Too large: the limit is ${fileSize(this.#limits.upload_size)}.`;
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

  // Returns whether the next file can follow immediately.
  async #send(item) {
    Object.assign(item, { state: "sending", part: 0, why: "", stop: new AbortController() });
    this.#changed();
    const form = new FormData();
    form.append("room", this.#room);
    form.append("file", item.file);
    const progress = (part) => this.#changed(Object.assign(item, { part }));
    const { signal } = item.stop;
    const readable = await item.file.slice(0, 1).arrayBuffer().catch(() => null); // null for a folder
    const answer = readable && (await this.#http.upload("api/uploads", form, { progress, signal }));
    return signal.aborted || this.#settle(item, answer ?? UNREADABLE);
  }

  #settle(item, { ok, upload, error }) {
    if (!ok) return this.#refuse(item, error);
    this.#pictures.set(upload.id, item.url || undefined);
    this.#coming = this.#coming.filter((each) => each !== item);
    this.#keep([...this.#kept, { ...upload, key: item.key, page: this.#page }]);
    return true;
  }

  #refuse(item, { code, message, retry_after = AGAIN_S }) {
    const again = PASSING.has(code) && ++item.tries < MOST_TRIES;
    if (again) this.#later = setTimeout(() => this.#drain(), retry_after * 1000);
    const refused = { state: "failed", error: message, final: code === "invalid" };
    Object.assign(item, again ? { state: "waiting", why: message } : refused);
    this.#changed();
    return !again;
  }

  // The server removes uploads that weren't sent within a day.
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
