// The panel on the right: the members of the open room, and the room's settings.

import { shortTime } from "../core/times.js";
import { submitting } from "./dialogs.js";
import { $, copied, fillFace, keepList } from "./dom.js";
import { Panel } from "./panel.js";

export class People extends Panel {
  #room; #directory; #http; #dialogs;
  #members = [];

  constructor({ room, directory, http, dialogs }) {
    super("people");
    [this.#room, this.#directory, this.#http, this.#dialogs] = [room, directory, http, dialogs];
  }

  connect() {
    super.connect();
    const add = ({ person }) => this.#http.put(`${this.#address}/members/${person}`);
    this.listen($("#invite"), "submit", (event) => submitting(event, add));
    const rename = ({ name }) => this.#http.patch(this.#address, { name });
    this.listen($("#rename"), "submit", (event) => submitting(event, rename));
    this.listen($("#leave"), "click", () => this.#leave());
    this.listen($("#archive"), "click", () => this.#archive());
    const unarchive = () => this.#http.post(`${this.#address}/unarchive`);
    this.listen($("#unarchive"), "click", () => this.#dialogs.attempt(unarchive));
    this.listen($("#invite-link-make"), "click", () => this.#dialogs.attempt(() => this.#makeLink()));
    this.listen($("#invite-link-copy"), "click", () => this.#copyLink());
  }

  show(open) {
    super.show(open);
    this.refresh();
  }

  // Call this when a member has joined, left or been renamed.
  refresh() { return this.isOpen ? this.#dialogs.attempt(() => this.#read()) : undefined; }

  update() {
    if (!this.isOpen) return;
    const { people } = this.#directory;
    const here = this.#members.filter(({ id }) => people.has(id)); // the others were banned or deleted
    const known = ({ id }) => ({ ...people.get(id), online: this.#directory.isOnline(id) });
    const members = here.map((member) => ({ ...member, ...known(member) }));
    members.sort((a, b) => b.online - a.online || a.name.localeCompare(b.name));
    $("#people-count").textContent = members.length;
    keepList($("#members"), members, $("#person-template"), (node, member) => this.#fill(node, member));
    if (this.#room.kind === "direct") return;
    $("#rename").hidden = $("#archive").hidden = !this.#mayManage || this.#current.archived;
    $("#unarchive").hidden = !this.#mayManage || !this.#current.archived;
    const outside = this.#directory.others(new Set(members.map(({ id }) => id)));
    $("#invite").hidden = !outside.length || this.#current.archived;
    const choices = [{ id: "", name: "Choose a person" }, ...outside];
    keepList($("#invite-person"), choices, $("#choice-template"), fillChoice);
  }

  get #address() { return `rooms/${this.#room.id}`; }

  get #current() { return this.#directory.rooms.get(this.#room.id) ?? this.#room; }

  get #mayManage() { return this.#current.role === "owner" || this.#directory.me.role === "admin"; }

  async #read() {
    this.#members = (await this.#http.get(`api/${this.#address}/members`)).members;
    this.update();
  }

  #fill(node, member) {
    const self = member.id === this.#directory.me.id;
    const notes = [self && "you", member.room_role === "owner" && "owner"];
    fillPerson(node, member, notes.filter(Boolean).join(", "));
    const write = $("[data-act=write]", node);
    write.hidden = self || this.#room.kind === "direct";
    write.onclick = () => this.#dialogs.write(member);
    const remove = $("[data-act=remove]", node);
    remove.hidden = write.hidden || !this.#mayManage;
    remove.ariaLabel = `Remove ${member.name}`;
    remove.onclick = () => this.#remove(member);
    const ban = $("[data-act=ban]", node);
    ban.hidden = self || this.#directory.me.role !== "admin";
    ban.ariaLabel = `Ban ${member.name}`;
    ban.onclick = () => this.#ban(member);
  }

  async #sure(title, text, yes, work) {
    if (await this.#dialogs.confirm(title, text, yes)) await this.#dialogs.attempt(work);
    this.refresh();
  }

  #remove({ id, name }) {
    const remove = () => this.#http.delete(`${this.#address}/members/${id}`);
    const closed = `${name} will no longer be able to read or send messages here.`;
    const open = `This room is open, so ${name} can rejoin at any time.`;
    const text = this.#room.kind === "open" ? open : closed;
    this.#sure(`Remove ${name}?`, text, "Remove", remove);
  }

  #ban({ id, name }) {
    const text = `${name} will be logged out everywhere and can't log in again. Their messages stay. `
      + "All invite links stop working.";
    this.#sure(`Ban ${name} from this chat?`, text, "Ban", () => this.#http.post(`api/people/${id}/ban`));
  }

  #leave() {
    const open = "You can rejoin at any time.";
    const text = this.#room.kind === "open" ? open : "To come back, you'll need someone to add you.";
    this.#sure(`Leave ${this.#current.name}?`, text, "Leave", async () => {
      await this.#http.delete(`${this.#address}/members/${this.#directory.me.id}`);
      location.assign(document.baseURI);
    });
  }

  #archive() {
    const text = "Members can still read it, but nobody can send messages until you unarchive it.";
    const archive = () => this.#http.delete(this.#address);
    this.#sure(`Archive ${this.#current.name}?`, text, "Archive", archive);
  }

  async #makeLink() {
    const { url, expires_at } = await this.#http.post("api/invites");
    $("#invite-link-url").value = new URL(url, document.baseURI);
    $("#invite-link-hint").textContent = `Valid until ${shortTime(expires_at)}.`;
    $("#invite-link-result").hidden = false;
  }

  async #copyLink() {
    $("#invite-link-url").select(); // if copying fails, the user can press Ctrl+C
    if (await copied($("#invite-link-url").value)) $("#invite-link-hint").textContent = "Copied.";
  }
}

// Changes nothing if nothing has changed, so that an open list doesn't move.
function fillChoice(option, { id, name }) {
  option.value = id;
  if (option.textContent !== name) option.textContent = name;
}

function fillPerson(node, person, note) {
  fillFace(node, person);
  $(".person-name", node).textContent = person.name;
  $(".person-note", node).textContent = note;
  $(".bot-mark", node).hidden = person.role !== "bot";
  $("[data-act=write]", node).ariaLabel = `Message ${person.name}`;
}
