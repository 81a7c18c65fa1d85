// SPDX-License-Identifier: Apache-2.0
// Echoes every message, compressed where the client wants it: bun server.mjs [PORT]
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response(null, { status: 426 })),
  websocket: {
    // No state for each connection on either side, as our server has it.
    perMessageDeflate: { compress: 'shared', decompress: 'shared' },
    maxPayloadLength: 16 << 20,
    message(socket, message) {
      socket.send(message, true);
    },
  },
});
console.log(`listening ws://127.0.0.1:${server.port}/ bun=${Bun.version}`);
