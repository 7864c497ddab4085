// Plumbing: the path comes from the page's own address, so the page also works behind a proxy.
const socket = io({ path: new URL("socket.io", document.baseURI).pathname });

const form = document.querySelector("#message-form");
const input = document.querySelector("#message-input");
const statusLine = document.querySelector("#status");

form.addEventListener("submit", (event) => {
  event.preventDefault(); // stay on this page: the socket sends the message, not the form
  const message = { username: document.body.dataset.username, text: input.value };
  statusLine.textContent = "Sending …"; // until the acknowledgement comes
  socket.emit("new_message", message, (acknowledgement) => {
    statusLine.textContent = acknowledgement.ok ? "The server has your message." : "Not accepted.";
  });
  form.reset();
});
