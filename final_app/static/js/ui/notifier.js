// Browser notifications about new messages. There are notifications only if the user turned them on in
// this browser (which is stored in the drawer), only for messages that aren't on screen, and only as far
// as the level of the room allows.

import { $, hasAttention, plainText, plural } from "./dom.js";
import { Part } from "./part.js";

const READ_ELSEWHERE_MS = 1_000; // don't notify if the message is read elsewhere within this time
const TEXT_LENGTH = 200; // characters; operating systems show less
const STATES = {
  on: "On. You'll be notified while you're looking elsewhere.",
  off: "Off in this browser.",
  blocked: "Blocked by your browser. Allow notifications for this page in the browser's settings.",
  missing: "Not available. Notifications need an https address and a browser that supports them.",
};

export class Notifier extends Part {
  #room; #directory; #drawer; #http; #dialogs; #goTo;
  #switch = $("#notices-on");
  #shown = new Map(); // room id → the visible notification, with its `seq`
  #timers = new Set();
  #unanswered = 0; // levels that the user has chosen and the server hasn't answered
  #answered = Promise.resolve(); // resolves when the server has answered the last level

  // goTo(room, seq) goes to a message.
  constructor({ room, directory, drawer, http, dialogs, goTo }) {
    super();
    [this.#room, this.#directory, this.#drawer] = [room, directory, drawer];
    [this.#http, this.#dialogs, this.#goTo] = [http, dialogs, goTo];
  }

  connect() {
    super.connect();
    this.onStop(() => this.#timers.forEach(clearTimeout));
    this.listen(this.#switch, "change", () => this.#choose());
    const setLevel = ({ target }) => this.#dialogs.attempt(() => this.#setLevel(target.value));
    this.listen($("#notify-level"), "change", setLevel);
    this.listen($("#people-toggle"), "click", () => this.show()); // the permission may have changed
    this.show();
  }

  show() {
    const { notify, kind } = this.#known(this.#room.id) ?? this.#room;
    const state = this.#state;
    const level = kind === "direct" && notify !== "none" ? "all" : notify;
    if (!this.#unanswered) $("#notify-level").value = level;
    Object.assign(this.#switch, { checked: state === "on", disabled: /blocked|missing/.test(state) });
    $("#notices-state").textContent = STATES[state];
    $("#notices").dataset.state = state;
    for (const [id, { seq }] of this.#shown) if (!this.#isUnread(id, seq)) this.#close(id);
  }

  newMessage(id, message) {
    if (this.#isWanted(id, message)) this.#soon(id, message.seq, (room) => aboutMessage(room, message));
  }

  // Handles what was missed without a connection. `before` contains the rooms as they were known until
  // now. The page knows only how many messages there are, and where the first unread one is.
  missed(before) {
    for (const [id, room] of this.#directory.rooms) {
      const known = before.has(id) ? wanted(before.get(id)) : 0;
      if (wanted(room) > known) this.#soon(id, room.last_read_seq + 1, aboutUnread);
    }
  }

  get #state() {
    if (!isSecureContext || !window.Notification) return "missing";
    if (Notification.permission === "denied") return "blocked";
    return Notification.permission === "granted" && this.#drawer.get("notices") ? "on" : "off";
  }

  async #choose() {
    const wanted = this.#switch.checked;
    if (wanted && Notification.permission === "default") await Notification.requestPermission();
    this.#drawer.put("notices", wanted || null);
    this.show();
  }

  // Sends one level at a time, because two requests could change places.
  async #setLevel(level) {
    this.#unanswered += 1;
    const put = () => this.#http.put(`api/rooms/${this.#room.id}/notify`, { level });
    const answer = this.#answered.then(put);
    this.#answered = answer.catch(() => {});
    try {
      const { room } = await answer;
      this.#directory.roomChanged(room);
    } finally {
      this.#unanswered -= 1;
      this.show(); // if the server refused the level, the select shows the old one again
    }
  }

  #known(id) { return this.#directory.rooms.get(id); }

  #isUnread(id, seq) { return this.#known(id)?.last_read_seq < seq; }

  #isNews(id, seq) {
    const seen = id === this.#room.id && hasAttention();
    return this.#state === "on" && !seen && this.#isUnread(id, seq);
  }

  #isWanted(id, { author, mentions }) {
    const { me } = this.#directory;
    const room = this.#known(id);
    if (!room || author.id === me.id) return false;
    return Boolean(wanted({ ...room, unread: 1, mentions: Number(mentions.includes(me.id)) }));
  }

  // describe(room) returns the title and the body of the notification.
  #soon(id, seq, describe) {
    const tell = () => this.#isNews(id, seq) && this.#tell(this.#known(id), seq, describe);
    if (this.#isNews(id, seq)) this.#timers.add(setTimeout(tell, READ_ELSEWHERE_MS));
  }

  // All tabs use the same tag, so the system shows only one notification.
  #tell(room, seq, describe) {
    const { title, body } = describe(room);
    try {
      const notice = new Notification(title, { body, tag: `${document.baseURI} ${room.id} ${seq}` });
      notice.onclick = () => [window.focus(), this.#close(room.id), this.#goTo(room, seq)];
      this.#close(room.id);
      this.#shown.set(room.id, Object.assign(notice, { seq }));
    } catch {
      // Android shows only notifications from service workers. There, only the count in the title is shown.
    }
  }

  #close(id) {
    this.#shown.get(id)?.close();
    this.#shown.delete(id);
  }
}

// Returns how many of the unread messages the level of the room allows to be shown.
function wanted({ notify, kind, unread, mentions }) {
  return { all: unread, mentions: kind === "direct" ? unread : mentions, none: 0 }[notify];
}

function aboutMessage({ kind, name }, message) {
  const { author, uploads } = message;
  const title = kind === "direct" ? author.name : `${author.name} in #${name}`;
  const text = plainText(message) || uploads.map(({ filename }) => filename).join(", ");
  return { title, body: text.slice(0, TEXT_LENGTH) };
}

function aboutUnread({ kind, name, unread, mentions }) {
  const count = plural(unread, "new message", "new messages");
  const title = kind === "direct" ? name : `#${name}`;
  return { title, body: mentions ? `${count}, ${mentions} for you` : count };
}
