// SPDX-License-Identifier: Apache-2.0
// node browser.mjs CHROMIUM URL SIZE...: a page in headless Chromium sends each size as text and as binary.
import { chromium } from 'playwright-core';

const [executablePath, url, ...sizes] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-quic',
  ],
});
try {
  // Certificates of tests are made by themselves.
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  page.on('console', (message) => {
    // Not the browser's own complaint that the page below is no page.
    if (message.type() === 'log') console.log(message.text());
  });
  // Whatever the server answers to a plain GET, the document has the server's origin then.
  await page.goto(url.replace(/^ws/, 'http'));
  await page.evaluate(echoAll, { url, sizes: sizes.map(Number) });
} finally {
  await browser.close();
}

/** Runs in the page. */
async function echoAll({ url, sizes }) {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const next = (type) =>
    new Promise((resolve, reject) => {
      socket.addEventListener(type, resolve, { once: true });
      socket.addEventListener('close', (event) => {
        if (type !== 'close') reject(new Error(`closed with ${event.code}`));
      });
    });
  const textOf = (size) => 'aé€🚀'.repeat(Math.floor(size / 10)) + 'z'.repeat(size % 10);
  const bytesOf = (size) => {
    const bytes = new Uint8Array(size);
    let state = size + 1;
    for (let i = 0; i < size; i++) {
      state = (Math.imul(state, 1103515245) + 12345) | 0;
      bytes[i] = state >>> 16;
    }
    return bytes;
  };
  const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

  await next('open');
  if (socket.extensions) console.log(socket.extensions.split(';')[0]);
  for (const size of sizes) {
    const text = textOf(size);
    socket.send(text);
    const { data } = await next('message');
    if (data !== text) throw new Error(`text of ${size} bytes differs`);
    console.log(`text ${size}`);
    const bytes = bytesOf(size);
    socket.send(bytes);
    const reply = await next('message');
    if (!(reply.data instanceof ArrayBuffer)) throw new Error('binary came back as text');
    if (!same(new Uint8Array(reply.data), bytes)) throw new Error(`binary of ${size} bytes differs`);
    console.log(`binary ${size}`);
  }
  socket.close(1000, 'done');
  console.log(`closed ${(await next('close')).code}`);
}
