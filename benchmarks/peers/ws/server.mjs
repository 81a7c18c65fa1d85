// SPDX-License-Identifier: Apache-2.0
// Echoes every message, compressed where the client wants it: node server.mjs [PORT]
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  maxPayload: 16 << 20,
  perMessageDeflate: {
    // No state for each connection on either side, as our server has it, and from the first byte on.
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    threshold: 0,
    zlibDeflateOptions: { level: 1 },
  },
});
server.on('connection', (socket) =>
  socket.on('message', (message, binary) => socket.send(message, { binary, compress: true })),
);
server.on('listening', () =>
  console.log(`listening ws://127.0.0.1:${server.address().port}/ node=${process.version}`),
);
