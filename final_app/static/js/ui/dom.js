// Helpers for the document. They never insert text as HTML, which only message.js may do.

const HUES = 12;
// The first character of a word as readers see it, with its accents. A flag has two code points.
const FIRST_CHARACTER = /^(?:\p{RI}{2}|.)[\p{M}\p{EMod}]*/u;
const IME_KEY_CODE = 229; // what browsers report for a key that an input method handles

export const $ = (selector, root = document) => root.querySelector(selector);

export const clone = (template) => template.content.firstElementChild.cloneNode(true);

export const capped = (count) => (count > 99 ? "99+" : String(count));

// Without the focus, a visible window may be on a second monitor, or next to the window in which the
// person works.
export const hasAttention = () => document.visibilityState === "visible" && document.hasFocus();

// Returns whether a node is displayed. Safari has checkVisibility() only since version 17.4.
export const isShown = (node) => node.getClientRects().length > 0;

// Moves the focus, if there is such a node, because a key was pressed. After a click, Safari would not
// show where the focus is.
export const focusByKey = (node) => node?.focus({ focusVisible: true });

// Returns a message's text without formatting. A document that is parsed this way runs no scripts and
// loads no images.
export const plainText = ({ text, html }) => {
  if (!html) return text;
  const lines = html.replace(/<br>\n?/g, "\n");
  return new DOMParser().parseFromString(lines, "text/html").body.textContent.trim();
};

// Sets a text unless it's there already. A screen reader announces each text that is set in a live region.
export function setText(node, text) { if (node.textContent !== String(text)) node.textContent = text; }

export const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

// Returns whether a key belongs to an input method, for example Enter that confirms a word. In Safari,
// this Enter comes after the composition has ended, so only its code differs from other keys.
export const isComposing = (event) => event.isComposing || event.keyCode === IME_KEY_CODE;

// Returns whether a key is held that gives a click or another key a meaning of its own. With a link, for
// example, the browser opens a new tab.
export const hasModifier = ({ ctrlKey, metaKey, shiftKey, altKey }) => ctrlKey || metaKey || shiftKey || altKey;

// Returns whether the text was copied. Browsers can refuse this, and offer a clipboard only with HTTPS.
export const copied = async (text) =>
  navigator.clipboard?.writeText(text).then(() => true, () => false);

export function fillAvatar(avatar, person) {
  avatar.className = `avatar hue-${person.id % HUES}`;
  const words = person.name.toUpperCase().split(/\s+/).filter(Boolean).slice(0, 2);
  avatar.textContent = words.map((word) => FIRST_CHARACTER.exec(word)[0]).join("");
}

export function fillPresence(presence, online) {
  presence.dataset.online = String(Boolean(online));
  $(".sr", presence).textContent = online ? "online" : "offline";
}

export function fillFace(node, person) {
  fillAvatar($(".avatar", node), person);
  fillPresence($(".presence", node), person.online);
}

// Fills a room or person in the rail or the switcher.
export function fillPlace(node, { name, person, count, mentions }) {
  $(".room-name", node).textContent = name;
  $(".bot-mark", node).hidden = person?.role !== "bot";
  if (person) fillFace(node, person);
  $(".badge", node).hidden = !count;
  $(".badge-count", node).textContent = (mentions ? "@" : "") + capped(count);
  $(".badge-words", node).textContent = `${count} unread${mentions ? `, ${mentions} for you` : ""}`;
}

// Marks the option of a listbox that Enter will choose, and returns its index. After the last option comes
// the first one. The focus stays in the field.
export function markOption(field, list, index, follow = true) {
  const options = [...list.children];
  const marked = (index + options.length) % options.length;
  options.forEach((option, place) => (option.ariaSelected = String(place === marked)));
  if (follow) options[marked]?.scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", options[marked]?.id ?? "");
  return marked;
}

// Updates a list so that it shows `items` in order. An item that was already there keeps its node, so
// that it does not lose the focus.
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
