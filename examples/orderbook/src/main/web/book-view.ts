// SPDX-License-Identifier: Apache-2.0

import { byId, create } from './dom.js';
import { formatPrice, formatQuantity } from './format.js';
import type { LevelView, QuoteView } from './messages.js';

const DEPTH = 10;

/** One line of the book. It stays where it is and changes what it shows, so the keyboard's focus stays too. */
class Line {
  readonly row = create('tr', '', 'level');
  readonly #price = create('button');
  readonly #quantity = create('td');
  readonly #total = create('td');
  readonly #orders = create('td');
  #level: LevelView | undefined;

  constructor(onPick: (price: number) => void) {
    this.#price.type = 'button';
    const cell = create('td');
    cell.append(this.#price);
    this.row.append(cell, this.#quantity, this.#total, this.#orders);
    this.row.addEventListener('click', () => {
      if (this.#level !== undefined) {
        onPick(this.#level.price);
      }
    });
    this.clear();
  }

  show(level: LevelView, total: number, deepest: number, own: boolean): void {
    this.#level = level;
    this.#price.textContent = formatPrice(level.price);
    this.#price.disabled = false;
    this.#price.title = own ? 'Your order rests here' : 'Take this price into the form';
    this.#quantity.textContent = formatQuantity(level.quantity);
    this.#total.textContent = formatQuantity(total);
    this.#orders.textContent = formatQuantity(level.orders);
    this.row.classList.toggle('own', own);
    this.row.style.setProperty('--depth', `${(100 * total) / deepest}%`);
  }

  clear(): void {
    this.#level = undefined;
    this.#price.textContent = '–';
    this.#price.disabled = true;
    this.#price.title = '';
    for (const cell of [this.#quantity, this.#total, this.#orders]) {
      cell.textContent = '';
    }
    this.row.classList.remove('own');
    this.row.style.setProperty('--depth', '0%');
  }
}

/** Asks above, bids below, the best of both in the middle. */
export class BookView {
  readonly #asks: readonly Line[];
  readonly #bids: readonly Line[];
  readonly #middle = byId('middle', HTMLElement);
  readonly #spread = byId('spread', HTMLElement);

  constructor(onPick: (price: number) => void) {
    const lines = () => Array.from({ length: DEPTH }, () => new Line(onPick));
    this.#asks = lines();
    this.#bids = lines();
    byId('asks', HTMLElement).append(...this.#asks.map((line) => line.row).reverse());
    byId('bids', HTMLElement).append(...this.#bids.map((line) => line.row));
  }

  show({ asks, bids, openOrders }: QuoteView): void {
    const own = new Set(openOrders.map((order) => order.price));
    const deepest = Math.max(1, total(asks), total(bids));
    showSide(this.#asks, asks, deepest, own);
    showSide(this.#bids, bids, deepest, own);
    const ask = asks[0];
    const bid = bids[0];
    if (ask === undefined || bid === undefined) {
      this.#middle.textContent = '–';
      this.#spread.textContent = 'one side is empty';
    } else {
      this.#middle.textContent = formatPrice((ask.price + bid.price) / 2);
      this.#spread.textContent = `spread ${formatPrice(ask.price - bid.price)}`;
    }
  }
}

function total(levels: readonly LevelView[]): number {
  return levels.reduce((sum, level) => sum + level.quantity, 0);
}

function showSide(
  lines: readonly Line[],
  levels: readonly LevelView[],
  deepest: number,
  own: ReadonlySet<number>,
): void {
  let sum = 0;
  lines.forEach((line, index) => {
    const level = levels[index];
    if (level === undefined) {
      line.clear();
    } else {
      sum += level.quantity;
      line.show(level, sum, deepest, own.has(level.price));
    }
  });
}
