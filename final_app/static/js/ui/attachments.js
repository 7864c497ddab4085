// Files in the composer, which were chosen, dropped or pasted. Each has a chip that shows its progress.

import { fileSize } from "../core/uploads.js";
import { $, keepList, plural, setText } from "./dom.js";
import { Part } from "./part.js";

export class Attachments extends Part {
  #uploads; #tell;

  // tell(error) shows why a file was left out.
  constructor({ uploads, tell }) { super(); [this.#uploads, this.#tell] = [uploads, tell]; }

  connect() {
    super.connect();
    this.listen($("#attach"), "click", () => $("#attach-input").click());
    this.listen($("#attach-input"), "change", ({ target }) => {
      this.#add(target.files);
      target.value = ""; // so that the same file can be chosen again
    });
    this.listen(window, "paste", (event) => this.#paste(event));
    this.listen(window, "dragover", (event) => this.#drag(event));
    this.listen(window, "dragleave", ({ relatedTarget }) => relatedTarget ?? this.#overlay(false));
    this.listen(window, "drop", (event) => this.#drop(event));
    this.listen($("#chips"), "click", ({ target }) => this.#click(target.closest("button")));
    const leave = (event) => this.#uploads.coming && event.preventDefault(); // the browser asks whether to leave the page
    this.listen(window, "beforeunload", leave);
    this.show();
  }

  show() {
    const items = this.#uploads.items.map((item) => ({ ...item, id: item.key }));
    $("#chips").hidden = !items.length;
    keepList($("#chips"), items, $("#chip-template"), (chip, item) => this.#fill(chip, item));
    // A note can't be announced, because it changes with each percent. A refusal must be.
    const failed = items.filter(({ error }) => error).map(({ filename, error }) => `${filename}: ${error}`);
    setText($("#chips-failed"), failed.join(" "));
  }

  get #editing() { return $("#composer").dataset.editing === "true"; }

  get #open() { return !$("#composer").hidden && !$("dialog[open]") && !this.#editing; }

  #add(files) {
    if (this.#editing) this.#tell({ message: "You can't add files to a message that was already sent." });
    if (!files.length || !this.#open) return;
    const left = this.#uploads.add([...files]);
    const many = plural(left, "file was", "files were");
    if (left) this.#tell({ message: `Too many files for one message: ${many} left out.` });
    $("#text").focus();
  }

  // A spreadsheet copies cells as text and as an image. The user wants the text.
  #paste(event) {
    const { files } = event.clipboardData;
    if (!files.length || event.clipboardData.getData("text/plain")) return;
    event.preventDefault();
    this.#add(files);
  }

  // A file dropped anywhere else must not replace the page.
  #drag(event) {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = this.#open ? "copy" : "none";
    this.#overlay(this.#open);
  }

  #drop(event) {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    this.#overlay(false);
    this.#add(event.dataTransfer.files);
  }

  #overlay(shown) { $("#drop").hidden = !shown; }

  #click(button) {
    if (!button) return;
    this.#uploads[button.dataset.act](button.closest(".chip").dataset.key); // retry, remove
    $("#text").focus();
  }

  #fill(chip, { filename, size, url, state, part, error, why, final }) {
    chip.dataset.state = state;
    chip.title = filename;
    $(".chip-name", chip).textContent = filename;
    const percent = state === "sending" && `${Math.round(part * 100)}% of ${fileSize(size)}`;
    $(".chip-note", chip).textContent = error || why || percent || fileSize(size);
    const bar = { value: part ?? 1, hidden: state !== "sending", ariaLabel: `Upload of ${filename}` };
    Object.assign($("progress", chip), bar);
    const again = { hidden: state !== "failed" || final, ariaLabel: `Retry ${filename}` };
    Object.assign($("[data-act=retry]", chip), again);
    $("[data-act=remove]", chip).ariaLabel = `Remove ${filename}`;
    const image = $("img", chip);
    if (!image || !url || image.hasAttribute("src")) return;
    Object.assign(image, { src: url, hidden: false });
    image.onerror = () => image.remove(); // the browser can't show this type
  }
}
