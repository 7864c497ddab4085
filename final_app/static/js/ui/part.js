// A part of the page with event listeners. disconnect() stops what connect() starts.

export class Part {
  #listeners;

  connect() { this.#listeners = new AbortController(); }

  disconnect() { this.#listeners.abort(); }

  onStop(work) { this.#listeners.signal.addEventListener("abort", work); }

  // `place` may be null, because the controls depend on the room and the user.
  listen(place, event, listener, options = {}) {
    place?.addEventListener(event, listener, { ...options, signal: this.#listeners.signal });
  }

  // Handles Ctrl (⌘ on a Mac) with a key, and optionally Shift. Does nothing while a dialog is open.
  onKeys(key, shift, work) {
    this.listen(window, "keydown", (event) => {
      const held = (event.ctrlKey || event.metaKey) && event.shiftKey === shift;
      if (!held || event.key.toLowerCase() !== key) return;
      event.preventDefault();
      if (!document.querySelector("dialog[open]")) work();
    });
  }
}
