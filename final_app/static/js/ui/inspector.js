// Ctrl+. opens a panel with every packet between this page and the server, for learning and debugging.

import { Wiretap } from "../core/wiretap.js";
import { $, clone, copied, plural } from "./dom.js";
import { Panel } from "./panel.js";

const MOST_PACKETS = 500;
const NEAR_END_PX = 40;
const ARROWS = { sent: "↑", received: "↓", line: "·" };

export class Inspector extends Panel {
  #say; #tap;
  #list = $("#packets");
  #packets = new Map(); // node → packet, oldest first

  constructor({ socket, say }) {
    super("inspector");
    this.#say = say;
    const dropped = () => ($("#inspector-lose").ariaPressed = "false");
    this.#tap = new Wiretap(socket, (packet) => this.#add(packet), dropped);
  }

  connect() {
    super.connect();
    this.#tap.connect();
    this.onKeys(".", false, () => this.open(!this.isOpen));
    this.listen($("#inspector-filter"), "input", () => this.#filter());
    this.listen($("#inspector-filter"), "submit", (event) => event.preventDefault());
    this.listen($("#inspector-pause"), "click", ({ currentTarget: it }) => toggle(it));
    this.listen($("#inspector-lose"), "click", ({ currentTarget: it }) => (this.#tap.armed = toggle(it)));
    this.listen($("#inspector-cut"), "click", () => this.#tap.cut());
    this.listen($("#inspector-clear"), "click", () => this.#drop(this.#packets.keys()));
    this.listen($("#inspector-copy"), "click", () => this.#copy());
    // "toggle" doesn't bubble. The JSON is formatted only when someone opens it.
    this.listen(this.#list, "toggle", ({ target }) => this.#explain(target), { capture: true });
  }

  show(open) {
    super.show(open);
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  #add(packet) {
    const { question, tripMs } = packet;
    if (question) fill(question.node, Object.assign(question, { tripMs }));
    packet.node = clone($("#packet-template"));
    fill(packet.node, packet);
    if ($("#inspector-pause").ariaPressed === "true") return;
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    this.#packets.set(packet.node, packet);
    this.#list.append(packet.node);
    this.#filter([packet.node]);
    if (this.#packets.size > MOST_PACKETS) this.#drop([this.#packets.keys().next().value]);
    const wasAtEnd = scrollHeight - scrollTop - clientHeight <= NEAR_END_PX;
    if (wasAtEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #drop(nodes) {
    for (const node of nodes) [this.#packets.delete(node), node.remove()];
    this.#filter([]);
  }

  #filter(nodes = this.#packets.keys()) {
    const { text, way } = Object.fromEntries(new FormData($("#inspector-filter")));
    for (const node of nodes) {
      const packet = this.#packets.get(node);
      const has = inOneLine(packet).toLowerCase().includes(text.toLowerCase());
      node.hidden = !has || (way && packet.way !== way);
    }
    const [all, matching] = [plural(this.#packets.size, "packet", "packets"), this.#matching.length];
    $("#inspector-count").textContent = matching < this.#packets.size ? `${matching} of ${all}` : all;
  }

  get #matching() { return [...this.#packets.keys()].filter((node) => !node.hidden); }

  async #copy() {
    const lines = this.#matching.map((node) => inOneLine(this.#packets.get(node)));
    const done = `${plural(lines.length, "packet", "packets")} copied.`;
    this.#say((await copied(lines.join("\n"))) ? done : "Your browser blocked copying.");
  }

  #explain(details) {
    const { json } = this.#packets.get(details.parentElement);
    const indented = () => JSON.stringify(JSON.parse(json), null, 2);
    $("pre", details).textContent = /^[{[]/.test(json) ? indented() : json || "no data";
  }
}

function fill(node, packet) {
  const { way, engine, type = "", event = "", ack = "", lost } = packet;
  Object.assign(node.dataset, { way, engine, type, event, ack, lost });
  for (const [place, text] of Object.entries(words(packet))) $(`.packet-${place}`, node).textContent = text;
}

// Returns the texts that describe a packet, by their position in the markup.
function words({ at, way, engine, note, type, event, ack, size, tripMs, lost }) {
  const time = `${at.toTimeString().slice(0, 8)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  return {
    time, arrow: ARROWS[way], way, engine: `${engine} ${note}`.trim(), type: event ? type : "",
    name: event || (type ?? engine).toLowerCase(), ack: ack ? `#${ack}` : "",
    size: way === "line" ? "" : `${size} B`,
    trip: tripMs === undefined ? "" : `${tripMs} ms`, lost: lost ? "dropped" : "",
  };
}

const inOneLine = (packet) => [...Object.values(words(packet)), packet.json].filter(Boolean).join(" ");

function toggle(button) {
  const pressed = button.ariaPressed !== "true";
  button.ariaPressed = String(pressed);
  return pressed;
}
