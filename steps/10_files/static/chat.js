const socket = io({
  // Plumbing: the path comes from the page's own address, so the page also works behind a proxy.
  path: new URL("socket.io", document.baseURI).pathname,
});

const form = document.querySelector("#message-form");
const input = document.querySelector("#message-input");
const fileInput = document.querySelector("#file-input");
const statusLine = document.querySelector("#status");
const log = document.querySelector("#chat-messages");
const template = document.querySelector("#message-template");
const room = Number(document.body.dataset.room);
let last = Number(document.body.dataset.last); // the number of the last message on this page
let uploads = []; // the ids of the files that go with the next message
log.scrollTop = log.scrollHeight;

fileInput.addEventListener("change", async () => {
  const response = await fetch("api/uploads", { method: "POST", body: new FormData(form) });
  const { ok, upload, error } = await response.json();
  uploads = ok ? [upload.id] : [];
  statusLine.textContent = ok ? `${upload.filename} goes with your message.` : error.message;
});

form.addEventListener("submit", (event) => {
  event.preventDefault(); // stay on this page: the message travels by socket, not by form
  const message = { room, text: input.value, uploads };
  if (!socket.connected) {
    statusLine.textContent = "Not connected. Your text stays here.";
    return;
  }
  statusLine.textContent = "Sending …"; // until the acknowledgement comes
  socket.emit("new_message", message, (acknowledgement) => {
    if (acknowledgement.ok) {
      statusLine.textContent = "The server has your message.";
      uploads = [];
      if (input.value === message.text) form.reset(); // unless the next one is being typed
    } else {
      statusLine.textContent = acknowledgement.error.message; // and the text stays, to be mended
    }
  });
});

function showMessage(message) {
  const line = template.content.cloneNode(true);
  line.querySelector(".message").dataset.seq = message.seq;
  line.querySelector(".author").textContent = message.username; // as text, whatever it holds
  line.querySelector(".text").textContent = message.text;
  const example = line.querySelector(".file");
  for (const upload of message.uploads) {
    const link = example.cloneNode();
    link.href += upload.id;
    link.textContent = upload.filename;
    example.before(link, " ");
  }
  example.remove();
  log.append(line);
  log.scrollTop = log.scrollHeight;
  last = message.seq;
}

// The gap rule: the next number is shown, an older one is there already, and before a later one
// something is missing: the page asks for it.
function receive(message) {
  if (message.room !== room) return; // it was said in another room of mine
  if (message.seq === last + 1) {
    showMessage(message);
  } else if (message.seq > last) {
    sync();
  }
}

function sync() {
  socket.emit("sync", { room, after: last }, (acknowledgement) => {
    if (!acknowledgement.ok) return;
    acknowledgement.messages.filter((message) => message.seq > last).forEach(showMessage);
  });
}

socket.on("new_message", receive);

socket.on("connect", () => {
  statusLine.textContent = "";
  sync(); // what was said since the page was made, or while the line was cut
});

socket.on("connect_error", (error) => {
  if (socket.active) {
    statusLine.textContent = "No connection. Trying again …"; // the client does so by itself
  } else {
    statusLine.textContent = error.message; // the server has refused, and says why
  }
});

socket.on("session_ended", (ended) => {
  statusLine.textContent = ended.reason;
});

socket.on("presence", (presence) => {
  if (presence.room !== room) return;
  document.querySelector("#online").textContent = `Here now: ${presence.online.join(", ")}`;
});

document.querySelector("#leave").addEventListener("click", () => {
  socket.emit("leave_room", { room }, () => location.assign("chat"));
});
