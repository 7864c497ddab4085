// The list of rooms on the left with names, unread counts and presence, and the count in the title.

import { counted } from "../core/directory.js";
import { $, capped, fillAvatar, fillPlace, fillPresence, keepList } from "./dom.js";
import { Part } from "./part.js";

export class Rail extends Part {
  #directory; #open;

  constructor({ directory, open }) { super(); [this.#directory, this.#open] = [directory, open]; }

  connect() {
    super.connect();
    this.listen(window, "keydown", (event) => this.#key(event));
    const showPlace = () => $("#rail [aria-current]")?.scrollIntoView({ block: "nearest" });
    this.listen($("#rail"), "toggle", showPlace); // below 60rem, the list can't be scrolled before it opens
    this.show();
    showPlace();
  }

  show() {
    const rooms = [...this.#directory.rooms.values()].sort(
      (a, b) => a.archived - b.archived || a.name.localeCompare(b.name),
    );
    const fill = (list, part) =>
      keepList(list, part, $("#room-template"), (node, room) => this.#fill($("a", node), room));
    fill($("#rooms"), rooms.filter(({ kind }) => kind !== "direct"));
    // Somebody who only opened a direct room hasn't said anything yet, so the other person doesn't see it.
    const begun = ({ id, last_seq }) => last_seq > 0 || id === this.#open.id;
    fill($("#direct"), rooms.filter((room) => room.kind === "direct" && begun(room)));
    this.#showOpen();
  }

  #showOpen() {
    const room = this.#directory.rooms.get(this.#open.id) ?? this.#open;
    const { unread, me } = this.#directory;
    if (room.name !== this.#open.name) this.#rename(room);
    fillAvatar($(".me .avatar"), me);
    document.title = unread ? `(${capped(unread)}) ${room.name}` : room.name;
    $("#rail-unread").hidden = unread === counted(room);
    $("#room-name").textContent = room.name;
    $(".me-name").textContent = me.name;
    if (room.person) fillPresence($("#room-presence .presence"), this.#directory.isOnline(room.person.id));
  }

  // The name is also in the labels of the messages and of the field.
  #rename({ name, kind }) {
    const called = kind === "direct" ? name : `#${name}`;
    const label = `Message ${called}`;
    $("#scroller").ariaLabel = `Messages in ${name}`;
    $("#composer").ariaLabel = $("label[for=text]").textContent = $("#text").placeholder = label;
    const start = kind === "direct" ? "your conversation with " : "";
    $(".start-title").textContent = `This is the start of ${start}${called}`;
    const field = $("#rename-name");
    if (field && field.value === this.#open.name) field.value = name;
    this.#open = { ...this.#open, name };
  }

  #fill(link, room) {
    const { id, slug, kind, notify, unread, mentions, archived } = room;
    link.href = `r/${slug}`;
    Object.assign(link.dataset, { kind, notify, unread, mentions, archived });
    if (id === this.#open.id) link.setAttribute("aria-current", "page");
    $(".muted-mark", link).hidden = notify !== "none";
    const online = this.#directory.isOnline(room.person?.id);
    fillPlace(link, { ...room, person: room.person && { ...room.person, online }, count: counted(room) });
  }

  // Alt+Up and Alt+Down go to the previous or next room. With Shift, they skip rooms without unread
  // messages. In a select, Alt+Down opens the list.
  #key(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!event.altKey || !step || event.target.matches?.("select") || $("dialog[open]")) return;
    const links = [...document.querySelectorAll("#rail .room-link")];
    const here = links.findIndex((link) => link.ariaCurrent === "page");
    const ahead = step > 0 ? links.slice(here + 1) : links.slice(0, here).reverse();
    const target = ahead.find((link) => !event.shiftKey || Number(counted(link.dataset)));
    if (target) event.preventDefault();
    target?.click();
  }
}
