// SPDX-License-Identifier: Apache-2.0

import { BookView } from './book-view.js';
import { byId } from './dom.js';
import { formatMilliseconds } from './format.js';
import { type ConnectionState, MarketConnection } from './market-connection.js';
import type { QuoteView } from './messages.js';
import { OpenOrdersView } from './open-orders-view.js';
import { OrderForm } from './order-form.js';
import { QueuesView } from './queues-view.js';
import { RoundTrip } from './round-trip.js';
import { TradesView } from './trades-view.js';

const state = byId('connection', HTMLElement);
const retry = byId('retry', HTMLButtonElement);
const lastRoundTrip = byId('round-trip-last', HTMLElement);
const medianRoundTrip = byId('round-trip-median', HTMLElement);

const roundTrip = new RoundTrip();
const connection = new MarketConnection(`ws://${location.host}/market`, {
  onState: showState,
  onQuote: showQuote,
  onRoundTrip: showRoundTrip,
});
const form = new OrderForm((order, answered) => connection.send(order, answered));
const book = new BookView((price) => form.pick(price));
const trades = new TradesView();
const queues = new QueuesView();
const openOrders = new OpenOrdersView((order) => form.cancel(order));

retry.addEventListener('click', () => connection.connect());
connection.connect();

function showQuote(quote: QuoteView): void {
  book.show(quote);
  trades.add(quote.trades);
  openOrders.show(quote.openOrders);
  queues.show(quote.queues);
  form.suggest(quote.asks[0]);
}

function showRoundTrip(milliseconds: number): void {
  roundTrip.add(milliseconds);
  const last = roundTrip.last();
  const median = roundTrip.median();
  if (last !== undefined && median !== undefined) {
    lastRoundTrip.textContent = formatMilliseconds(last);
    medianRoundTrip.textContent = formatMilliseconds(median);
  }
}

function showState(next: ConnectionState): void {
  if (next.kind === 'connecting') {
    trades.clear();
  }
  state.dataset['state'] = next.kind;
  state.textContent = describe(next);
  retry.hidden = next.kind !== 'waiting';
  form.enable(next.kind === 'connected' || next.kind === 'silent');
  // What is shown of a market nobody is connected to is old, and looks it.
  document.body.classList.toggle('stale', next.kind !== 'connected');
}

function describe(next: ConnectionState): string {
  switch (next.kind) {
    case 'connecting':
      return 'connecting';
    case 'connected':
      return 'connected';
    case 'silent':
      return `no answer for ${next.seconds} s`;
    case 'waiting':
      return `${next.reason}; next try in ${next.retryInSeconds} s`;
  }
}
