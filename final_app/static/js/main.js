// Connects the parts of the room page. It contains no logic of its own.

import { Connection, PROTOCOL, OPTIONS } from "./core/connection.js";
import { Directory } from "./core/directory.js";
import { Drawer } from "./core/drawer.js";
import { Http } from "./core/http.js";
import { Outbox } from "./core/outbox.js";
import { whole } from "./core/snapshot.js";
import { Uploads } from "./core/uploads.js";
import { Actions } from "./ui/actions.js";
import { Attachments } from "./ui/attachments.js";
import { Composer } from "./ui/composer.js";
import { Conversation } from "./ui/conversation.js";
import { Dialogs } from "./ui/dialogs.js";
import { $, copied, plainText, plural } from "./ui/dom.js";
import { isImage } from "./ui/files.js";
import { Focus } from "./ui/focus.js";
import { Leaving } from "./ui/leaving.js";
import { Links } from "./ui/links.js";
import { Mentions } from "./ui/mentions.js";
import { MessageView } from "./ui/message.js";
import { Banner, Toasts } from "./ui/notices.js";
import { Notifier } from "./ui/notifier.js";
import { People } from "./ui/people.js";
import { Rail } from "./ui/rail.js";
import { Picker, whoReacted } from "./ui/reactions.js";
import { Reading } from "./ui/reading.js";
import { Scroller } from "./ui/scroller.js";
import { Search } from "./ui/search.js";
import { Switcher } from "./ui/switcher.js";
import { Timeline } from "./ui/timeline.js";
import { Typing } from "./ui/typing.js";
import { Viewer } from "./ui/viewer.js";

const ENDINGS = {
  password_changed: ": your password was changed",
  banned: ": your account is banned",
  deleted: ": your account was deleted",
};

const state = JSON.parse($("#state").textContent);
const { me, room } = state;
const page = document.documentElement;
const base = new URL(document.baseURI);
const path = new URL("socket.io", base).pathname;
const socket = io({ path, autoConnect: false, auth: { protocol: PROTOCOL }, ...OPTIONS });

const banner = new Banner();
const toasts = new Toasts();
const tell = (error) => toasts.show(error.message);
const http = new Http(base, $("meta[name=csrf-token]").content);
const drawer = new Drawer(base.pathname, me.id);
const loadPeople = (tag) => http.get(tag ? `api/people?tag=${tag}` : "api/people");
const directory = new Directory(state, loadPeople, showDirectory);
const connection = new Connection(socket, showConnection);
const ask = (event, payload) => connection.ask(event, payload);

const { limits } = state;
const uploads = new Uploads({ room, drawer, http, limits, changed: showUploads });
const picture = (upload) => uploads.picture(upload);
const nameOf = (id, known = "Someone who left") => directory.people.get(id)?.name ?? known;
const view = new MessageView({ room, me, nameOf, picture });
const timeline = new Timeline({ view, newAfter: room.unread ? room.last_read_seq : null });
const scroller = new Scroller({
  moved: () => conversation.moved(), live: () => timeline.live, firstUnread: () => conversation.firstUnread,
});
const changed = () => reading.check();
const conversation = new Conversation({ me, room, directory, timeline, scroller, http, ask, tell, changed });
const reading = new Reading({ room, directory, conversation, ask });
const typing = new Typing({ room, ask });
const leaving = new Leaving({ connection, http, tell });
const dialogs = new Dialogs({ directory, http, tell, goTo });
const panel = new People({ room, directory, http, dialogs });
const switcher = new Switcher({ directory, dialogs, goTo });
const rail = new Rail({ directory, open: room });
const notifier = new Notifier({ room, directory, drawer, http, dialogs, goTo });
const composer = new Composer({ room, drawer, limit: limits.text, uploads, send, edit, editLast });
const attachments = new Attachments({ uploads, tell });
const mentions = new Mentions({ room, directory, http });
const picker = new Picker();
const viewer = new Viewer();
const acts = {
  reply: (message) => composer.reply(renamed(message)),
  copy: copyLink,
  edit: (message) => composer.edit(message),
  delete: remove,
  react,
  names: ({ reactions }) => toasts.show(whoReacted(reactions, me.id, nameOf)),
  view: ({ uploads: all }, link) => viewer.open(all.filter(isImage), link.parentElement.dataset.key),
  retry: ({ client_id }) => outbox.retry(client_id),
  discard,
};
const actions = new Actions({ timeline, acts });
// Every room has an outbox, because messages written offline in other rooms still have to be sent.
const outboxes = new Map(state.rooms.map(({ id }) => [id, makeOutbox(id)]));
const outbox = outboxes.get(room.id) ?? makeOutbox(room.id);
const parts = [scroller, conversation, reading, typing, dialogs, panel, switcher, rail, composer, actions,
  attachments, mentions, picker, viewer];
parts.push(new Search({ room, http, drawer, jump }), notifier);
parts.push(new Links({ room, jump }), leaving, new Focus());
if (state.inspector) {
  const { Inspector } = await import("./ui/inspector.js");
  parts.push(new Inspector({ socket, say: (text) => toasts.show(text) }));
}

const events = {
  new_message: (news) => {
    const message = whole(news);
    const { room: id } = message;
    directory.newMessage(id, message, reading.sees(id));
    notifier.newMessage(id, message);
    if (id !== room.id) return;
    typing.forget(message.author.id);
    conversation.receive(message);
  },
  message_changed: (message) => {
    if (message.deleted) {
      directory.messageDeleted(message);
      composer.messageDeleted(message);
    }
    if (message.room === room.id) conversation.receive(message);
  },
  typing: (news) => typing.hear(news),
  presence: (news) => directory.presence(news),
  read_changed: ({ room: id, ...counts }) => directory.readChanged(id, counts),
  room_changed: (news) => {
    const returned = !directory.rooms.has(news.room.id);
    directory.roomChanged(news.room);
    if (news.room.id !== room.id) return;
    if (returned) conversation.resume(news.room.last_rev); // no events arrived in the meantime
    panel.refresh();
    mentions.forget();
  },
  room_removed: ({ room: id }) => directory.roomRemoved(id),
  person_changed: ({ person, rev }) => [directory.personChanged(person, rev), timeline.showNames()],
  person_gone: ({ user_id, rev }) => [directory.personGone(user_id, rev), typing.forget(user_id)],
};

start();

function start() {
  for (const part of parts) part.connect();
  conversation.open(state.page, state.at, outbox);
  drawer.watch(changedElsewhere);
  uploads.adopt();
  for (const [event, listener] of Object.entries(events)) connection.on(event, listener);
  connection.connect();
  $("#unstarted").hidden = true;
  // A page in the back/forward cache is not visible, and must not stay connected.
  addEventListener("pagehide", stop);
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
}

function stop() {
  const all = [connection, directory, banner, toasts, drawer, uploads, ...parts, ...outboxes.values()];
  for (const each of all) each.disconnect();
}

function changedElsewhere(name) {
  if (name === uploads.name) showUploads();
  outboxes.get(Number(name.replace(/^outbox /, "")))?.changedElsewhere();
}

function showConnection(name, news) {
  Object.assign(page.dataset, { conn: name, ready: false });
  if (name === "online") return catchUp(news);
  for (const each of [uploads, ...outboxes.values()]) each.disconnect();
  if (name === "ended") return banner.ended(ENDINGS[news?.reason]);
  if (name === "crowded") return banner.crowded(news.message);
  return name === "outdated" ? banner.outdated() : banner.offline(news?.silent);
}

async function catchUp(welcome) {
  const [before, { rooms }] = [conversation.received, directory];
  const people = directory.welcome(welcome);
  notifier.missed(rooms);
  reading.check();
  await conversation.resume(directory.rooms.get(room.id)?.last_rev);
  if (connection.online) sendAgain(conversation.received - before);
  await people; // only their names are missing until then
  timeline.showNames();
  if (connection.online) page.dataset.ready = "true";
}

function sendAgain(missed) {
  banner.online(missed && plural(missed, "new message", "new messages"));
  for (const each of [uploads, ...outboxes.values()]) each.connect();
  panel.refresh();
}

function showDirectory() {
  rail.show();
  panel.update();
  switcher.refresh();
  notifier.show();
  const open = directory.rooms.get(room.id);
  $("#scroller").dataset.moderated = Boolean(open?.can_moderate);
  const archived = open?.archived && "This room is archived. You can read it, but you can't send messages.";
  const { people } = directory;
  const isGone = open?.person && people.size && !people.has(open.person.id); // banned or deleted
  const gone = isGone && `${open.name} can no longer read messages here.`;
  composer.close(open ? archived || gone || "" : "You're no longer in this room.", !open);
}

// Goes to a message of this room if the message is on the page. Returns whether it is.
function jump(seq) {
  const node = timeline.node(seq);
  $(".message.target")?.classList.remove("target");
  node?.classList.add("target");
  if (node) [scroller.reveal(node, "center"), node.focus({ preventScroll: true })];
  return Boolean(node);
}

function goTo(to, seq) { if (to.id !== room.id || !jump(seq)) leaving.goTo(to, seq); }

function makeOutbox(id) {
  const isOpen = id === room.id;
  const changed = (items) => isOpen && conversation.showPending(items);
  const accepted = (message) => {
    if (isOpen) conversation.receive(message);
    outboxes.get(id)?.settle(message.client_id);
  };
  return new Outbox({ room: id, drawer, send: sendOne, accepted, changed });
}

function sendOne(to, { client_id, text, reply_to, uploads: files = [] }) {
  const ids = files.map(({ id }) => id);
  return ask("new_message", { room: to, client_id, text, reply_to: reply_to?.id, uploads: ids });
}

function send(text, message, files) {
  typing.stop();
  timeline.newAfter = null;
  outbox.add(text, message && quoted(message), files);
  conversation.showLatest();
}

// The text goes back into the field, and the files next to it.
function discard({ client_id, text, uploads: files = [] }) {
  outbox.discard(client_id);
  composer.restore(text);
  uploads.restore(files);
}

function quoted(message) {
  const { id, seq, author } = message;
  return { id, seq, author_id: author.id, author: author.name, text: plainText(message) };
}

// A message keeps the name that its author had when it was loaded.
function renamed(message) {
  const { id, name } = message.author;
  return { ...message, author: { id, name: nameOf(id, name) } };
}

function edit({ id }, text) { return change("edit_message", { id, text }); }

function editLast() {
  const mine = ({ dataset }) => dataset.own === "true" && dataset.deleted === "false";
  const own = timeline.sent.findLast(mine);
  if (own) composer.edit(timeline.content(own));
}

function showUploads() {
  attachments.show();
  composer.filesChanged();
}

// The button of an existing reaction adds or removes it. Any other button opens the picker.
function react({ id }, button) {
  const { emoji } = button.dataset;
  if (emoji) change("react", { id, emoji, on: button.ariaPressed !== "true" });
  else picker.open(button, (chosen) => change("react", { id, emoji: chosen, on: true }));
}

async function remove(message) {
  const { id, seq, author } = renamed(message);
  const whose = author.id === me.id ? "a message" : `a message from ${author.name}`;
  const text = `Everyone will see that ${whose} was deleted here.`;
  const sure = await dialogs.confirm("Delete this message?", text, "Delete");
  timeline.node(seq)?.focus({ preventScroll: true }); // its buttons were hidden while the dialog was open
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
  const refused = `Your browser blocked copying. The link is ${address}`;
  toasts.show((await copied(address)) ? "Link copied." : refused);
}
