// SPDX-License-Identifier: Apache-2.0
// node flatbuffer.mjs URL LEFT RIGHT NOTE: asks a server for a sum, both ways in FlatBuffers, and prints the answer.
//
//   table Question { left: int; right: int; note: string; }
//   table Answer { sum: int; note: string; }
import { once } from 'node:events';
import { Builder, ByteBuffer } from 'flatbuffers';
import WebSocket from 'ws';

const [url, left, right, note] = process.argv.slice(2);
const socket = new WebSocket(url);
socket.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
await once(socket, 'open');
socket.send(question(Number(left), Number(right), note));
const [data, isBinary] = await once(socket, 'message');
const answer = readAnswer(new Uint8Array(data));
console.log(`${isBinary ? 'binary' : 'text'} ${answer.sum} ${answer.note}`);
socket.close();
await once(socket, 'close');

function question(left, right, note) {
  const builder = new Builder(64);
  const noteOffset = builder.createString(note);
  builder.startObject(3);
  builder.addFieldInt32(0, left, 0);
  builder.addFieldInt32(1, right, 0);
  builder.addFieldOffset(2, noteOffset, 0);
  builder.finish(builder.endObject());
  return builder.asUint8Array();
}

function readAnswer(bytes) {
  const buffer = new ByteBuffer(bytes);
  const table = buffer.readInt32(0);
  const sum = buffer.__offset(table, 4);
  const note = buffer.__offset(table, 6);
  return { sum: buffer.readInt32(table + sum), note: buffer.__string(table + note) };
}
