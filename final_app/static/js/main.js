// Wires the parts of the room's page together; decides nothing itself.

import { Connection } from "./core/connection.js";
import { Directory } from "./core/directory.js";
import { Drawer } from "./core/drawer.js";
import { Http } from "./core/http.js";
import { Outbox } from "./core/outbox.js";
import { Actions } from "./ui/actions.js";
import { Composer } from "./ui/composer.js";
import { Conversation } from "./ui/conversation.js";
import { Dialogs } from "./ui/dialogs.js";
import { $, plural } from "./ui/dom.js";
import { MessageView } from "./ui/message.js";
import { Banner, Toasts } from "./ui/notices.js";
import { People } from "./ui/people.js";
import { Rail } from "./ui/rail.js";
import { Reading } from "./ui/reading.js";
import { Scroller } from "./ui/scroller.js";
import { Timeline } from "./ui/timeline.js";
import { Typing } from "./ui/typing.js";

const ENDINGS = {
  password_changed: ": the password was changed",
  banned: ": this account is blocked",
  deleted: ": this account was deleted",
};

const state = JSON.parse($("#state").textContent);
const { me, room } = state;
const page = document.documentElement;
const base = new URL(document.baseURI);
const socket = io({ path: new URL("socket.io", base).pathname, autoConnect: false });

const banner = new Banner();
const toasts = new Toasts();
const tell = (error) => toasts.show(error.message);
const http = new Http(base, $("meta[name=csrf-token]").content);
const drawer = new Drawer(base.pathname, me.id);
const directory = new Directory(state, showDirectory);
const connection = new Connection(socket, showConnection);
const ask = (event, payload) => connection.ask(event, payload);

const view = new MessageView(room, me);
const timeline = new Timeline({ view, newAfter: room.unread ? room.last_read_seq : null });
const scroller = new Scroller({ moved: () => conversation.moved(), live: () => timeline.live });
const changed = () => reading.check();
const conversation = new Conversation({ me, room, timeline, scroller, http, ask, tell, changed });
const reading = new Reading({ room, directory, conversation, ask });
const typing = new Typing({ room, ask });
const dialogs = new Dialogs({ directory, http, tell });
const people = new People({ room, directory, http, dialogs });
const rail = new Rail({ directory, open: room });
const composer = new Composer({ room, drawer, limit: state.limits.text, send, edit, editLast });
const acts = {
  reply: (message) => composer.reply(message),
  copy: copyLink,
  edit: (message) => composer.edit(message),
  delete: remove,
  retry: ({ client_id }) => outbox.retry(client_id),
  discard: ({ client_id }) => outbox.settle(client_id),
};
const actions = new Actions({ timeline, acts });
// A room that was left while the line was down still has something to send.
const outboxes = new Map(state.rooms.map(({ id }) => [id, makeOutbox(id)]));
const outbox = outboxes.get(room.id) ?? makeOutbox(room.id);
const parts = [scroller, conversation, reading, typing, dialogs, people, rail, composer, actions];

const events = {
  new_message: ({ room: id, message }) => {
    directory.newMessage(id, message, reading.sees(id));
    if (id !== room.id) return;
    typing.forget(message.author.id);
    conversation.receive(message);
  },
  message_changed: ({ room: id, message }) => id === room.id && conversation.receive(message),
  typing: (news) => typing.hear(news),
  presence: ({ user_id, online }) => directory.presence(user_id, online),
  read_changed: ({ room: id, ...counts }) => directory.readChanged(id, counts),
  room_changed: (news) => {
    directory.roomChanged(news.room);
    if (news.room.id === room.id) people.refresh();
  },
  room_removed: ({ room: id }) => directory.roomRemoved(id),
  person_changed: ({ person }) => directory.personChanged(person),
};

start();

function start() {
  for (const part of parts) part.connect();
  conversation.open(state.page, state.at, outbox);
  drawer.watch((name) => outboxes.get(Number(name.replace(/^outbox /, "")))?.changedElsewhere());
  for (const [event, listener] of Object.entries(events)) socket.on(event, listener);
  connection.connect();
  // A page that the browser keeps for "back" must not go on living behind the one that is seen.
  addEventListener("pagehide", stop);
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
}

function stop() {
  const all = [connection, banner, toasts, drawer, ...parts, ...outboxes.values()];
  for (const each of all) each.disconnect();
}

function showConnection(name, news) {
  Object.assign(page.dataset, { conn: name, ready: false });
  if (name === "online") return catchUp(news);
  for (const each of outboxes.values()) each.disconnect();
  return name === "ended" ? banner.ended(ENDINGS[news?.reason]) : banner.offline();
}

async function catchUp(welcome) {
  const before = conversation.lastSeq;
  directory.welcome(welcome);
  reading.tell();
  await conversation.sync();
  if (!connection.online) return;
  const missed = conversation.lastSeq - before;
  banner.online(missed && plural(missed, "new message", "new messages"));
  for (const each of outboxes.values()) each.connect();
  people.refresh();
  page.dataset.ready = "true";
}

function showDirectory() {
  rail.show();
  people.show();
  const open = directory.rooms.get(room.id);
  const archived = open?.archived && "This room is archived: it can be read, not written to.";
  composer.close(open ? archived || "" : "You are no longer in this room.", !open);
}

function makeOutbox(id) {
  const isOpen = id === room.id;
  const changed = (items) => isOpen && conversation.showPending(items);
  const accepted = (message) => {
    if (isOpen) conversation.receive(message);
    outboxes.get(id)?.settle(message.client_id);
  };
  return new Outbox({ room: id, drawer, send: sendOne, accepted, changed });
}

function sendOne(to, { client_id, text, reply_to }) {
  return ask("new_message", { room: to, client_id, text, reply_to: reply_to?.id });
}

function send(text, message) {
  const { id, seq, author, text: quoted } = message ?? {};
  typing.stop();
  timeline.clearNewLine();
  outbox.add(text, message && { id, seq, author: author.name, text: quoted, deleted: false });
  conversation.showLatest();
}

function edit({ id }, text) { return change("edit_message", { id, text }); }

function editLast() {
  const mine = ({ dataset }) => dataset.own === "true" && dataset.deleted === "false";
  const own = timeline.sent.findLast(mine);
  if (own) composer.edit(timeline.content(own));
}

async function remove({ id }) {
  const text = "Everybody will see that a message was deleted here.";
  const sure = await dialogs.confirm("Delete this message?", text, "Delete");
  if (sure) await change("delete_message", { id });
}

async function change(event, payload) {
  const answer = await ask(event, payload);
  if (answer.ok) conversation.receive(answer.message);
  else tell(answer.error);
  return answer.ok;
}

async function copyLink({ seq }) {
  const address = String(new URL(view.address(seq), base));
  try {
    await navigator.clipboard.writeText(address);
    toasts.show("Link copied.");
  } catch {
    toasts.show(`The browser did not let us copy. The link is ${address}`);
  }
}
