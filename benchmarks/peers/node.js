// Socket.IO for Node, which sends each message to everybody: node benchmarks/peers/node.js PORT
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http);
io.on("connection", (socket) => {
  socket.on("new_message", (text) => io.emit("new_message", text));
});
http.listen(Number(process.argv[2]), "127.0.0.1", 1024);
