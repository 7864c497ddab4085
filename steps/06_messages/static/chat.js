const socket = io({
  // Plumbing: the path comes from the page's own address, so the page also works behind a proxy.
  path: new URL("socket.io", document.baseURI).pathname,
  auth: { username: document.body.dataset.username }, // said once, when the connection is made
});

const form = document.querySelector("#message-form");
const input = document.querySelector("#message-input");
const statusLine = document.querySelector("#status");
const log = document.querySelector("#chat-messages");
const template = document.querySelector("#message-template");

form.addEventListener("submit", (event) => {
  event.preventDefault(); // stay on this page: the message travels by socket, not by form
  const message = { text: input.value };
  if (!socket.connected) {
    statusLine.textContent = "Not connected. Your text stays here.";
    return;
  }
  statusLine.textContent = "Sending …"; // until the acknowledgement comes
  socket.emit("new_message", message, (acknowledgement) => {
    if (acknowledgement.ok) {
      statusLine.textContent = "The server has your message.";
      if (input.value === message.text) form.reset(); // unless the next one is being typed
    } else {
      statusLine.textContent = acknowledgement.error.message; // and the text stays, to be mended
    }
  });
});

socket.on("new_message", (message) => {
  const line = template.content.cloneNode(true);
  line.querySelector(".author").textContent = message.username; // as text, whatever it holds
  line.querySelector(".text").textContent = message.text;
  log.append(line);
  log.scrollTop = log.scrollHeight;
});

socket.on("connect", () => {
  statusLine.textContent = "";
});

socket.on("connect_error", (error) => {
  if (socket.active) {
    statusLine.textContent = "No connection. Trying again …"; // the client does so by itself
  } else {
    statusLine.textContent = error.message; // the server has refused, and says why
    if (error.data.code === "conflict") setTimeout(() => socket.connect(), 3000); // free by then?
  }
});
