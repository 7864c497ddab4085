// Observes the connection: Engine.IO packets and the Socket.IO packets inside them. It can also cause
// two faults, to show that no message gets lost. It is loaded only if the inspector is on.

const TYPES = ["CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"];
const SOCKET_IO = /^(\d)(?:\d+-)?(?:\/[^,]*,)?(\d*)(.*)$/s; // type, namespace, acknowledgement id, data
const utf8 = new TextEncoder();

export class Wiretap {
  #socket; #heard; #dropped;
  #engine;
  #asked = new Map(); // acknowledgement id → the packet that requested it
  #doomed = {}; // the message whose acknowledgement is dropped: {ack, clientId}
  #loses = false; // whether the current packet is dropped
  armed = false; // whether to drop the next message's acknowledgement

  // heard(packet) is called for each packet, and dropped() after an acknowledgement was dropped.
  constructor(socket, heard, dropped) {
    [this.#socket, this.#heard, this.#dropped] = [socket, heard, dropped];
  }

  connect() {
    const { io } = this.#socket;
    const add = io.decoder.add.bind(io.decoder);
    const attach = () => this.#attach(io.engine);
    io.decoder.add = (data) => this.#loses || add(data);
    io.on("open", attach);
    // The engine is created right after this event, and its first packet arrives before "open".
    io.on("reconnect_attempt", () => queueMicrotask(attach));
    queueMicrotask(attach);
  }

  cut() { this.#socket.io.engine?.close(); }

  #attach(engine) {
    if (!engine || engine === this.#engine) return;
    [this.#engine, this.#doomed] = [engine, {}];
    this.#asked.clear();
    engine.on("packet", (packet) => this.#pass("received", packet));
    engine.on("packetCreate", (packet) => this.#pass("sent", packet));
    engine.on("upgrade", ({ name }) => this.#pass("sent", { type: "upgrade", note: `to ${name}` }));
    engine.on("close", (reason) => this.#pass("line", { type: "close", note: reason }));
  }

  #pass(way, { type: engine, data = "", note = "" }) {
    const size = utf8.encode(data).length + 1; // plus Engine.IO's one character for the type
    const packet = { way, engine, at: new Date(), data, note, size, lost: false };
    const [, type, ack, json = data] = (engine === "message" && SOCKET_IO.exec(data)) || [];
    Object.assign(packet, { type: TYPES[type], ack, json });
    if (packet.type === "EVENT") this.#passEvent(packet, ...JSON.parse(json));
    if (packet.type === "ACK" && way === "received") this.#passAnswer(packet);
    this.#loses = packet.lost;
    this.#heard(packet);
  }

  // The sender must not receive the broadcast of the message either. Otherwise the outbox would know
  // that the message arrived and wouldn't send it again.
  #passEvent(packet, event, payload) {
    packet.event = event;
    const asks = packet.way === "sent" && packet.ack;
    if (asks) this.#asked.set(packet.ack, packet);
    if (event !== "new_message") return;
    if (!asks) packet.lost = payload.client_id === this.#doomed.clientId;
    else if (this.armed) this.#doomed = { ack: packet.ack, clientId: payload.client_id };
    if (asks) this.armed = false;
  }

  #passAnswer(packet) {
    const question = this.#asked.get(packet.ack);
    if (!question) return;
    this.#asked.delete(packet.ack);
    const lost = packet.ack === this.#doomed.ack;
    Object.assign(packet, { question, event: question.event, tripMs: packet.at - question.at, lost });
    if (lost) this.#dropped();
  }
}
