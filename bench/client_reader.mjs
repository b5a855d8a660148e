// The same reader in JavaScript: socket.io-client with a callback and nothing else.
// node client_reader.mjs URL HELD COUNT; prints one line of JSON as bench/client_reader.py does.
import { createRequire } from "node:module";
import { join } from "node:path";

const { io } = createRequire(join(process.env.BENCH_MODULES, "x.js"))("socket.io-client");
const [url, held, count] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

let seen = 0, wanted = 0, began = 0, ended = 0, finish = () => {};
const socket = io(url, {
  path: "/ws/socket.io", transports: ["websocket"], auth: { token: "bench" }, reconnection: false, perMessageDeflate: false,
});
socket.on("events:channel", () => {
  if (seen++ === 0) began = performance.now();
  if (seen === wanted) {
    ended = performance.now();
    finish();
  }
});

async function take(first, number) {
  seen = 0;
  wanted = number;
  const all = new Promise((resolve) => { finish = resolve; });
  const cpu = process.cpuUsage();
  const answer = await fetch(`${url}/bench/send`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ first, count: number }),
  });
  const source = await answer.json();
  await all;
  const used = process.cpuUsage(cpu);
  return {
    rate: (number - 1) / ((ended - began) / 1000),
    cpu: (used.user + used.system) / 1e6 / number,
    source: source.cpu / source.took,
  };
}

socket.on("connect_error", (error) => { console.error(String(error)); process.exit(1); });
socket.on("connect", async () => {
  if (held) await take(0, held);
  console.log(JSON.stringify(await take(held, count)));
  socket.close();
});
