// The reactions under a message, and the emoji picker.

import { $, focusByKey, keepList, setText } from "./dom.js";
import { Part } from "./part.js";

const COLUMNS = 6; // as in files.css
const GAP_PX = 4;
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS };

// Only a mouse shows a title, so a button of the message also shows the names (see whoReacted).
// nameOf(id) → a person's name
export function fillReactions(node, reactions, myId, nameOf) {
  $(".reactions", node).hidden = $("[data-act=names]", node).hidden = !reactions.length;
  const items = reactions.map((reaction) => ({ ...reaction, id: reaction.emoji }));
  const [list, template] = [$(".reaction-list", node), $("#reaction-template")];
  keepList(list, items, template, (button, { emoji, people }) => {
    button.dataset.emoji = emoji;
    button.ariaPressed = people.includes(myId);
    button.title = namesOf(people, myId, nameOf);
    setText($(".reaction-emoji", button), emoji);
    setText($(".reaction-count", button), people.length);
  });
}

// Returns one line for each emoji, with the names of the people who reacted with it.
export function whoReacted(reactions, myId, nameOf) {
  return reactions.map(({ emoji, people }) => `${emoji} ${namesOf(people, myId, nameOf)}`).join("\n");
}

function namesOf(people, myId, nameOf) {
  return new Intl.ListFormat("en").format(people.map((id) => (id === myId ? "You" : nameOf(id))));
}

export class Picker extends Part {
  #element = $("#picker");
  #opener; #choose;

  connect() {
    super.connect();
    this.listen(this.#element, "click", ({ target }) => this.#picked(target.closest("button")));
    this.listen(this.#element, "keydown", (event) => this.#key(event));
    this.listen(this.#element, "toggle", ({ newState }) => this.#mark(newState === "open"));
  }

  // Opens next to a button, which gets the focus back when the picker closes.
  open(opener, choose) {
    this.#mark(false);
    [this.#opener, this.#choose] = [opener, choose];
    const place = opener.getBoundingClientRect();
    this.#element.showPopover();
    const { offsetWidth: width, offsetHeight: height } = this.#element;
    const below = place.bottom + GAP_PX;
    const top = below + height < innerHeight ? below : Math.max(0, place.top - GAP_PX - height);
    const left = Math.max(GAP_PX, Math.min(place.right, innerWidth - GAP_PX) - width);
    Object.assign(this.#element.style, { top: `${top}px`, left: `${left}px` });
  }

  // While the picker is open, the message shows its buttons, so that one can get the focus back.
  #mark(open) { this.#opener?.closest(".message").classList.toggle("picking", open); }

  #picked(button) {
    if (!button) return;
    this.#element.hidePopover();
    this.#choose(button.dataset.emoji);
  }

  #key(event) {
    const buttons = [...this.#element.querySelectorAll("button")];
    const next = buttons[buttons.indexOf(event.target) + STEPS[event.key]];
    if (STEPS[event.key]) event.preventDefault();
    focusByKey(next);
  }
}
