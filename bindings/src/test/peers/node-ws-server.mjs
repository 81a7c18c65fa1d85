// SPDX-License-Identifier: Apache-2.0
// node node-ws-server.mjs COMPRESSED: npm `ws` echoes on a port that it prints, until its input ends.
import { WebSocketServer } from 'ws';

const perMessageDeflate = process.argv[2] === 'true' && { threshold: 0 };
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload: 1 << 30, perMessageDeflate });
server.on('connection', (socket) => {
  socket.on('error', (error) => console.error(error.message));
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.on('listening', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
