const socket = io({
  // Plumbing: the path comes from the page's own address, so the page also works behind a proxy.
  path: new URL("socket.io", document.baseURI).pathname,
  auth: { username: document.body.dataset.username }, // sent once for each connection
});

const form = document.querySelector("#message-form");
const input = document.querySelector("#message-input");
const statusLine = document.querySelector("#status");
const log = document.querySelector("#chat-messages");
const loadOlder = document.querySelector("#load-older");
const template = document.querySelector("#message-template");
let last = Number(document.body.dataset.last); // the number of the last message on this page
log.scrollTop = log.scrollHeight; // the newest messages are at the end

form.addEventListener("submit", (event) => {
  event.preventDefault(); // stay on this page: the socket sends the message, not the form
  const message = { text: input.value };
  if (!socket.connected) {
    statusLine.textContent = "Not connected. Your text stays here.";
    return;
  }
  statusLine.textContent = "Sending …"; // until the acknowledgement comes
  socket.emit("new_message", message, (acknowledgement) => {
    if (acknowledgement.ok) {
      statusLine.textContent = "The server has your message.";
      if (input.value === message.text) form.reset(); // unless you are typing the next message
    } else {
      statusLine.textContent = acknowledgement.error.message; // the text stays, so you can fix it
    }
  });
});

function lineOf(message) {
  const line = template.content.cloneNode(true);
  line.querySelector(".message").dataset.seq = message.seq;
  line.querySelector(".author").textContent = message.username; // as text, whatever it contains
  line.querySelector(".text").textContent = message.text;
  return line;
}

function showMessage(message) {
  log.append(lineOf(message));
  log.scrollTop = log.scrollHeight;
  last = message.seq;
}

// The gap rule: show the message with the next number, and ignore older ones. If a later one
// arrives, ask for what is missing.
socket.on("new_message", (message) => {
  if (message.seq === last + 1) {
    showMessage(message);
  } else if (message.seq > last) {
    sync();
  }
});

function sync() {
  socket.emit("sync", { after: last }, (acknowledgement) => {
    if (!acknowledgement.ok) return;
    acknowledgement.messages.filter((message) => message.seq > last).forEach(showMessage);
  });
}

loadOlder.addEventListener("click", async () => {
  const first = log.querySelector(".message");
  if (!first) return; // an empty page has nothing before it
  loadOlder.disabled = true; // a second click would load the same messages again
  try {
    const response = await fetch(`api/messages?before=${first.dataset.seq}`);
    const answer = await response.json();
    if (answer.ok) log.prepend(...answer.messages.map(lineOf));
    else statusLine.textContent = answer.error.message; // you are logged out, for example
  } catch {
    statusLine.textContent = "The server did not answer. Try again.";
  }
  loadOlder.disabled = false;
});

socket.on("connect", () => {
  statusLine.textContent = "";
  sync(); // get what was sent since the page was made, or while the connection was lost
});

socket.on("connect_error", (error) => {
  if (socket.active) {
    statusLine.textContent = "No connection. Trying again …"; // the client tries again by itself
  } else {
    statusLine.textContent = error.message; // the server refused the connection, and says why
    if (error.data.code === "conflict") setTimeout(() => socket.connect(), 3000); // free by then?
  }
});
