// The dialogs: create a room, browse rooms, keyboard shortcuts, and "are you sure?".

import { $, keepList } from "./dom.js";
import { Part } from "./part.js";

export class Dialogs extends Part {
  #directory; #http; #tell; #goTo;

  // goTo(room) goes to a room.
  constructor({ directory, http, tell, goTo }) {
    super();
    [this.#directory, this.#http, this.#tell, this.#goTo] = [directory, http, tell, goTo];
  }

  connect() {
    super.connect();
    this.listen($("#create-open"), "click", () => $("#create").showModal());
    this.listen($("#create-form"), "submit", (event) => this.#create(event));
    this.listen($("#browse-open"), "click", () => this.attempt(() => this.#browse()));
    this.listen($("#keys-open"), "click", () => $("#keys").showModal());
    this.listen(window, "keydown", (event) => this.#key(event));
    // On iPhones before iOS 18.3, a tap outside doesn't close a popover.
    const close = ({ target }) => {
      const open = $('[popover=""]:popover-open');
      if (open && !open.contains(target)) open.hidePopover();
    };
    this.listen(document, "pointerdown", close);
    // A dialog closes the room drawer, so the button that opened it there can't get the focus back.
    const back = () => document.activeElement === document.body && $(".rail-open").focus();
    this.listen(document, "close", back, { capture: true });
  }

  // Does something that can fail. If it fails, shows the error.
  attempt(work) { return work().catch(this.#tell); }

  // Asks for confirmation. Resolves to true if the user agrees.
  confirm(title, text, yes) {
    const dialog = $("#confirm");
    $("#confirm-title").textContent = title;
    $("#confirm-text").textContent = text;
    $("#confirm-yes").textContent = yes;
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((resolve) => {
      const answer = () => resolve(dialog.returnValue === "yes");
      dialog.addEventListener("close", answer, { once: true });
    });
  }

  // Opens the direct room with a person. If there is none, it's created.
  write(person) {
    return this.attempt(async () => this.#goTo((await this.#http.post(`dm/${person.id}`)).room));
  }

  #create(event) {
    submitting(event, async (values) => {
      const { room } = await this.#http.post("rooms", values);
      $("#create").close(); // so that nobody sends the form again while the browser goes to the room
      this.#goTo(room);
    });
  }

  async #browse() {
    const { rooms } = await this.#http.get("api/rooms");
    $("#browse-empty").hidden = rooms.length > 0;
    keepList($("#browse-list"), rooms, $("#browse-template"), (node, room) => {
      $(".person-name", node).textContent = room.name;
      const join = $("[data-act=join]", node);
      join.ariaLabel = `Join ${room.name}`;
      const address = `rooms/${room.id}/members/${this.#directory.me.id}`;
      join.onclick = () => this.attempt(() => this.#http.put(address).then(() => this.#goTo(room)));
    });
    $("#browse").showModal();
  }

  #key(event) {
    const help = event.key === "?" && !event.target.matches?.("input, textarea, select");
    if (!help && !(event.ctrlKey && event.key === "/")) return;
    event.preventDefault();
    if (!$("dialog[open]")) $("#keys").showModal();
  }
}

// Sends a form's values once, however often its button is pressed meanwhile. If the server refuses them,
// shows the error next to the field.
export async function submitting(event, send) {
  event.preventDefault();
  const form = event.target;
  if (form.ariaBusy === "true") return;
  const wrong = $(".field-error", form);
  const input = $("input, select", form);
  input.removeAttribute("aria-invalid");
  wrong.textContent = ""; // it describes the input even while it is hidden
  wrong.hidden = true;
  form.ariaBusy = "true";
  try {
    await send(Object.fromEntries(new FormData(form)));
  } catch ({ message }) {
    wrong.textContent = message;
    wrong.hidden = false;
    input.setAttribute("aria-invalid", "true");
    input.focus();
    wrong.scrollIntoView({ block: "nearest" });
  } finally {
    form.ariaBusy = "false";
  }
}
