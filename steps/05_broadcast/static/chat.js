// Plumbing: the path comes from the page's own address, so the page also works behind a proxy.
const socket = io({ path: new URL("socket.io", document.baseURI).pathname });

const form = document.querySelector("#message-form");
const input = document.querySelector("#message-input");
const statusLine = document.querySelector("#status");
const log = document.querySelector("#chat-messages");
const template = document.querySelector("#message-template");

form.addEventListener("submit", (event) => {
  event.preventDefault(); // stay on this page: the socket sends the message, not the form
  const message = { username: document.body.dataset.username, text: input.value };
  statusLine.textContent = "Sending …"; // until the acknowledgement comes
  socket.emit("new_message", message, (acknowledgement) => {
    statusLine.textContent = acknowledgement.ok ? "The server has your message." : "Not accepted.";
  });
  form.reset();
});

socket.on("new_message", (message) => {
  const line = template.content.cloneNode(true);
  line.querySelector(".author").textContent = message.username; // as text, whatever it contains
  line.querySelector(".text").textContent = message.text;
  log.append(line);
  log.scrollTop = log.scrollHeight;
});
