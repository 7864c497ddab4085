// The current user's rooms and everyone in this installation, as last received.

export class Directory {
  #changed;

  constructor(state, changed) {
    this.#changed = changed;
    this.#take(state);
  }

  get unread() { return [...this.rooms.values()].reduce((sum, room) => sum + counted(room), 0); }

  welcome(news) {
    this.#take(news);
    this.#changed();
  }

  // If the message is `seen` (visible on screen), it never counts as unread.
  newMessage(id, message, seen) {
    const room = this.rooms.get(id);
    if (!room || message.seq <= room.last_seq) return;
    const other = message.author.id !== this.me.id && !seen;
    this.#update(id, {
      last_seq: message.seq,
      unread: room.unread + Number(other),
      mentions: room.mentions + Number(other && message.mentions.includes(this.me.id)),
    });
  }

  readChanged(id, { last_read_seq, unread, mentions }) {
    this.#update(id, { last_read_seq, unread, mentions });
  }

  // Keeps the current counts, because new_message and read_changed update them.
  roomChanged(room) {
    const { unread, mentions, last_seq, last_read_seq } = this.rooms.get(room.id) ?? room;
    this.rooms.set(room.id, { ...room, unread, mentions, last_seq, last_read_seq });
    this.#changed();
  }

  roomRemoved(id) { if (this.rooms.delete(id)) this.#changed(); }

  personChanged(person) {
    this.people.set(person.id, { ...this.people.get(person.id), ...person });
    if (person.id === this.me.id) this.me = { ...this.me, ...person };
    for (const room of this.rooms.values()) {
      if (room.person?.id === person.id) Object.assign(room, { name: person.name, person });
    }
    this.#changed();
  }

  // The person was banned or deleted. Their messages and direct rooms stay.
  personGone(userId) { if (this.people.delete(userId)) this.#changed(); }

  presence(userId, online) {
    const person = this.people.get(userId);
    if (person) this.personChanged({ ...person, online });
  }

  // Returns everyone except these ids, sorted by name.
  others(ids) {
    const people = [...this.people.values()].filter(({ id }) => !ids.has(id));
    return people.sort((a, b) => a.name.localeCompare(b.name));
  }

  #take({ me, rooms, people }) {
    this.me = me;
    this.rooms = new Map(rooms.map((room) => [room.id, room]));
    this.people = new Map(people.map((person) => [person.id, person]));
  }

  #update(id, change) {
    if (!this.rooms.has(id)) return;
    this.rooms.set(id, { ...this.rooms.get(id), ...change });
    this.#changed();
  }
}

// What a room adds to the unread badges. A muted room adds only its mentions.
export const counted = ({ notify, unread, mentions }) => (notify === "none" ? mentions : unread);
