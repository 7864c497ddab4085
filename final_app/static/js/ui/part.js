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
}
