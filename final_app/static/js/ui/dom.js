// Small tools for the document. Text goes in as text; only message.js may set HTML.

const HUES = 12;

export const $ = (selector, root = document) => root.querySelector(selector);

export const clone = (template) => template.content.firstElementChild.cloneNode(true);

export const capped = (count) => (count > 99 ? "99+" : String(count));

// What one reads of a message's HTML. A document made this way runs nothing and loads nothing.
export const plainText = (html) =>
  new DOMParser().parseFromString(html, "text/html").body.textContent.trim();

export const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

// Tells whether it was copied: browsers may refuse, and have a clipboard for https addresses only.
export const copied = async (text) =>
  navigator.clipboard?.writeText(text).then(() => true, () => false);

export function fillAvatar(avatar, person) {
  avatar.className = `avatar hue-${person.id % HUES}`;
  const words = person.name.split(/\s+/).filter(Boolean).slice(0, 2);
  avatar.textContent = words.map((word) => [...word][0]).join("").toUpperCase();
}

export function fillPresence(presence, online) {
  presence.dataset.online = String(Boolean(online));
  $(".sr", presence).textContent = online ? "online" : "offline";
}

export function fillFace(node, person) {
  fillAvatar($(".avatar", node), person);
  fillPresence($(".presence", node), person.online);
}

// A room or a person to go to, in the rail and in the switcher.
export function fillPlace(node, { name, person, count, mentions }) {
  $(".room-name", node).textContent = name;
  $(".bot-mark", node).hidden = person?.role !== "bot";
  if (person) fillFace(node, person);
  $(".badge", node).hidden = !count;
  $(".badge-count", node).textContent = (mentions ? "@" : "") + capped(count);
  $(".badge-words", node).textContent = `${count} unread${mentions ? `, ${mentions} for you` : ""}`;
}

// Makes the children of a list those of `items`, in order; a child that stays is the same node, so
// that focus stays with it.
export function keepList(list, items, template, fill) {
  const old = new Map(Array.from(list.children, (node) => [node.dataset.key, node]));
  let place = list.firstElementChild;
  for (const item of items) {
    const node = old.get(String(item.id)) ?? clone(template);
    old.delete(String(item.id));
    node.dataset.key = item.id;
    fill(node, item);
    if (node === place) place = place.nextElementSibling;
    else list.insertBefore(node, place);
  }
  for (const node of old.values()) node.remove();
}
