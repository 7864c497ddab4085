// The current user's rooms, everyone in this installation, and who is online, as last received.
// Each change to a person gets the next revision (rev), so a missing change leaves a gap.

const LOAD_AGAIN_MS = 5_000;
const MOST_RECENT = 100; // changes in a room that can arrive while an answer is on its way

export class Directory {
  #load; #changed;
  #timer;
  #loading = null;
  #rev = -1; // `people` contains all changes up to this one
  #announced = 0; // the highest rev received
  #online = new Set();

  people = new Map(); // empty until it's loaded

  // load(tag) returns {people, rev}, from the browser's cache if the list with this tag is there.
  // changed() is called after each change.
  constructor({ me, rooms }, load, changed) {
    [this.#load, this.#changed] = [load, changed];
    this.#take({ me, rooms });
  }

  disconnect() { clearTimeout(this.#timer); }

  get unread() { return [...this.rooms.values()].reduce((sum, room) => sum + counted(room), 0); }

  // Resolves when the people are complete. A page that already has this revision loads nothing.
  welcome(news) {
    this.#take(news);
    this.#online = new Set(news.online);
    this.#announced = news.people_rev;
    this.#changed();
    return this.#complete(news.people_tag);
  }

  // If the message is `seen` (visible on screen), it never counts as unread.
  newMessage(id, message, seen) {
    const room = this.rooms.get(id);
    if (!room || message.seq <= room.last_seq) return;
    const other = message.author.id !== this.me.id && !seen;
    const mentions = Number(other && message.mentions.includes(this.me.id));
    this.#recount(room, message, { unread: Number(other), mentions });
  }

  // A deleted message no longer says whom it mentioned, so `mentions` may stay too high, but never higher
  // than `unread`. The next answer about what was read corrects it.
  messageDeleted(message) {
    const room = this.rooms.get(message.room);
    if (!room || message.rev <= room.last_rev || message.seq <= room.last_read_seq || message.author.id === this.me.id) return;
    this.#recount(room, message, { unread: -1, mentions: 0 });
  }

  // The counts include all messages up to last_seq and all deletions up to last_rev. With several
  // processes, the events about these can arrive later, and must not be counted again. Events about later
  // ones may already have arrived, and still count.
  readChanged(id, { last_read_seq, unread, mentions, last_seq, last_rev }) {
    const { last_seq: known = 0, recent = [] } = this.rooms.get(id) ?? {};
    const later = recent.filter(({ rev, seq }) => rev > last_rev && seq > last_read_seq);
    const counts = later.reduce(added, { unread, mentions });
    this.#update(id, { last_read_seq, ...counts, last_seq: Math.max(last_seq, known), last_rev });
  }

  // Keeps the current counts, because new_message and read_changed update them. In a room that the user
  // has just joined, nothing is unread.
  roomChanged(room) {
    const known = this.rooms.get(room.id) ?? room;
    const { unread = 0, mentions = 0, last_seq, last_rev, last_read_seq, recent } = known;
    this.rooms.set(room.id, { ...room, unread, mentions, last_seq, last_rev, last_read_seq, recent });
    this.#changed();
  }

  roomRemoved(id) { if (this.rooms.delete(id)) this.#changed(); }

  personChanged(person, rev) {
    this.people.set(person.id, person);
    if (person.id === this.me.id) this.me = { ...this.me, ...person };
    for (const room of this.rooms.values()) {
      if (room.person?.id === person.id) Object.assign(room, { name: person.name, person });
    }
    this.#count(rev);
  }

  // The person was banned or deleted. Their messages and direct rooms stay.
  personGone(userId, rev) {
    this.people.delete(userId);
    this.#count(rev);
  }

  presence({ online, offline }) {
    for (const id of online) this.#online.add(id);
    for (const id of offline) this.#online.delete(id);
    this.#changed();
  }

  isOnline(id) { return this.#online.has(id); }

  // Returns everyone except these ids, sorted by name.
  others(ids) {
    const people = [...this.people.values()].filter(({ id }) => !ids.has(id));
    const known = people.map((person) => ({ ...person, online: this.isOnline(person.id) }));
    return known.sort((a, b) => a.name.localeCompare(b.name));
  }

  #take({ me, rooms }) {
    this.me = me;
    this.rooms = new Map(rooms.map((room) => [room.id, room]));
  }

  // Counts a message that has arrived or was deleted, and remembers it for `readChanged`.
  #recount(room, { rev, seq }, change) {
    const recent = [...(room.recent ?? []), { rev, seq, ...change }].slice(-MOST_RECENT);
    this.#update(room.id, { ...added(room, change), last_seq: Math.max(room.last_seq, seq), recent });
  }

  // Handles the rev of one change. The next rev is applied. A later one shows that changes are missing.
  #count(rev) {
    this.#announced = Math.max(this.#announced, rev);
    if (rev === this.#rev + 1) this.#rev = rev;
    this.#complete();
    this.#changed();
  }

  #complete(tag) {
    if (this.#rev === this.#announced) return this.#loading;
    this.#loading ??= this.#loadAll(tag).finally(() => (this.#loading = null));
    return this.#loading;
  }

  async #loadAll(tag) {
    let loaded;
    do { // again if it failed, or if a change was announced meanwhile
      loaded = await this.#load(tag).catch(() => null);
      tag = undefined;
      if (loaded) this.#replacePeople(loaded);
      else await new Promise((resolve) => (this.#timer = setTimeout(resolve, LOAD_AGAIN_MS)));
    } while (!loaded || this.#rev < this.#announced);
    this.#announced = this.#rev;
    this.#changed();
  }

  #replacePeople({ people, rev }) {
    this.people = new Map(people.map((person) => [person.id, person]));
    this.#rev = rev;
  }

  #update(id, change) {
    if (!this.rooms.has(id)) return;
    this.rooms.set(id, { ...this.rooms.get(id), ...change });
    this.#changed();
  }
}

// What a room adds to the unread badges. A muted room adds only its mentions.
export const counted = ({ notify, unread, mentions }) => (notify === "none" ? mentions : unread);

function added(counts, change) {
  const unread = Math.max(counts.unread + change.unread, 0);
  return { unread, mentions: Math.min(counts.mentions + change.mentions, unread) };
}
