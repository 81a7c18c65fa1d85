// SPDX-License-Identifier: Apache-2.0
// node differential-ws.mjs SOCKET MAX_MESSAGE MAX_FRAGMENTS: npm `ws` echoes on a Unix socket until its input ends.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const [socket, maxPayload, maxFragments] = process.argv.slice(2);
const http = createServer();
const server = new WebSocketServer({ server: http, maxPayload: Number(maxPayload), maxFragments: Number(maxFragments) });
server.on('connection', (connection) => {
  connection.on('error', () => {}); // it closes by itself, and the code is what is compared
  connection.on('message', (data, isBinary) => connection.send(data, { binary: isBinary }));
});
http.listen(socket, 1024, () => console.log('listening'));
process.stdin.on('end', () => process.exit(0)).resume();
