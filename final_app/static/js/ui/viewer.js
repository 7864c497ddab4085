// Shows the images of one message, one at a time, as large as the window allows.

import { $ } from "./dom.js";
import { Part } from "./part.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

export class Viewer extends Part {
  #dialog = $("#viewer");
  #images = [];
  #at = 0;

  connect() {
    super.connect();
    this.listen($("#viewer-previous"), "click", () => this.#show(this.#at - 1));
    this.listen($("#viewer-next"), "click", () => this.#show(this.#at + 1));
    this.listen(this.#dialog, "keydown", ({ key }) => this.#show(this.#at + STEPS[key]));
    const beside = ({ target }) => target === this.#dialog && this.#dialog.close();
    this.listen(this.#dialog, "click", beside);
  }

  open(images, id) {
    this.#images = images;
    this.#show(images.findIndex((image) => image.id === id));
    this.#dialog.showModal();
  }

  // Does nothing before the first and after the last image.
  #show(at) {
    const image = this.#images[at];
    if (!image) return;
    this.#at = at;
    const { id, filename, width, height } = image;
    $("#viewer-image").removeAttribute("src"); // otherwise the previous image stays until this one has loaded
    Object.assign($("#viewer-image"), { src: `files/${id}`, alt: filename, width, height });
    Object.assign($("#viewer-download"), { href: `files/${id}`, download: filename });
    $("#viewer-title").textContent = filename;
    $("#viewer-place").textContent = `${at + 1} of ${this.#images.length}`;
    $("#viewer-previous").disabled = !at;
    $("#viewer-next").disabled = at === this.#images.length - 1;
    this.#dialog.dataset.many = this.#images.length > 1;
  }
}
