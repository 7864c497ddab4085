// Keeps values that must survive a reload in localStorage, separately for each installation and user.

export class Drawer {
  #prefix;
  #heard;
  #fallback = new Map(); // used if storage is full or blocked; it lasts as long as the page

  constructor(base, userId) { this.#prefix = `chat ${base} ${userId} `; }

  get(name) {
    const key = this.#prefix + name;
    if (this.#fallback.has(key)) return this.#fallback.get(key);
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  }

  put(name, value) {
    const key = this.#prefix + name;
    try {
      if (value === null) localStorage.removeItem(key);
      else localStorage.setItem(key, JSON.stringify(value));
      this.#fallback.delete(key);
    } catch {
      this.#fallback.set(key, value);
    }
  }

  // Calls changed(name) when another tab changes a value.
  watch(changed) {
    this.#heard = ({ key }) => key?.startsWith(this.#prefix) && changed(key.slice(this.#prefix.length));
    addEventListener("storage", this.#heard);
  }

  disconnect() { removeEventListener("storage", this.#heard); }

  nameOf(name) { return this.#prefix + name; }
}
