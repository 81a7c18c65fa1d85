// SPDX-License-Identifier: Apache-2.0
//
// Two browser pages at one market: node market.mjs URL FOLDER. It exits with 0 if the pages show and do what they
// should; otherwise it says what went wrong and leaves a picture of each page in FOLDER.
//
// It talks to the test that started it by lines: after `storm` it expects slow and hostile traders, after `restart` it expects the server to go away, after `gone` to come
// back on the same port.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';

const [url, folder] = process.argv.slice(2);
const timeout = 20_000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
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
const complaints = [];
const pages = [];
let failed = false;
try {
  const alice = await open('alice');
  const bob = await open('bob');
  await seesTheBook(alice);
  await seesTheBook(bob);
  await bothSeeATradeOf(alice, bob, { side: 'buy', price: '120.00', sign: '▲' });
  await bothSeeATradeOf(bob, alice, { side: 'sell', price: '80.00', sign: '▼' });
  await restsAndCancels(alice, bob);
  await tellsWhyAnOrderIsRefused(alice);
  await measuresItsRoundTrip(alice);
  await survivesAStorm(alice, bob);
  await comesBack([alice, bob]);
  assert.deepEqual(complaints, [], 'errors in the console of a page');
} catch (error) {
  failed = true;
  console.error(error);
  for (const complaint of complaints) {
    console.error(complaint);
  }
  fs.mkdirSync(folder, { recursive: true });
  for (const { name, page } of pages) {
    await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
  }
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);

async function open(name) {
  const context = await browser.newContext({ viewport: { width: 1240, height: 900 } });
  context.setDefaultTimeout(timeout);
  const page = await context.newPage();
  pages.push({ name, page });
  page.on('pageerror', (error) => complaints.push(`${name}: ${error.stack}`));
  page.on('console', (message) => {
    // The page cannot keep the browser from noting a connection that failed while the server was away.
    if (message.type() === 'error' && !message.text().includes('WebSocket connection to')) {
      complaints.push(`${name}: ${message.text()}`);
    }
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) {
      complaints.push(`${name} asked for ${request.url()}`);
    }
  });
  await page.goto(url);
  await state(page, 'connected');
  return page;
}

async function state(page, wanted) {
  await page.locator(`#connection[data-state="${wanted}"]`).waitFor();
}

async function seesTheBook(page) {
  for (const side of ['#asks', '#bids']) {
    await page.locator(`${side} .level button:enabled`).nth(4).waitFor();
  }
  const prices = async (side) =>
    (await page.locator(`${side} .level button:enabled`).allTextContents()).map((text) => Number(text));
  // One evaluation, so that both sides are of one quote.
  const [ask, bid] = await page.evaluate(() => [
    Number(document.querySelector('#asks .level:last-child button').textContent),
    Number(document.querySelector('#bids .level:first-child button').textContent),
  ]);
  assert.ok(bid > 0 && ask > bid, `the best ask ${ask} is not above the best bid ${bid}`);
  const asks = await prices('#asks');
  assert.deepEqual(asks, [...asks].sort((a, b) => b - a), 'asks are not sorted');
  const bids = await prices('#bids');
  assert.deepEqual(bids, [...bids].sort((a, b) => b - a), 'bids are not sorted');
}

/** Writes an order as somebody without a mouse does. */
async function place(page, { side, price, quantity }) {
  await page.locator(`input[name="side"][value="${side}"]`).focus();
  await page.keyboard.press('Space');
  await page.locator('#price').focus();
  await page.keyboard.press('Control+A');
  await page.keyboard.type(price);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Control+A');
  await page.keyboard.type(String(quantity));
  await page.keyboard.press('Enter');
}

async function says(page, text) {
  await page.locator('#order-status', { hasText: text }).waitFor();
}

/** One unit, so that it is one trade whatever rests at the best price. */
async function bothSeeATradeOf(taker, other, { side, price, sign }) {
  const before = Number(await taker.locator('#trades tr').first().getAttribute('data-number'));
  assert.ok(before > 0, 'the tape is empty');
  await place(taker, { side, price, quantity: 1 });
  await says(taker, /^order \d+: 1 filled, 0 resting$/);
  const mine = await taker.waitForFunction(
    ([last, mark]) =>
      [...document.querySelectorAll('#trades tr')]
        .filter((row) => Number(row.dataset.number) > last)
        .filter((row) => row.cells[0].textContent.startsWith(mark) && row.cells[1].textContent === '1')
        .map((row) => ({ number: row.dataset.number, text: row.textContent }))
        .at(-1),
    [before, sign],
  );
  const { number, text } = await mine.jsonValue();
  const seen = other.locator(`#trades tr[data-number="${number}"]`);
  await seen.waitFor();
  assert.equal(await seen.textContent(), text);
}

/** Behind the best bids, so that it rests, and larger than all the market maker could take of it meanwhile. */
async function restsAndCancels(page, other) {
  const price = await page.locator('#bids .level:nth-child(3) button').textContent();
  await place(page, { side: 'buy', price, quantity: 1000 });
  await says(page, /^order \d+: \d+ filled, [\d,]+ resting$/);
  await page.locator('#bids .level.own button', { hasText: price }).waitFor();
  await bids(other, price, 'many');
  assert.equal(await page.locator('#open-orders tr').count(), 1);
  assert.equal(await other.locator('#open-orders tr, .level.own').count(), 0);
  await page.locator('#open-orders button').click();
  await says(page, /^order \d+ canceled, [\d,]+ taken back$/);
  await page.locator('#no-open-orders').waitFor();
  await page.locator('.level.own').waitFor({ state: 'detached' });
  await bids(other, price, 'few');
}

/** Until the page shows that many or few bids at a price. */
async function bids(page, price, amount) {
  await page.waitForFunction(
    ([wantedPrice, wantedAmount]) => {
      const quantity = [...document.querySelectorAll('#bids .level')]
        .filter((row) => row.cells[0].textContent === wantedPrice)
        .reduce((sum, row) => sum + Number(row.cells[1].textContent.replace(',', '')), 0);
      return (quantity >= 700) === (wantedAmount === 'many');
    },
    [price, amount],
  );
}

async function tellsWhyAnOrderIsRefused(page) {
  await place(page, { side: 'buy', price: '100.00', quantity: 0 });
  await says(page, 'refused: quantity out of range: quantity=0, limit=1 to 1000');
  await place(page, { side: 'sell', price: '10000.01', quantity: 1 });
  await says(page, 'refused: price out of range: price=1000001, limit=1 to 1000000');
  await place(page, { side: 'sell', price: '1.234', quantity: 1 });
  await says(page, '“1.234” is no price with at most two decimals');
}

async function measuresItsRoundTrip(page) {
  for (const id of ['#round-trip-last', '#round-trip-median']) {
    const text = await page.locator(id).textContent();
    assert.match(text, /^\d+\.\d+ ms$/);
    const milliseconds = Number.parseFloat(text);
    assert.ok(milliseconds >= 0 && milliseconds < 10_000, text);
  }
}

/** Slow and hostile traders come: the page shows who lags behind, has lost nothing itself, and trades. */
async function survivesAStorm(page, other) {
  console.log('storm');
  await page.waitForFunction(() =>
    [...document.querySelectorAll('#queues tr')].some((row) => Number(row.cells[3].textContent.replaceAll(',', '')) > 0),
  );
  assert.match(await page.locator('#own-queue').textContent(), /^\d+ · [\d.]+ (B|KiB)$/);
  assert.equal(await page.locator('#own-dropped').textContent(), '0');
  await bothSeeATradeOf(page, other, { side: 'buy', price: '120.00', sign: '▲' });
  await state(page, 'connected');
}

async function comesBack(pages) {
  console.log('restart');
  for (const page of pages) {
    await state(page, 'waiting');
    assert.match(await page.locator('#connection').textContent(), /^closed with \d+.*; next try in \d+ s$/);
    assert.ok(await page.locator('#submit').isDisabled());
  }
  console.log('gone');
  for (const page of pages) {
    await state(page, 'connected');
    await seesTheBook(page);
    assert.ok(await page.locator('#submit').isEnabled());
  }
}
