// Ctrl+K: goes to a room or person by name. While the field is empty, unread rooms come first.
// "New direct message" offers only people.

import { counted } from "../core/directory.js";
import { $, fillPlace, isComposing, keepList, markOption } from "./dom.js";
import { Part } from "./part.js";

const MOST_OPTIONS = 50;

export class Switcher extends Part {
  #directory; #dialogs; #goTo;
  #dialog = $("#switcher");
  #field = $("#switcher-text");
  #list = $("#switcher-list");
  #options = [];
  #active = 0;
  #onlyPeople = false;

  // goTo(room) goes to a room.
  constructor({ directory, dialogs, goTo }) {
    super(); [this.#directory, this.#dialogs, this.#goTo] = [directory, dialogs, goTo];
  }

  connect() {
    super.connect();
    this.onKeys("k", false, () => this.#open());
    this.listen($("#switcher-open"), "click", () => this.#open());
    this.listen($("#direct-open"), "click", () => this.#open(true));
    this.listen(this.#field, "input", () => this.#show());
    this.listen(this.#field, "keydown", (event) => this.#key(event));
    this.listen(this.#list, "click", ({ target }) => this.#go(target.closest("li")?.dataset.key));
  }

  // Shows names and counts that have changed. Enter still chooses what it would have chosen before.
  refresh() {
    if (this.#dialog.open) this.#show(this.#options[this.#active]?.id);
  }

  #open(onlyPeople = false) {
    this.#onlyPeople = onlyPeople;
    this.#dialog.ariaLabel = onlyPeople ? "New direct message" : "Go to a room or person";
    this.#field.ariaLabel = onlyPeople ? "Person" : "Room or person";
    this.#field.placeholder = onlyPeople ? "Send a message to…" : "Go to a room or person…";
    this.#field.value = "";
    this.#show();
    this.#dialog.showModal();
  }

  #key(event) {
    const step = { ArrowUp: -1, ArrowDown: 1, Enter: 0 }[event.key];
    if (isComposing(event) || step === undefined || !this.#options.length) return;
    event.preventDefault();
    if (step) this.#activate(this.#active + step);
    else this.#go(this.#options[this.#active].id);
  }

  #show(chosen) {
    const wanted = plain(this.#field.value).trim();
    const ranked = this.#everything.map((each) => ({ ...each, rank: rank(wanted, plain(each.called)) }));
    const found = ranked.filter((each) => each.rank < Infinity);
    found.sort((a, b) => a.rank - b.rank || b.mentions - a.mentions || b.count - a.count);
    this.#options = found.slice(0, MOST_OPTIONS);
    keepList(this.#list, this.#options, $("#option-template"), fill);
    const nothing = this.#onlyPeople ? "No matching people." : "No matching rooms or people.";
    const nobody = this.#onlyPeople && !wanted ? "There's nobody else here yet." : nothing;
    const empty = this.#directory.people.size ? nobody : "Loading the list of people…";
    $("#switcher-empty").textContent = found.length ? "" : empty;
    this.#field.ariaExpanded = String(found.length > 0);
    this.#activate(Math.max(this.#options.findIndex(({ id }) => id === chosen), 0), !chosen);
  }

  // All rooms by name, followed by the people who have no direct room with the user. A direct room has the
  // id of its person, because the room can take the place of the person while the list is open.
  get #everything() {
    const { me, rooms } = this.#directory;
    const places = [...rooms.values()].sort((a, b) => a.name.localeCompare(b.name)).map((room) => ({
      ...room, id: room.person ? `person-${room.person.id}` : `room-${room.id}`,
      count: counted(room), note: room.archived ? "archived" : "",
      called: `${room.name} ${room.person?.username ?? ""}`, go: () => this.#goTo(room),
      person: room.person && { ...room.person, online: this.#directory.isOnline(room.person.id) },
    }));
    const known = new Set([me.id, ...places.map(({ person }) => person?.id)]);
    const others = this.#directory.others(known).map((person) => ({
      id: `person-${person.id}`, kind: "direct", name: person.name, count: 0, mentions: 0, person,
      note: `@${person.username}`, called: `${person.name} ${person.username}`,
      go: () => this.#dialogs.write(person),
    }));
    return [...places, ...others].filter(({ person }) => person || !this.#onlyPeople);
  }

  #activate(index, follow) { this.#active = markOption(this.#field, this.#list, index, follow); }

  #go(id) {
    const option = this.#options.find((each) => each.id === id);
    if (option) [this.#dialog.close(), option.go()];
  }
}

function fill(node, place) {
  const { id, kind, mentions, note } = place;
  node.id = `option-${id}`;
  Object.assign(node.dataset, { kind, mentions });
  $(".option-note", node).textContent = note;
  fillPlace(node, place);
}

// Returns how well a name matches the text. 0: the name starts with the text. 1: each word of the text
// begins a word of the name. 2: each word of the text occurs in the name.
function rank(wanted, called) {
  const [words, own] = [wanted.split(/\s+/), called.split(/[\s_.@-]+/)];
  if (called.startsWith(wanted)) return 0;
  if (words.every((word) => own.some((each) => each.startsWith(word)))) return 1;
  return words.every((word) => called.includes(word)) ? 2 : Infinity;
}

// Removes case and accents, so that "bela" finds Béla.
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
