// The reference client, as a page of the original uses it: joins, hears one message, answers a call, and parts.
// node reference_client.mjs URL TOKEN websocket|polling,websocket|polling; prints one line of JSON for each thing that happens.
import { createRequire } from "node:module";
import { join } from "node:path";

const { io } = createRequire(join(process.env.CLIENT_MODULES, "x.js"))("socket.io-client");
const [url, token, transports] = process.argv.slice(2);
const tell = (what, more = {}) => console.log(JSON.stringify({ what, ...more }));

const socket = io(url, {
  path: "/ws/socket.io", transports: transports.split(","), auth: { token }, reconnection: false,
});
const engine = socket.io.engine;
const upgraded = new Promise((resolve) => {
  if (transports === "polling,websocket") engine.once("upgrade", resolve);
  else resolve();
});

socket.on("connect_error", (error) => { tell("refused", { message: error.message }); process.exitCode = 1; socket.close(); });
socket.on("connect", async () => {
  const person = await socket.timeout(10_000).emitWithAck("user-join", { auth: { token } });
  await upgraded;
  // A request that was on the way when the transport changed has ended by the answer to this.
  await socket.timeout(10_000).emitWithAck("heartbeat", {});
  tell("joined", { person, transport: socket.io.engine.transport.name, sid: socket.id });
});
socket.on("events:channel", (payload) => {
  tell("heard", { type: payload.data.type, content: payload.data.data?.content });
  if (payload.data.data?.content === "goodbye") socket.close();
});
socket.on("disconnect", (reason) => {
  tell("parted", { reason });
  // The same server refuses what is not there in words that this client understands.
  const other = io(`${url}/nowhere`, {
    path: "/ws/socket.io", transports: transports.split(","), reconnection: false, forceNew: true,
  });
  other.on("connect_error", (error) => { tell("refused", { message: error.message }); other.close(); });
});
