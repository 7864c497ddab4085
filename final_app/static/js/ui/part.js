// A part of the page that listens. What connect() starts, disconnect() stops.

export class Part {
  #listeners;

  connect() { this.#listeners = new AbortController(); }

  disconnect() { this.#listeners.abort(); }

  onStop(work) { this.#listeners.signal.addEventListener("abort", work); }

  // `place` may be null: which controls are there depends on the room and the person.
  listen(place, event, listener, options = {}) {
    place?.addEventListener(event, listener, { ...options, signal: this.#listeners.signal });
  }

  // Ctrl (⌘ on a Mac), Shift or not, and a key. An open dialog keeps the rest of the page away.
  onKeys(key, shift, work) {
    this.listen(window, "keydown", (event) => {
      const held = (event.ctrlKey || event.metaKey) && event.shiftKey === shift;
      if (!held || event.key.toLowerCase() !== key) return;
      event.preventDefault();
      if (!document.querySelector("dialog[open]")) work();
    });
  }
}
