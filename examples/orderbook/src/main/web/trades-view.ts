// SPDX-License-Identifier: Apache-2.0

import { byId, create } from './dom.js';
import { formatPrice, formatQuantity, formatTime } from './format.js';
import { Side, type TradeView } from './messages.js';

const SHOWN = 21;

/** The latest trades, newest first. */
export class TradesView {
  readonly #body = byId('trades', HTMLElement);

  /** Forgets what it shows: a new connection is told of the most recent trades again. */
  clear(): void {
    this.#body.replaceChildren();
  }

  add(trades: readonly TradeView[]): void {
    for (const trade of trades) {
      this.#body.prepend(row(trade));
    }
    while (this.#body.childElementCount > SHOWN) {
      this.#body.lastElementChild?.remove();
    }
  }
}

function row(trade: TradeView): HTMLTableRowElement {
  const bought = trade.taker === Side.Buy;
  const row = create('tr', '', bought ? 'buy' : 'sell');
  row.dataset['number'] = String(trade.number);
  row.title = bought ? 'A buyer took what was offered' : 'A seller took what was bid';
  row.append(
    create('td', `${bought ? '▲' : '▼'} ${formatPrice(trade.price)}`),
    create('td', formatQuantity(trade.quantity)),
    create('td', formatTime(trade.time)),
  );
  return row;
}
