// SPDX-License-Identifier: Apache-2.0
// node node-ws.mjs URL SIZE...: npm `ws` sends each size as text and as binary and compares the echo. It
// offers permessage-deflate, and prints the name where that is agreed to.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';
import { bytesOf, textOf } from './payloads.mjs';

const [url, ...sizes] = process.argv.slice(2);
const socket = new WebSocket(url, { maxPayload: 1 << 30 });
socket.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
await once(socket, 'open');
if (socket.extensions) console.log(socket.extensions);

async function echo(payload, isBinary) {
  socket.send(payload, { binary: isBinary });
  const [data, wasBinary] = await once(socket, 'message');
  assert.equal(wasBinary, isBinary);
  assert.ok(Buffer.from(payload).equals(data), 'the echo differs');
}

for (const size of sizes.map(Number)) {
  await echo(textOf(size), false);
  console.log(`text ${size}`);
  await echo(bytesOf(size), true);
  console.log(`binary ${size}`);
}
socket.close(1000, 'done');
const [code] = await once(socket, 'close');
console.log(`closed ${code}`);
