// Runs in a page before its own scripts: it notes what goes over the line, lets the oracle cut and
// trouble the line, and shortens the client's waits. What it notes goes to the console, as `debug`.
(() => {
  const note = (kind, text) => console.debug(`@${kind} ${text}`);
  const isMessage = (data) => typeof data === "string" && data.startsWith('42["new_message"');
  const line = { sockets: [], deaf: 0, last: null, upgraded: false, connected: false };
  const hear = (data) => {
    for (const packet of String(data).split("\x1e")) {
      if (packet.startsWith("40")) line.connected = true;
      if (packet.startsWith("41") || packet.startsWith("44")) line.connected = false;
    }
    note("heard", data);
  };
  Object.defineProperty(window, "__line", { value: line });

  window.WebSocket = class extends window.WebSocket {
    constructor(...how) {
      super(...how);
      line.sockets.push(this);
      this.addEventListener("message", (event) => {
        if (isMessage(event.data) && line.deaf-- > 0) return event.stopImmediatePropagation();
        if (isMessage(event.data)) line.last = event.data;
        hear(event.data);
      });
      this.addEventListener("close", () => {
        line.upgraded = line.connected = false;
      });
    }

    send(data) {
      if (data === "5") line.upgraded = true;
      note("sent", data);
      super.send(data);
    }
  };

  line.cut = () => {
    line.upgraded = line.connected = false;
    line.sockets.forEach((socket) => socket.close());
  };
  line.again = () => line.sockets.at(-1).dispatchEvent(new MessageEvent("message", { data: line.last }));

  const polls = new WeakSet();
  const { open, send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (method, address, ...more) {
    if (String(address).includes("/socket.io/")) polls.add(this);
    return open.call(this, method, address, ...more);
  };
  XMLHttpRequest.prototype.send = function (body) {
    if (polls.has(this)) {
      if (body) note("sent", body);
      this.addEventListener("load", () => hear(this.responseText));
    }
    return send.call(this, body);
  };

  // Waits of seconds, before the client connects again, take a tenth.
  const wait = window.setTimeout;
  window.setTimeout = (what, time, ...more) => wait(what, time >= 400 && time <= 6000 ? time / 10 : time, ...more);

  // What a line of text said in between, such as "Sending …".
  const said = new MutationObserver((changes) => {
    for (const { target } of changes) {
      const element = target instanceof Element ? target : target.parentElement;
      if (!element || element.childElementCount || element.closest("[role=log], template")) continue;
      note("said", `${element.id}: ${element.textContent}`);
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    said.observe(document, { childList: true, characterData: true, subtree: true });
  });
})();
